"""Whether a disk is full."""

import errno


def lacks_space(error: OSError) -> bool:
    """Whether a file was not written for want of space or quota: only then does it help to free some up."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
