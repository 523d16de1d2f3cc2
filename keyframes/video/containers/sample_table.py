"""What an index says of a video track."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


class UnusualFileError(Exception):
    """A file whose index is not read, because it is damaged or of a kind that no test has seen."""


class EditedFileError(UnusualFileError):
    """A file that shows only a part of what its index lists."""


@dataclass(frozen=True)
class UnitFormat:
    """How packets of H.264 and HEVC hold their units.

    Attributes
    ----------
    is_hevc : bool
    length_bytes : int
        In how many bytes the length before each unit is written.
    parameters : bytes
        The sets of parameters that stand in the file's header, each behind a start code.
    complete : bool
        Whether these are all that a decoder needs.
    """

    is_hevc: bool
    length_bytes: int
    parameters: bytes
    complete: bool


@dataclass(frozen=True)
class SampleTable:
    """The packets of a video track in the order in which they are decoded.

    Attributes
    ----------
    offsets : array (n_packets,), int64
        Where each one begins in the file.
    sizes : array (n_packets,), int64
        Bytes that the file holds of each one.
    keys : array (n_packets,), bool
        Which ones are marked as key frames.
    times_ms : array (n_packets,), float64
        When each one is shown, to the last bit as OpenCV says it of a packet.
    units : UnitFormat or None
        None where a packet is handed out as it is stored.
    coding_tells_keys : bool
        Whether FFmpeg takes the key frames from the pictures, so that the index is right only where both agree.
    """

    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    keys: NDArray[np.bool_]
    times_ms: NDArray[np.float64]
    units: UnitFormat | None = None
    coding_tells_keys: bool = False


def milliseconds(ticks: NDArray[np.int64], numerator: int, denominator: int) -> NDArray[np.float64]:
    """Return times in the order of operations of OpenCV, which rounds three times."""
    return np.asarray(ticks.astype(np.float64) * (numerator / denominator) * 1000)
