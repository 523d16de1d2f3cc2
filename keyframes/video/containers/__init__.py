"""The index of a file: where each packet of its video lies, and when it is shown, read without the packets themselves.

In go the bytes of a file, mapped into memory, and out comes a `SampleTable`, or an UnusualFileError where anything in a
file is out of the ordinary: then its packets must be read one by one. It is an EditedFileError where the file shows
only a part of what it holds. `mp4` reads the boxes of MP4 and MOV (`boxes`), with their times (`mp4_times`) and what
they say of their codec (`codings`), `avi` the chunks of AVI and OpenDML (`riff`). `annex_b` finds the units of H.264
and HEVC in packets, and gives them the form in which FFmpeg hands them out; `h264_keys` says which packets it takes for
key frames.
"""

from keyframes.video.containers.annex_b import Units, as_annex_b, find_units
from keyframes.video.containers.h264_keys import check_keys
from keyframes.video.containers.sample_table import SampleTable, UnusualFileError
from keyframes.video.containers.sample_tables import has_sound_beside, is_edited, lists_frames, read_table
from keyframes.video.containers.stored_bytes import ReadBytes, big_endian, first_bytes, let_go, mapped, one_by_one

__all__ = [
    "ReadBytes",
    "SampleTable",
    "Units",
    "UnusualFileError",
    "as_annex_b",
    "big_endian",
    "check_keys",
    "find_units",
    "first_bytes",
    "has_sound_beside",
    "is_edited",
    "let_go",
    "lists_frames",
    "mapped",
    "one_by_one",
    "read_table",
]
