"""Which recording a file is: a hash that is cheap for any length."""

import hashlib
import os
from pathlib import Path

from keyframes.errors import VideoError
from keyframes.video.images import image_files

HASH_BYTES = 1 << 20


def refuse_special(path: Path) -> None:
    """Raise a VideoError where a path leads to a pipe, a socket or a device: opening one may wait without end."""
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise VideoError(f"{path}: is not a file but a pipe, a socket or a device; give the name of a video file")


def file_hash(path: Path, size_bytes: int) -> str:
    """Return a hash of a file's size, first and last MiB: cheap for any length, and different for any other recording.

    For a folder of images, it is that of their names and sizes, and of the first and the last image. A prefix, up to a
    colon, says how the hash was made. A VideoError where the file cannot be read any more.
    """
    digest = hashlib.sha256(str(size_bytes).encode())
    try:
        if os.path.isdir(path):
            files = image_files(path)
            if not files:
                raise VideoError(f"{path}: holds no images any more; are they still there?")
            digest.update(b"".join(os.fsencode(file.name) + b"\0%d\0" % file.stat().st_size for file in files))
            digest.update(files[0].read_bytes() + files[-1].read_bytes())
            return f"sha256-names-sizes-first-last:{digest.hexdigest()}"
        with path.open("rb") as file:
            digest.update(file.read(HASH_BYTES))
            file.seek(max(HASH_BYTES, size_bytes - HASH_BYTES))
            digest.update(file.read(HASH_BYTES))
    except OSError as error:
        raise VideoError(f"{path}: cannot be read any more ({error.strerror}); is it still there?") from None
    return f"sha256-size-head-tail:{digest.hexdigest()}"
