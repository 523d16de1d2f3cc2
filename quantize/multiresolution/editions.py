"""Editions of codebooks and models: a file says which one it was made with, and every later program still has it."""

from typing import NamedTuple


class Edition(NamedTuple):
    """A file of codebooks and models, and how its models learn.

    Attributes
    ----------
    file : str
        Its name in this folder.
    pace, limit : int
        As of `quantize.entropy.kernels.coder.Cells`.
    quiet_alone : bool
        As of `quantize.multiresolution.kernels.details.Model`.
    """

    file: str
    pace: int
    limit: int
    quiet_alone: bool = False


# By the number that a file states. The second one has the codebooks of the first, the third one all of the second's.
EDITIONS = {
    1: Edition("known.npz", 1, 250),
    2: Edition("known2.npz", 2, 127),
    3: Edition("known2.npz", 2, 127, quiet_alone=True),
}
NEWEST = max(EDITIONS)
