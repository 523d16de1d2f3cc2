"""Which folders of a tree a command searches."""

# Where systems keep what was deleted, and Synology's thumbnails, beside folders whose name begins with a dot.
NOT_SEARCHED = frozenset({"$recycle.bin", "#recycle", "@recycle", "@eadir"})


def is_searched(name: str) -> bool:
    """Whether a folder of this name may hold what people mean: it is not hidden, and no trash."""
    return not name.startswith(".") and name.casefold() not in NOT_SEARCHED
