"""Principal components of thumbnails."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from clustering import one_blas_thread

N_COMPONENTS = 32
# PCA is fitted on at most this many frames, evenly spread; more change the basis little and cost memory and time.
N_FITTED = 1024
CHUNK_ROWS = 1024
FULL_SCALE = np.float32(255)


def digest(thumbnail: NDArray[np.uint8]) -> bytes:
    """128-bit hash of a thumbnail."""
    return hashlib.blake2b(thumbnail.tobytes(), digest_size=16).digest()


def digests_of(thumbnails: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Hash of each row of an array (n_frames, n_pixels): (n_frames, 2), uint64."""
    return np.frombuffer(b"".join(digest(row) for row in thumbnails), np.uint64).reshape(-1, 2)


def first_equal_row(digests: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return, for each row of an array (n_frames, 2), the first row that is equal to it."""
    # A stable sort puts equal rows side by side, the first one first.
    order = np.lexsort((digests[:, 1], digests[:, 0]))
    begins = np.ones(len(order), bool)
    begins[1:] = np.any(digests[order[1:]] != digests[order[:-1]], axis=1)
    first = np.empty(len(order), np.int64)
    first[order] = order[np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))]
    return first


@dataclass(frozen=True)
class PrincipalComponents:
    """A linear map from thumbnails to their leading principal components.

    Attributes
    ----------
    mean : array (n_pixels,), float32
        In units of full white, 0 to 1.
    basis : array (n_components, n_pixels), float32
        Orthonormal rows, the largest variance first; rows of zeros beyond the rank of the data.
    """

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]

    @classmethod
    def fit(cls, thumbnails: NDArray[np.uint8]) -> "PrincipalComponents":
        """Fit the map on an even sample of the rows of an array (n_frames, n_pixels), uint8.

        The eigenvectors come from the products of the frames with each other, which are fewer than the products of the
        pixels (the method of snapshots; L. Sirovich, "Turbulence and the dynamics of coherent structures", Quarterly of
        Applied Mathematics 45(3), 1987).
        """
        last = len(thumbnails) - 1
        rows = np.linspace(0, last, min(last + 1, N_FITTED)).astype(np.int64)
        sample = thumbnails[rows] / np.float64(255)
        mean = sample.mean(axis=0)
        sample -= mean
        n_components = min(N_COMPONENTS, *sample.shape)
        with one_blas_thread():
            largest = (len(sample) - n_components, len(sample) - 1)
            _, weights = eigh(sample @ sample.T, subset_by_index=largest)
            basis = weights.T[::-1] @ sample
        # Directions without variance are kept as zeros: components beyond the rank tell nothing.
        lengths = np.linalg.norm(basis, axis=1, keepdims=True)
        known = lengths > 1e-6 * max(1e-9, float(lengths.max()))
        basis = np.where(known, basis / np.where(known, lengths, 1), 0)
        return cls(mean.astype(np.float32), np.ascontiguousarray(basis, np.float32))

    def transform(self, thumbnails: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Components of each row of an array (n_frames, n_pixels), uint8: (n_frames, n_components), float16.

        Equal rows get equal components.
        """
        components = np.empty((len(thumbnails), len(self.basis)), np.float16)
        for first in range(0, len(thumbnails), CHUNK_ROWS):
            chunk = slice(first, first + CHUNK_ROWS)
            components[chunk] = self.transform_chunk(thumbnails[chunk])
        return equalized(components, digests_of(thumbnails))

    def transform_chunk(self, thumbnails: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Components of up to `CHUNK_ROWS` rows, whose last bits depend on a row's place among them."""
        with one_blas_thread():
            return ((thumbnails / FULL_SCALE - self.mean) @ self.basis.T).astype(np.float16)


def spread_of(rows: NDArray[Any]) -> float:
    """Root of the summed variances of the columns of an array (n_frames, n_features), on an even sample of rows."""
    sample = rows[np.linspace(0, len(rows) - 1, min(len(rows), N_FITTED)).astype(np.int64)]
    return float(np.sqrt(np.var(sample, axis=0, dtype=np.float64).sum()))


def equalized(components: NDArray[np.float16], digests: NDArray[np.uint64]) -> NDArray[np.float16]:
    """Give equal thumbnails equal components, those of the first; in place.

    A product's last bits depend on a row's place in its chunk: frames that are all alike would seem to differ.
    """
    first = first_equal_row(digests)
    for begin in range(0, len(components), CHUNK_ROWS):
        # The first of equal rows is its own first one, so it is never changed.
        chunk = slice(begin, begin + CHUNK_ROWS)
        components[chunk] = components[first[chunk]]
    return components
