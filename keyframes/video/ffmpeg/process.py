"""Starting the program FFmpeg, of which imageio-ffmpeg carries one."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from keyframes.errors import VideoError

BUFFER_BYTES = 1 << 20
_REMEDY = (
    "run pip install --force-reinstall imageio-ffmpeg, or set the environment variable IMAGEIO_FFMPEG_EXE to the path "
    "of an FFmpeg"
)


def ffmpeg_version() -> str:
    """Return the version of FFmpeg that is used."""
    import imageio_ffmpeg

    version = str(imageio_ffmpeg.get_ffmpeg_version())
    number = re.search(r"\d+\.\d+(?:\.\d+)?", version)
    return number[0] if number else version


def ffmpeg_program(path: Path) -> str:
    """Return the program that is to read a file; a VideoError where there is none."""
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        raise VideoError(f"{path}: imageio-ffmpeg finds no FFmpeg; {_REMEDY}") from None


def start_ffmpeg(path: Path, reading: Sequence[str], output: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start FFmpeg on the first video stream of a file; its log is of the form that `read_log` takes.

    `reading` are options for reading, `output` those for the output and its name: no picture is left out of it or comes
    twice. A VideoError where there is no FFmpeg, or it cannot be started.
    """
    said = ("-hide_banner", "-nostdin", "-nostats", "-loglevel", "repeat+level+verbose", "-debug_ts")
    # The times are those of the file. With "file:" no name is taken for a protocol or an option.
    read = ("-copyts", *reading, "-i", f"file:{path.absolute()}", "-map", "0:V:0", "-fps_mode", "passthrough")
    program = ffmpeg_program(path)
    try:
        return subprocess.Popen(
            [program, *said, *read, *output],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=BUFFER_BYTES,
            pipesize=BUFFER_BYTES,
            env={**os.environ, "AV_LOG_FORCE_NOCOLOR": "1"},
            # An interrupt from the keyboard is meant for us: FFmpeg would report it as an error of the file.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    except OSError as error:
        raise VideoError(f"{path}: FFmpeg cannot be started ({program}: {error.strerror}); {_REMEDY}") from None


def stop_ffmpeg(process: "subprocess.Popen[bytes]") -> None:
    """End a process and close its pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
