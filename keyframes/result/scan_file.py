"""``scan.npz``: the rows behind a choice, kept for whoever wants another one."""

import zipfile
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyframes.choice.selection import Selection
from keyframes.errors import OutputError
from keyframes.sampling import CHUNK_ROWS
from keyframes.scan.scan import Scan


def save_scan(path: Path, scan: Scan, selection: Selection) -> None:
    """Write ``scan.npz``: what another k, a swap or a map needs, so that nothing is decoded twice.

    Its arrays, those of the first group with a row for each scanned frame:

    - frame_index; time_s, NaN where frames have no times; label; distance; sharpness; brightness; map (n_frames, 2),
      the first two principal components; features, float16 components or uint8 thumbnails
    - pca_mean (n_pixels,) and pca_basis (n_components, n_pixels), in units of full white
    - for whoever fetches a frame later: fingerprint (n_frames,), uint64, of each picture as it was looked at, and
      luma_levels (256,), uint8, what a luma plane's levels mean in gray, empty where whole pictures were looked at
    - with predictions: doubt (n_frames,), float32, in digits, and points (n_frames, n_animals, n_nodes, 2), float32, in
      pixels; fingerprint is empty where these were looked at in place of pictures
    """
    columns: dict[str, NDArray[Any]] = {
        "frame_index": scan.frame_index,
        "time_s": scan.time_s,
        "label": selection.labels,
        "distance": selection.distances,
        "sharpness": scan.sharpness,
        "brightness": scan.brightness,
        "map": scan.place,
        "features": scan.features,
        "pca_mean": scan.components.mean,
        "pca_basis": scan.components.basis,
        "fingerprint": scan.fingerprint,
        "luma_levels": scan.levels,
    }
    if scan.doubt is not None and scan.points is not None:
        columns |= {"doubt": scan.doubt, "points": scan.points}
    # Written in chunks: in memory, the archive of a day's recording would be as large as all the rest together.
    with path.open("wb") as file:
        archive = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        try:
            for name, column in columns.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    header = np.lib.format.header_data_from_array_1_0(column)
                    np.lib.format.write_array_header_1_0(entry, header)
                    for first in range(0, len(column), CHUNK_ROWS):
                        entry.write(np.ascontiguousarray(column[first : first + CHUNK_ROWS]).tobytes())
            archive.close()
        except BaseException:
            # On a full disk it would try to end its table once more when it is collected, and complain.
            archive.fp = None
            raise


@dataclass(frozen=True)
class SavedScan:
    """What ``scan.npz`` has of every frame, as `save_scan` writes it, without the features."""

    frame_index: NDArray[np.int64]
    time_s: NDArray[np.float64]
    label: NDArray[np.int32]
    distance: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    map: NDArray[np.float32]
    fingerprint: NDArray[np.uint64]
    luma_levels: NDArray[np.uint8]
    doubt: NDArray[np.float32] | None = None
    points: NDArray[np.float32] | None = None

    def row(self, frame_index: int) -> int:
        """Return the row of a frame; -1 where it was not looked at."""
        row = int(np.searchsorted(self.frame_index, frame_index))
        return row if row < len(self.frame_index) and self.frame_index[row] == frame_index else -1


def read_scan(path: Path) -> SavedScan:
    """Read ``scan.npz``; an OutputError says that it is missing, damaged, or of an earlier version."""
    try:
        with np.load(path) as archive:
            return SavedScan(
                **{
                    column.name: archive[column.name]
                    for column in fields(SavedScan)
                    if column.default is MISSING or column.name in archive
                }
            )
    except FileNotFoundError:
        raise OutputError(f"{path}: no such file; run the extraction again") from None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise OutputError(f"{path}: cannot be read ({error}); run the extraction again") from None
