"""The thumbnails of a scan while it runs: rows in memory, then in a temporary file, then reduced to their components.

A temporary file is written and read in chunks: the pages of a memory map would count as resident.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from keyframes.sampling import CHUNK_ROWS, even_rows
from keyframes.scan.components import N_FITTED, PrincipalComponents
from keyframes.video import temporary_errors

if TYPE_CHECKING:
    from keyframes.scan.trained_network import RecordingEncoder

MEMORY_BYTES = 64 << 20
FILE_BYTES = 512 << 20

# Thumbnails (n, n_pixels), part by part.
Chunks = Iterable[NDArray[np.uint8]]


def rows_at(chunks: Chunks, places: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return thumbnails (n, n_pixels) at ascending places."""
    found, first = [], 0
    for chunk in chunks:
        found.append(chunk[places[slice(*np.searchsorted(places, [first, first + len(chunk)]))] - first])
        first += len(chunk)
    return np.concatenate(found)


class ThumbnailStore:
    """Rows of uint8 that are kept as long as they are few, and then as principal components alone.

    Parameters
    ----------
    n_pixels : int
        Numbers a row.
    sample : callable
        Gives rows (n, n_pixels) spread over everything that is still to come, perhaps none. It is called once, when the
        rows become too many to be kept: PCA is then fitted on these and on an even sample of those that are there.
    keep : bool
        Never reduce them.
    encoder : RecordingEncoder or None, default=None
        Gives other features of the rows beside their components; it learns when these are fitted.
    """

    def __init__(
        self,
        n_pixels: int,
        sample: Callable[[], NDArray[np.uint8]],
        keep: bool = False,
        encoder: "RecordingEncoder | None" = None,
    ) -> None:
        self.n_pixels = n_pixels
        self._sample = sample
        self._keep = keep
        self._open_chunk = np.empty((CHUNK_ROWS, n_pixels), np.uint8)
        self._n_open = 0
        self._chunks: list[NDArray[np.uint8]] = []
        self._file: IO[bytes] | None = None
        self._n_filed = 0
        self._reduced: list[NDArray[np.float16]] = []
        self._encoder = encoder
        self._encoded: list[NDArray[np.float16]] = []
        self.components: PrincipalComponents | None = None

    def close(self) -> None:
        """Give memory and the temporary file back."""
        self._reduced, self._encoded = [], []
        self._let_go()

    def _let_go(self) -> None:
        """Let go of all whole chunks."""
        self._chunks, self._n_filed = [], 0
        if self._file is not None:
            self._file.close()
            self._file = None

    def append(self, rows: NDArray[np.uint8]) -> None:
        """Add rows (n, n_pixels)."""
        while len(rows):
            n_taken = min(len(rows), CHUNK_ROWS - self._n_open)
            self._open_chunk[self._n_open : self._n_open + n_taken] = rows[:n_taken]
            self._n_open += n_taken
            rows = rows[n_taken:]
            if self._n_open == CHUNK_ROWS:
                self._close_chunk()

    def all(self) -> NDArray[np.uint8]:
        """Return all rows as one array, in memory."""
        return np.concatenate(list(self))

    @property
    def whole(self) -> bool:
        """Whether no row was reduced yet."""
        return not self._reduced

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the rows that are not reduced, chunk by chunk; a chunk may be overwritten later."""
        yield from self._whole_chunks()
        if self._n_open:
            yield self._open_chunk[: self._n_open]

    def fit(self) -> PrincipalComponents:
        """Return the components that all rows are reduced to, fitted on an even sample of them if not done yet."""
        if self.components is None:
            self.components = PrincipalComponents.fit(self._even_rows(N_FITTED))
        return self.components

    def reduced(self) -> NDArray[np.float16]:
        """Return the components of all rows (n_frames, n_components)."""
        components = self.fit()
        return np.concatenate([*self._reduced, *(components.transform_chunk(chunk) for chunk in self)])

    def encoded(self) -> NDArray[np.float16]:
        """Return the encoder's features of all rows (n_frames, n_features)."""
        encoder = self._encoder
        assert encoder is not None
        if not encoder.fitted:
            encoder.fit(self._even_rows(encoder.n_wanted))
        return np.concatenate([*self._encoded, *(encoder.transform_chunk(chunk) for chunk in self)])

    def _close_chunk(self) -> None:
        self._n_open = 0
        if self.components is not None:
            self._reduce_chunk(self._open_chunk)
            return
        n_bytes = (len(self._chunks) + self._n_filed + 1) * self._open_chunk.nbytes
        if n_bytes > MEMORY_BYTES + FILE_BYTES and not self._keep:
            self._reduce()
            self._reduce_chunk(self._open_chunk)
        elif n_bytes <= MEMORY_BYTES or self._keep:
            self._chunks.append(self._open_chunk.copy())
        else:
            with temporary_errors():
                # Not in a block of its own: chunks are read back until `close`.
                self._file = self._file or tempfile.TemporaryFile(prefix="keyframes-")  # noqa: SIM115
                self._file.write(self._open_chunk.data)
            self._n_filed += 1

    def _reduce(self) -> None:
        """Fit the components, and replace all whole chunks by theirs."""
        ahead = self._sample()
        here = self._even_rows(max(1, N_FITTED - len(ahead)))
        self.components = PrincipalComponents.fit(np.concatenate([here, ahead]))
        if self._encoder is not None:
            self._encoder.fit(np.concatenate([self._even_rows(max(1, self._encoder.n_wanted - len(ahead))), ahead]))
        for chunk in self._whole_chunks():
            self._reduce_chunk(chunk)
        self._let_go()

    def _reduce_chunk(self, chunk: NDArray[np.uint8]) -> None:
        self._reduced.append(self.fit().transform_chunk(chunk))
        if self._encoder is not None:
            self._encoded.append(self._encoder.transform_chunk(chunk))

    def _even_rows(self, n_rows: int) -> NDArray[np.uint8]:
        """Rows evenly spread over those that are kept."""
        n_kept = (len(self._chunks) + self._n_filed) * CHUNK_ROWS + self._n_open
        return rows_at(self, even_rows(n_kept, n_rows))

    def _whole_chunks(self) -> Iterator[NDArray[np.uint8]]:
        yield from self._chunks
        if self._file is not None:
            self._file.seek(0)
            for _ in range(self._n_filed):
                chunk = np.empty_like(self._open_chunk)
                self._file.readinto(chunk.data)  # type: ignore[attr-defined]  # IO lacks it
                yield chunk
