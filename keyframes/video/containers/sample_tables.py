"""Which container a file is, and its index."""

from keyframes.video.containers.avi import avi_table
from keyframes.video.containers.mp4 import mp4_table
from keyframes.video.containers.sample_table import SampleTable, UnusualFileError
from keyframes.video.containers.stored_bytes import Bytes


def read_table(data: Bytes) -> SampleTable:
    """Return the packets of a file's video track by its index; an UnusualFileError where they must be read to be known.

    That packets lie where the index says is known of AVI alone, whose packets name themselves.
    """
    start = data[:12].tobytes()
    if start[:4] == b"RIFF" and start[8:] == b"AVI ":
        return avi_table(data)
    if start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free"):
        return mp4_table(data)
    raise UnusualFileError("its container is not known")
