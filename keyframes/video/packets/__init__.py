"""What a file says of its compressed frames, the packets, without decoding them.

In goes a file and its header, out come `Packets`: when each frame is shown, its size, which ones are key frames, and
which ones no other frame needs. `packets` reads them by the index of the file, or else one by one. By the index, they
are compared with what OpenCV reads (`indexed_packets`) and looked at (`packet_looks`); both ways give `stored_packets`.
`coded_pictures` knows what the first bytes of a packet say of its picture.
"""

from keyframes.video.packets.packets import LONGEST_DELAY, Packets, packets_by_index, packets_one_by_one, read_packets

__all__ = ["LONGEST_DELAY", "Packets", "packets_by_index", "packets_one_by_one", "read_packets"]
