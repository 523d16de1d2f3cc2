"""Thumbnails that are equal, told by their hashes: rows of theirs are to be equal, too."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from keyframes.sampling import CHUNK_ROWS


def hashed(thumbnail: NDArray[np.uint8]) -> "hashlib.blake2b":
    """Return the 64-bit hash of a thumbnail, which may be updated with more data."""
    return hashlib.blake2b(np.ascontiguousarray(thumbnail).data, digest_size=8)


def digest(thumbnail: NDArray[np.uint8]) -> bytes:
    """Return the eight bytes by which a thumbnail is recognized."""
    return hashed(thumbnail).digest()


def first_equal(digests: bytes | bytearray) -> NDArray[np.int64]:
    """Return, for each of the eight-byte hashes in a row, the place of the first one that is equal to it: int64."""
    _, first, which = np.unique(np.frombuffer(digests, np.uint64), return_index=True, return_inverse=True)
    return np.asarray(first[which], np.int64)


def equalized(components: NDArray[np.float16], digests: bytes | bytearray) -> NDArray[np.float16]:
    """Give thumbnails of equal hashes equal components, those of the first; in place.

    A product's last bits depend on a row's place in its chunk: frames that are all alike would seem to differ.
    """
    first = first_equal(digests)
    for begin in range(0, len(components), CHUNK_ROWS):
        # The first of equal rows is its own first one, so it is never changed.
        chunk = slice(begin, begin + CHUNK_ROWS)
        components[chunk] = components[first[chunk]]
    return components
