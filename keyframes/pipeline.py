"""From a video to its keyframes: scan, choose, fetch, write."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.contact_sheet import ContactSheet
from keyframes.datatypes import Result, Selection, Settings
from keyframes.errors import OutputError
from keyframes.features import PrincipalComponents
from keyframes.manifest import build_manifest, write_manifest
from keyframes.output import result_folder
from keyframes.progress import progress_bar
from keyframes.scan import Scan, save_scan, scan_video
from keyframes.video import VideoReader


def extract(
    video: str | Path,
    k: int,
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    progress: bool = False,
    **options: Any,
) -> Result:
    """Choose k different frames of a video and write them, with a manifest, into a folder.

    Parameters
    ----------
    video : str or Path
    k : int
        Number of frames to choose. Where the video has fewer different ones, all of those are chosen, with a warning.
    output : str or Path, optional
        Result folder; ``<stem>-keyframes`` in the working folder by default. It appears whole or not at all.
    overwrite : bool, default=False
        Replace an earlier result.
    threads : int or None, default=None
        Threads to use; None takes every processor. The result does not depend on it.
    progress : bool, default=False
        Show progress bars on standard error where that is a terminal.
    **options
        The other fields of `Settings`: ``features``, ``start_s``, ``stop_s``, ``every``, ``crop``, ``width``,
        ``color``, ``seed``, ``format``.

    Returns
    -------
    Result

    Raises
    ------
    SettingsError, VideoError, RegionError, OutputError
        See `keyframes.errors`.

    Examples
    --------
    >>> import keyframes
    >>> result = keyframes.extract("mouse.mp4", 20, seed=1)  # doctest: +SKIP
    >>> result.frame_indices  # doctest: +SKIP
    [3, 58, 114, ...]
    """
    settings = Settings(k=k, **options)
    place = Path(output) if output is not None else Path(f"{Path(video).stem}-keyframes")
    reader = VideoReader(
        video,
        start_s=settings.start_s,
        stop_s=settings.stop_s,
        every=settings.every,
        crop=settings.crop,
        threads=threads,
    )
    with reader, result_folder(place, overwrite) as folder:
        scan = scan_video(reader, settings, progress)
        warnings = tuple(reader.damage())
        selection = _choose(scan, settings, threads, progress, folder)
        if len(selection.keyframes) < k:
            warnings += (_fewer_than_asked(k, selection, settings),)
        manifest = build_manifest(
            reader.header, reader.fingerprint(), scan.frames_decoded, settings, selection.keyframes, warnings
        )
        _write_images(reader, manifest, folder, progress)
        write_manifest(folder, manifest)
    return Result(place, selection.keyframes, manifest, warnings)


def _choose(scan: Scan, settings: Settings, threads: int | None, progress: bool, folder: Path) -> Selection:
    """Features, clusters, representatives; the rows behind them go to ``scan.npz``."""
    # Numba takes a second to load: a video that cannot be read is told before that.
    from keyframes.selection import count_different, select

    with progress_bar(None, "choose", 3, "steps", progress) as steps:
        components = PrincipalComponents.fit(scan.thumbnails)
        features: NDArray[Any] = (
            scan.thumbnails if settings.features == "pixels" else components.transform(scan.thumbnails)
        )
        steps.update()
        k = count_different(features, settings.k)
        selection = select(features, scan, k, seed=settings.seed, threads=threads)
        steps.update()
        save_scan(folder / "scan.npz", scan, selection, features, components)
        steps.update()
    return selection


def _fewer_than_asked(k: int, selection: Selection, settings: Settings) -> str:
    n_frames, n_chosen = len(selection.labels), len(selection.keyframes)
    if n_frames < k:
        return f"{k} frames were asked for, but only {n_frames} were looked at; the {n_chosen} that differ were chosen"
    return (
        f"{k} frames were asked for, but only {n_chosen} of the {n_frames} frames differ "
        f"(compared as thumbnails {settings.width} pixels wide); all of those were chosen"
    )


def _write_images(reader: VideoReader, manifest: dict[str, Any], folder: Path, progress: bool) -> None:
    """Second pass: the chosen frames at full size, and the contact sheet."""
    files = {entry["frame_index"]: folder / entry["file"] for entry in manifest["keyframes"]}
    (folder / "frames").mkdir()
    sheet = ContactSheet(len(files), reader.header.height, reader.header.width)
    with progress_bar(reader.read_frames(files), "write", len(files), "images", progress) as frames:
        for frame in frames:
            _write_image(files[frame.index], frame.image)
            sheet.add(frame)
    _write_image(folder / "contact_sheet.jpg", sheet.image)


def _write_image(path: Path, image: NDArray[np.uint8]) -> None:
    # Encoded in memory and written by Python: cv2.imwrite hides why it failed, and loses non-ASCII names on Windows.
    done, data = cv2.imencode(path.suffix, image)
    if not done:
        raise OutputError(f"{path}: an image of {image.shape[1]} x {image.shape[0]} pixels cannot be encoded")
    path.write_bytes(data.tobytes())
