"""A name by which OpenCV can open a file.

OpenCV takes a name as UTF-8 text. Handed one with a lone surrogate, which is how Python gives a byte that it cannot
decode, its Python binding crashes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keyframes.errors import VideoError
from keyframes.video.temporary_files import temporary_folder


@contextmanager
def openable_name(path: Path) -> Iterator[str]:
    """Give a name that OpenCV can open a file by; it holds until the end of the block, the open file after it.

    A path that is UTF-8 is given as such, under any locale; for another one there is a link with a plain name in a
    private temporary folder meanwhile. Either is absolute: FFmpeg takes a name such as "10:32.mp4" for a protocol.

    A VideoError where a link is needed and cannot be made; an OutputError where there is no folder for it.
    """
    absolute = os.fsencode(path.absolute())
    try:
        name = absolute.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        yield name
        return
    with temporary_folder() as folder:
        # FFmpeg knows some formats by the ending alone.
        link = Path(folder) / f"video{path.suffix if path.suffix.isascii() else ''}"
        try:
            link.symlink_to(os.fsdecode(absolute))
            name = os.fsencode(link).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise VideoError(
                f"{path}: its name is not UTF-8, and no link to it can be made in {folder} ({error}); rename it"
            ) from None
        yield name
