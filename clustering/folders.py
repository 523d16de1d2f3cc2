"""Which folders of a tree a command searches, and why one cannot be written to."""

import errno

# Where systems keep what was deleted, and Synology's thumbnails, beside folders whose name begins with a dot.
NOT_SEARCHED = frozenset({"$recycle.bin", "#recycle", "@recycle", "@eadir"})


def is_searched(name: str) -> bool:
    """Whether a folder of this name may hold what people mean: it is not hidden, and no trash."""
    return not name.startswith(".") and name.casefold() not in NOT_SEARCHED


def lacks_space(error: OSError) -> bool:
    """Whether a disk is full, or a quota used up: then it helps to free up space, and else it does not."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
