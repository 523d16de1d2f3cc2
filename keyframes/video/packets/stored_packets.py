"""What is known of each packet of a file, in the order in which they are stored."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class StoredPackets:
    """The packets of a video track, in the order in which they are stored and decoded.

    Attributes
    ----------
    times_ms : array (n_packets,), float64
        When each one is shown, as OpenCV says it.
    sizes : array (n_packets,), uint32
        In bytes.
    keys, zeroed : array (n_packets,), bool
        Which ones are marked as key frames, and which hold a lost block.
    afresh, referred, layers : array (n_packets,), bool, bool and uint8
        The fields of `keyframes.video.packets.coded_pictures.CodedPicture`.
    parameters : frozenset of bytes
        The different parameters of the key frames.
    """

    times_ms: NDArray[np.float64]
    sizes: NDArray[np.uint32]
    keys: NDArray[np.bool_]
    zeroed: NDArray[np.bool_]
    afresh: NDArray[np.bool_]
    referred: NDArray[np.bool_]
    layers: NDArray[np.uint8]
    parameters: frozenset[bytes]
