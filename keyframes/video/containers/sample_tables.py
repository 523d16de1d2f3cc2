"""Which container a file is, and its index."""

from pathlib import Path
from typing import Literal

from keyframes.video.containers.avi import avi_table
from keyframes.video.containers.mp4 import is_fragmented, mp4_table
from keyframes.video.containers.sample_table import EditedFileError, SampleTable, UnusualFileError
from keyframes.video.containers.stored_bytes import Bytes, mapped


def container_of(start: bytes) -> Literal["avi", "mp4"] | None:
    """Return which container with a list of its frames begins with these 12 bytes; "mp4" for MOV as well."""
    if start[:4] == b"RIFF" and start[8:] == b"AVI ":
        return "avi"
    return "mp4" if start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free") else None


def lists_frames(path: Path, start: bytes) -> bool:
    """Whether a file that begins with these 12 bytes lists its frames in one place."""
    container = container_of(start)
    try:
        return container == "avi" or (container == "mp4" and not is_fragmented(mapped(path)))
    except UnusualFileError:
        # For example, it was cut off.
        return True


def is_edited(path: Path) -> bool:
    """Whether an edit list leaves out frames of a file that holds all of them, as where a recording was trimmed."""
    try:
        read_table(mapped(path))
    except EditedFileError:
        return True
    except UnusualFileError:
        pass
    return False


def has_sound_beside(start: bytes) -> bool:
    """Whether a file that begins with these 60 bytes is an AVI file of several streams: of pictures and of sound."""
    return container_of(start[:12]) == "avi" and start[24:28] == b"avih" and int.from_bytes(start[56:60], "little") > 1


def read_table(data: Bytes) -> SampleTable:
    """Return the packets of a file's video track by its index; an UnusualFileError where they must be read to be known.

    That packets lie where the index says is known of AVI alone, whose packets name themselves.
    """
    container = container_of(data[:12].tobytes())
    if container is None:
        raise UnusualFileError("its container is not known")
    return avi_table(data) if container == "avi" else mp4_table(data)
