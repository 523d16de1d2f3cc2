"""When the samples of an MP4 or MOV file are shown (ISO/IEC 14496-12, 8.6), as FFmpeg works it out."""

import numpy as np
from numpy.typing import NDArray

from keyframes.video.containers.boxes import Box, inside, number, only, optional, table
from keyframes.video.containers.sample_table import EditedFileError, UnusualFileError, milliseconds
from keyframes.video.containers.stored_bytes import Bytes

# FFmpeg ignores a whole table with larger offsets, and takes longer durations for mistakes.
_MOST_OFFSET, _MOST_DURATION = 1 << 28, 1 << 31
_MOST_TICKS = 1 << 52
_NORMAL_SPEED = 1 << 16
_NOTHING = -1


def sample_times_ms(
    data: Bytes, tables: list[Box], edits: Box | None, keys: NDArray[np.bool_], scale: int, movie_scale: int
) -> NDArray[np.float64]:
    """Return the time of each sample.

    Parameters
    ----------
    data : array, uint8
        The file.
    tables : list of Box
        Those of the track.
    edits : Box or None
        What the track shows of the samples.
    keys : array (n_samples,), bool
        Which samples are key frames.
    scale, movie_scale : int
        Ticks a second of the track, and of edits.
    """
    if not (0 < scale < 1 << 31 and 0 < movie_scale < 1 << 31):
        raise UnusualFileError("it has no time scale")
    durations = _repeated(table(data, only(tables, b"stts"), 2), len(keys))
    if durations.max() >= _MOST_DURATION or durations[:-1].min(initial=1) < 1:
        raise UnusualFileError("samples last no time, or too long")
    decoded = np.cumsum(durations) - durations
    shown = decoded + _offsets(data, optional(tables, b"ctts"), len(keys))
    if decoded[-1] >= _MOST_TICKS:
        raise UnusualFileError("it lasts too long")
    edit = None if edits is None else _edit(data, edits)
    if edit is not None:
        _check_edit(*edit, shown, decoded, keys, scale, movie_scale)
    return milliseconds(shown - shown[0], 1, scale)


def _repeated(runs: NDArray[np.int64], n_samples: int) -> NDArray[np.int64]:
    """Return the value of each sample, from rows of a number of samples and their value."""
    counts, values = runs.T
    if counts.sum() != n_samples:
        raise UnusualFileError("tables are of different numbers of samples")
    return np.repeat(values, counts)


def _offsets(data: Bytes, box: Box | None, n_samples: int) -> NDArray[np.int64]:
    if box is None:
        return np.zeros(n_samples, np.int64)
    # Offsets of version 0 are unsigned, but FFmpeg reads those of both versions as signed.
    offsets = _repeated(table(data, box, 2), n_samples).astype(np.uint32).view(np.int32).astype(np.int64)
    if np.abs(offsets).max() >= _MOST_OFFSET:
        raise UnusualFileError("samples are shown too long after they are decoded")
    return offsets


def _edit(data: Bytes, edits: Box) -> tuple[int, int] | None:
    """Return the first tick that is shown, and for how many ticks of the movie, of a track that is shown in one piece.

    A wait before it is part of FFmpeg's start of the track, from which OpenCV counts.
    """
    box = only(inside(data, edits), b"elst")
    if number(data, box.start, 1) == 0:
        rows = table(data, box, 3)
        rows[:, 1] = rows[:, 1].astype(np.uint32).view(np.int32)
    else:
        words = table(data, box, 5)
        rows = np.stack([words[:, 0] << 32 | words[:, 1], words[:, 2] << 32 | words[:, 3], words[:, 4]], axis=1)
    if len(rows) > 1 and rows[0, 1] == _NOTHING:
        rows = rows[1:]
    if len(rows) == 0:
        return None
    if len(rows) > 1 or rows[0, 1] < 0 or rows[0, 2] != _NORMAL_SPEED or rows.max() >= _MOST_TICKS:
        raise EditedFileError("it is edited")
    return int(rows[0, 1]), int(rows[0, 0])


def _check_edit(
    start: int,
    duration: int,
    shown: NDArray[np.int64],
    decoded: NDArray[np.int64],
    keys: NDArray[np.bool_],
    scale: int,
    movie_scale: int,
) -> None:
    """Raise an EditedFileError unless all samples are shown.

    FFmpeg drops what comes behind the first key frame that reaches the end of the edit; behind the second where samples
    are shown in another order than decoded.
    """
    end = start + duration * scale // movie_scale
    first, reach = shown[0], (shown[:-1] + np.diff(decoded))[keys[:-1]]
    n_reaching = int((reach >= end).sum()) - (shown != decoded).any()
    if first < start or (shown[1:] <= first).any() or shown.max() >= end or n_reaching > 0:
        raise EditedFileError("an edit leaves samples out")
