"""What a file's packets say without decoding: when each frame is shown, and which ones are key frames."""

from array import array
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.video.captures import EARLIEST_STAMP_MS, OpenCVCapture, grab_next, open_packets, released
from keyframes.video.containers import is_edited
from keyframes.video.decoder_log import DecoderLog
from keyframes.video.frames import VideoHeader
from keyframes.video.packets.coded_pictures import WITHOUT_ZEROS, cut_codec, holds_lost_block, unknown_picture
from keyframes.video.packets.indexed_packets import PacketLayout, compare, indexed_packets
from keyframes.video.packets.packet_looks import look_at
from keyframes.video.packets.stored_packets import StoredPackets

# Most frames that a codec may hold back until it knows what to show next.
LONGEST_DELAY = 16
# Damaged packets end the reading of packets only where this many follow each other. At the end of a file, asking for
# each of them costs a microsecond.
MOST_DAMAGED = 16384


@dataclass(frozen=True)
class Packets:
    """The packets of a video track.

    Attributes
    ----------
    times_ms : array (n_packets,), float64
        Their time stamps in the order of presentation, as OpenCV gives them.
    key_times_ms : array (n_keys,), float64
        Those of the key frames, ascending.
    first_ms : float
        Time of the packet that comes first in the file.
    delay : int
        How many places a packet lies at most before or behind its place in the order of presentation.
    distinct : bool
        Whether no two packets have the same time, so that a time tells a frame.
    zeroed_ms : array (n_zeroed,), float64
        Time stamps of the packets that hold a lost block, ascending; known of H.264 and HEVC alone.
    sizes : array (n_packets,), uint32
        In bytes, in the order of presentation, as the next two.
    places : array (n_packets,), int32
        Where each one lies in the file: 0 is the first.
    spare : array (n_packets,), bool
        Which ones are known to be needed for no other frame than their own.
    afresh : bool
        Whether the codec is one whose packets can be joined (`keyframes.video.packets.coded_pictures`), and every key
        frame is known to start afresh: no frame shown after it refers to one before it.
    changes : bool
        Whether key frames have different parameters of their encoding, as where two recordings were joined. Some may
        lack theirs, so that a seek decodes them with others: then colours may be wrong where brightness is right.
    same_parameters : bool
        Whether every key frame is known to have the same parameters, the size of the picture among them.
    complaints : bool
        Whether FFmpeg complained while it read them one by one: it leaves out what it cannot take apart.
    edited : bool
        Whether an edit list leaves out frames: the file lists more than there are packets.
    layout : PacketLayout or None
        Where they lie in the file, if that is known.
    """

    times_ms: NDArray[np.float64]
    key_times_ms: NDArray[np.float64]
    first_ms: float
    delay: int
    distinct: bool
    zeroed_ms: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    sizes: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32), repr=False)
    places: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32), repr=False)
    spare: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool), repr=False)
    afresh: bool = False
    changes: bool = False
    same_parameters: bool = False
    complaints: bool = field(default=False, compare=False)
    edited: bool = False
    layout: PacketLayout | None = field(default=None, repr=False, compare=False)

    @classmethod
    def none(cls) -> "Packets":
        """Return what is known where there are no packets."""
        return cls(np.empty(0), np.empty(0), first_ms=0.0, delay=LONGEST_DELAY, distinct=False)

    @property
    def in_order(self) -> bool:
        """Whether the time stamps grow, but for what a codec reorders: those of joined recordings start anew."""
        return self.delay <= LONGEST_DELAY

    @property
    def reordered(self) -> bool:
        """Whether the packets are stored in another order than shown, as B-frames want it."""
        return self.distinct and self.delay > 0

    @property
    def key_frames(self) -> NDArray[np.int64]:
        """Frame indices of the key frames, ascending, where no two packets have the same time."""
        return self.times_ms.searchsorted(self.key_times_ms)

    def rank(self, time_ms: float) -> int:
        """Index of the frame of this time; -1 where no packet has it."""
        place = int(np.searchsorted(self.times_ms, time_ms))
        return place if place < len(self.times_ms) and self.times_ms[place] == time_ms else -1

    def next_stamp_ms(self, time_ms: float) -> float | None:
        """First time stamp that is later than a time, or None."""
        place = int(np.searchsorted(self.times_ms, time_ms, side="right"))
        return float(self.times_ms[place]) if place < len(self.times_ms) else None

    def count_at(self, time_ms: float, tolerance_ms: float) -> int:
        """Return how many packets have this time stamp."""
        first, end = np.searchsorted(self.times_ms, [time_ms - tolerance_ms, time_ms + tolerance_ms])
        return int(end - first)

    def n_after(self, time_ms: float, n_decoded: int) -> int:
        """Return how many packets are left after `n_decoded` frames, the latest of them at this time."""
        if not self.distinct:
            return max(0, len(self.times_ms) - n_decoded)
        return len(self.times_ms) - int(np.searchsorted(self.times_ms, time_ms, side="right"))

    def key_indices(self, times_ms: NDArray[np.float64]) -> NDArray[np.int64]:
        """Frame indices of the key frames among frames of these time stamps, which damage may leave out of order."""
        return np.flatnonzero(np.isin(times_ms, self.key_times_ms))


def read_packets(path: Path, header: VideoHeader) -> Packets:
    """Read the time and the key flag of every video packet of a file: by its index, or else one by one.

    No packets are returned where OpenCV reads those of another video track than the one of the pictures.
    """
    return packets_by_index(path, header) or packets_one_by_one(path, header)


def packets_by_index(path: Path, header: VideoHeader) -> Packets | None:
    """Return the packets of a file by its index; None where this may not be what reading them one by one gives."""
    if (indexed := indexed_packets(path, header)) is None:
        return None
    with DecoderLog(), released(open_packets(path)) as capture:
        found = "different" if _is_other_track(capture, header) else compare(capture, indexed, header.codec)
    if found == "different" or (stored := look_at(indexed, header.codec)) is None:
        return None
    return replace(_arranged(stored), layout=indexed.layout if found == "same" else None)


def packets_one_by_one(path: Path, header: VideoHeader) -> Packets:
    """Read every packet of a file with OpenCV."""
    with DecoderLog() as log, released(open_packets(path)) as capture:
        if _is_other_track(capture, header):
            return Packets.none()
        stored = _read(capture, header.codec)
    return replace(_arranged(stored), complaints=bool(log.counts), edited=is_edited(path))


def _read(capture: OpenCVCapture, codec: str) -> StoredPackets:
    """Read packets one by one."""
    times, sizes, keys, zeroed = array("d"), array("I"), bytearray(), bytearray()
    afresh, referred, layers = bytearray(), bytearray(), bytearray()
    look_inside, cut = codec.lower() in WITHOUT_ZEROS, cut_codec(codec)
    picture_of = unknown_picture if cut is None else cut.picture
    parameters: set[bytes] = set()
    # A hundred thousand times an hour: so this spells out `stamp_ms`, and names are looked up once.
    grab, get, retrieve = capture.grab, capture.get, capture.retrieve
    stamp, key_flag = cv2.CAP_PROP_POS_MSEC, cv2.CAP_PROP_LRF_HAS_KEY_FRAME
    while grab() or grab_next(capture, lambda: MOST_DAMAGED):
        times.append(get(stamp))
        keys.append(get(key_flag) != 0)
        data = retrieve()[1]
        # Large packets are not copied to look at their first bytes.
        packet = memoryview(b"") if data is None else data.data
        sizes.append(packet.nbytes)
        zeroed.append(look_inside and holds_lost_block(packet.tobytes()))
        is_afresh, is_referred, in_layer = picture_of(packet)
        if keys[-1] and cut is not None and cut.parameters is not None:
            parameters.add(cut.parameters_of(packet.tobytes()))
        afresh.append(is_afresh)
        referred.append(is_referred)
        layers.append(in_layer & 7)
    return StoredPackets(
        times_ms=np.array(times, np.float64),
        sizes=np.array(sizes, np.uint32),
        keys=np.frombuffer(bytes(keys), bool),
        zeroed=np.frombuffer(bytes(zeroed), bool),
        afresh=np.frombuffer(bytes(afresh), bool),
        referred=np.frombuffer(bytes(referred), bool),
        layers=np.frombuffer(bytes(layers), np.uint8),
        parameters=frozenset(parameters),
    )


def _arranged(packets: StoredPackets) -> Packets:
    """Return packets in the order of presentation, and what they say of the file."""
    stored, key, parameters = packets.times_ms.copy(), packets.keys, packets.parameters
    stored[stored < EARLIEST_STAMP_MS] = 0.0
    order = np.argsort(stored, kind="stable")
    shown = stored[order]
    distinct = bool(len(shown)) and bool(np.all(np.diff(shown) > 0))
    spare = ~packets.referred & (packets.layers == packets.layers.max(initial=0))
    delay = int(np.abs(order - np.arange(len(order))).max(initial=0))
    return Packets(
        times_ms=shown,
        key_times_ms=np.sort(stored[key]),
        first_ms=float(stored[0]) if len(stored) else 0.0,
        # Where stamps are equal, it is not known which packet is which.
        delay=delay if distinct else max(delay, LONGEST_DELAY),
        distinct=distinct,
        zeroed_ms=np.sort(stored[packets.zeroed]),
        sizes=packets.sizes[order],
        places=order.astype(np.int32),
        spare=spare[order],
        afresh=bool(key.any()) and bool(packets.afresh[key].all()),
        changes=len(parameters - {b""}) > 1,
        same_parameters=len(parameters) == 1 and b"" not in parameters,
    )


def _is_other_track(capture: OpenCVCapture, header: VideoHeader) -> bool:
    """Whether packets are of pictures of another size than OpenCV's, or claim to be more or fewer."""
    if header.backend != "opencv":
        return False
    size = {int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))}
    claimed = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    return (min(size) > 0 and size != {header.width, header.height}) or 0 < claimed != header.frames_claimed > 0
