"""From a video to its keyframes: scan, choose, fetch, write."""

import shutil
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.contact_sheet import ContactSheet
from keyframes.datatypes import Keyframe, Known, Result, Selection, Settings
from keyframes.errors import OutputError, RegionError, SettingsError
from keyframes.joint import common_part, joined
from keyframes.k_curve import draw_k_curve
from keyframes.manifest import build_manifest, write_manifest
from keyframes.output import result_folder
from keyframes.progress import Progress, progress_bar
from keyframes.report import bytes_of_each, thumbnail, write_report
from keyframes.scan import Scan, scan_video, thumbnailer_of
from keyframes.scan_file import save_scan
from keyframes.uniform import select_uniform
from keyframes.video import DisagreementError, Proof, VideoReader, file_hash, seek_frames

if TYPE_CHECKING:
    from clustering import KSelection
    from keyframes.unlike import Labelled

IMAGES_WAITING = 2


def extract(
    video: str | Path,
    k: int | Literal["auto"],
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    unlike: Sequence[str | Path] = (),
    threads: int | None = None,
    progress: bool = False,
    **options: Any,
) -> Result:
    """Choose k different frames of a video and write them, with a manifest, into a folder.

    Parameters
    ----------
    video : str or Path
    k : int or "auto"
        Number of frames to choose. Where the video has fewer different ones, all of those are chosen, with a warning.
        "auto" finds the number, 2 to 300, beyond which more of them add little: the bend of the inertia over the number
        of clusters (`clustering.select_k`). The curve is drawn in ``k_curve.png`` and stands in the manifest.
    output : str or Path, optional
        Result folder; ``<stem>-keyframes`` in the working folder by default. It appears whole or not at all.
    overwrite : bool, default=False
        Replace an earlier result.
    unlike : sequence of str or Path
        Projects: DeepLabCut's folder or ``config.yaml``, a ``.slp``, Lightning Pose's folder, or an earlier result. No
        frame that is labelled or chosen there is chosen again, and those that are cover what these do not. They may
        come from other videos of the same camera.
    threads : int or None, default=None
        Threads to use; None takes every processor. The result does not depend on it.
    progress : bool, default=False
        Show progress bars on standard error where that is a terminal.
    **options
        The other fields of `Settings`: ``features``, ``start_s``, ``stop_s``, ``every``, ``crop``, ``width``,
        ``color``, ``scan``, ``uniform``, ``min_gap_s``, ``allow_similar``, ``allow_dark``, ``allow_blurred``, ``seed``,
        ``format``.

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
    return extract_scanned(
        video, settings, place, overwrite=overwrite, unlike=unlike, threads=threads, progress=progress
    )


# What gives the scan of a reader's range, and what chooses among its rows.
Scanner = Callable[[VideoReader, Settings, Progress], Scan]
Chooser = Callable[[Scan, Settings], Selection]


def extract_scanned(
    video: str | Path,
    settings: Settings,
    place: Path,
    *,
    overwrite: bool = False,
    unlike: Sequence[str | Path] = (),
    threads: int | None = None,
    progress: Progress = False,
    scan_with: Scanner | None = None,
    choose_with: Chooser | None = None,
    notes: dict[str, Any] | None = None,
) -> Result:
    """Do what `extract` does, with a scan from elsewhere, or a choice.

    Parameters
    ----------
    video, overwrite, unlike, threads, progress
        As of `extract`; `progress` may be a callable that is told of each step.
    settings : Settings
    place : Path
        Result folder.
    scan_with : callable or None
        Gives the scan in place of `scan_video`, and leaves the reader where that would.
    choose_with : callable or None
        Chooses in place of the clustering.
    notes : dict or None
        Further entries of the manifest.
    """
    check_unlike(settings, unlike)
    with _reader(video, settings, threads) as reader, result_folder(place, overwrite) as folder:
        labelled = _labelled(unlike, reader, settings)
        follow = _Followed(threads, progress, scan_with, choose_with, notes or {})
        try:
            manifest, selection, warnings = _fill(folder, reader, settings, settings, follow, labelled)
        except DisagreementError as error:
            # A picture of the fast scan was not that of the file: nothing that rests on it stays.
            shutil.rmtree(folder)
            folder.mkdir()
            exact = replace(settings, scan="exact")
            note = (f"every frame was looked at, as with --scan exact: {error}",)
            manifest, selection, warnings = _fill(folder, reader, settings, exact, follow, labelled, note)
        write_manifest(folder, manifest)
    return Result(place, selection.keyframes, manifest, warnings)


def check_unlike(settings: Settings, unlike: Sequence[str | Path]) -> None:
    """Raise where a choice would not look at what projects have.

    Raises
    ------
    SettingsError
    """
    if unlike and (settings.uniform or settings.k == "auto"):
        what = "uniform" if settings.uniform else "k = auto"
        raise SettingsError(f"{what} does not look at what a project has; leave it out, or leave out unlike")


@dataclass(frozen=True)
class _Followed:
    """How an extraction goes about its steps."""

    threads: int | None
    progress: Progress
    scan_with: Scanner | None
    choose_with: Chooser | None
    notes: dict[str, Any]


def extract_views(
    videos: Sequence[str | Path],
    k: int | Literal["auto"],
    *,
    outputs: Sequence[str | Path],
    overwrite: bool = False,
    threads: int | None = None,
    progress: bool = False,
    **options: Any,
) -> list[Result]:
    """Choose k moments of a scene that several cameras film, and write the same frames of each video.

    The cameras run in step: a frame index means the same moment in each of them.

    Parameters
    ----------
    videos : sequence of str or Path
        Two or more. Where one is shorter, the part that all have is used, with a warning.
    k : int or "auto"
    outputs : sequence of str or Path
        Result folder of each video.
    overwrite, threads, progress, **options
        As for `extract`, without ``unlike`` and the fast scan.

    Returns
    -------
    list of Result
        One a video, all of the same frame indices.

    Raises
    ------
    SettingsError, VideoError, RegionError, OutputError
        See `keyframes.errors`.
    """
    settings = Settings(k=k, **options)
    if len(videos) < 2 or len(outputs) != len(videos):
        raise SettingsError(
            f"{len(videos)} videos were given as views of one scene; give two or more, a folder for each"
        )
    if settings.scan == "fast":
        raise SettingsError("a fast scan leaves out other frames in each view; leave it out, or the views")
    with ExitStack() as opened:
        readers = [opened.enter_context(_reader(video, settings, threads)) for video in videos]
        folders = [opened.enter_context(result_folder(Path(place), overwrite)) for place in outputs]
        whole = [scan_video(reader, settings, progress) for reader in readers]
        scans = common_part(whole)
        if not len(scans[0].frame_index):
            raise RegionError(f"{readers[0].path}: has no frame in common with the other views; choose another range")
        selection, k_selection = _choose(joined(scans), settings, threads, progress, None)
        told = (*_warnings_of_views(readers, whole, scans), *_warnings_of_choice(selection, k_selection, settings))
        told += _warnings_of_guards(selection)
        results = []
        for place, folder, reader, scan in zip(outputs, folders, readers, scans, strict=True):
            own = replace(selection, keyframes=tuple(_seen_by(scan, keyframe) for keyframe in selection.keyframes))
            _save_choice(folder, scan, own, k_selection)
            warnings = (*scan.warnings, *reader.damage(), *told)
            views = [one.header.name for one in readers]
            manifest = _write(folder, reader, scan, settings, own, warnings, k_selection, (), views, progress)
            write_manifest(folder, manifest)
            results.append(Result(Path(place), own.keyframes, manifest, warnings))
    return results


def _reader(video: str | Path, settings: Settings, threads: int | None) -> VideoReader:
    return VideoReader(
        video,
        start_s=settings.start_s,
        stop_s=settings.stop_s,
        every=settings.every,
        crop=settings.crop,
        threads=threads,
    )


def _seen_by(scan: Scan, keyframe: Keyframe) -> Keyframe:
    """Return a keyframe with the time and the sharpness that it has in one view."""
    row = int(np.searchsorted(scan.frame_index, keyframe.frame_index))
    return replace(keyframe, time_s=float(scan.time_s[row]), sharpness=round(float(scan.sharpness[row]), 3))


def _warnings_of_views(
    readers: Sequence[VideoReader], whole: Sequence[Scan], common: Sequence[Scan]
) -> tuple[str, ...]:
    """Tell where the views are not of one length."""
    if len({len(scan.frame_index) for scan in (*whole, *common)}) == 1:
        return ()
    lengths = ", ".join(
        f"{reader.header.name} {len(scan.frame_index)}" for reader, scan in zip(readers, whole, strict=True)
    )
    n_common = len(common[0].frame_index)
    return (f"the views have different numbers of frames ({lengths}); the {n_common} that all have were looked at",)


def _fill(
    folder: Path,
    reader: VideoReader,
    settings: Settings,
    followed: Settings,
    how: _Followed,
    labelled: "Labelled | None" = None,
    notes: tuple[str, ...] = (),
) -> tuple[dict[str, Any], Selection, tuple[str, ...]]:
    """Scan as the settings to be followed say, choose, and write everything but the manifest, which tells the settings.

    Raises
    ------
    DisagreementError
        Where a chosen frame of a scan that left frames out is not the frame of the file.
    """
    scan = (how.scan_with or scan_video)(reader, followed, how.progress)
    warnings = (*notes, *scan.warnings, *reader.damage(), *(labelled.warnings if labelled else ()))
    known = labelled.known(scan) if labelled else None
    if how.choose_with is None:
        selection, k_selection = _choose(scan, followed, how.threads, how.progress, folder, known)
    else:
        selection, k_selection = how.choose_with(scan, followed), None
        _save_choice(folder, scan, selection, k_selection)
    warnings += (*_warnings_of_choice(selection, k_selection, settings), *_warnings_of_guards(selection))
    projects = labelled.projects if labelled else ()
    manifest = _write(folder, reader, scan, settings, selection, warnings, k_selection, projects, (), how.progress)
    return {**manifest, **how.notes}, selection, warnings


def _write(
    folder: Path,
    reader: VideoReader,
    scan: Scan,
    settings: Settings,
    selection: Selection,
    warnings: tuple[str, ...],
    k_selection: "KSelection | None",
    projects: tuple[dict[str, Any], ...],
    views: Sequence[str],
    progress: Progress,
) -> dict[str, Any]:
    """Write the images; return the manifest."""
    manifest = build_manifest(
        reader.header,
        file_hash(reader.path, reader.header.size_bytes),
        scan.frames_decoded,
        settings,
        selection,
        warnings,
        k_selection,
        projects,
        views,
    )
    proof = scan.proof(keyframe.frame_index for keyframe in selection.keyframes)
    try:
        thumbnails = _write_images(reader, manifest, folder, progress, proof)
    except DisagreementError:
        if proof.view.discard != "none":
            raise
        thumbnails = _write_images(reader, manifest, folder, progress)
    write_report(folder, manifest, scan.frame_index, scan.time_s, selection.labels, scan.place, thumbnails)
    return manifest


def _choose(
    scan: Scan,
    settings: Settings,
    threads: int | None,
    progress: Progress,
    folder: Path | None,
    known: Known | None = None,
) -> "tuple[Selection, KSelection | None]":
    """Clusters and representatives; what stands behind them is saved where a folder is given."""
    # Numba takes a second to load: a video that cannot be read is told before that.
    from keyframes.selection import choose_k, count_different, find_limits, select

    with progress_bar(None, "choose", 2, "steps", progress) as steps:
        k_selection = None
        if settings.k == "auto":
            k_selection = choose_k(scan.features, seed=settings.seed, threads=threads)
            k = k_selection.k
        elif settings.uniform:
            k = min(settings.k, len(scan.frame_index))
        else:
            k = count_different(_rows_to_choose(scan, known), settings.k, None if known is None else known.features)
            if not k:
                raise RegionError("every different frame of the recording is in the projects already: nothing is left")
        if settings.uniform:
            selection = select_uniform(scan, k)
        else:
            limits = find_limits(scan, settings)
            selection = select(scan, k, seed=settings.seed, threads=threads, limits=limits, known=known)
        steps.update()
        if folder is not None:
            _save_choice(folder, scan, selection, k_selection)
        steps.update()
    return selection, k_selection


def _save_choice(folder: Path, scan: Scan, selection: Selection, k_selection: "KSelection | None") -> None:
    """Write the rows behind a choice to ``scan.npz``, and an automatic k to its picture."""
    if k_selection is not None:
        curve = draw_k_curve(k_selection.ks.tolist(), k_selection.inertias.tolist(), k_selection.k)
        _write_image(folder / "k_curve.png", curve)
    save_scan(folder / "scan.npz", scan, selection)


def _rows_to_choose(scan: Scan, known: Known | None) -> NDArray[Any]:
    """Return the features of the frames that no project has."""
    return scan.features if known is None else scan.features[~np.isin(scan.frame_index, known.frame_index)]


def _labelled(projects: Sequence[str | Path], reader: VideoReader, settings: Settings) -> "Labelled | None":
    """Read projects before hours of decoding; None without any."""
    if not projects:
        return None
    from keyframes.unlike import read_labelled

    return read_labelled([Path(project) for project in projects], reader, thumbnailer_of(reader, settings))


def _warnings_of_choice(selection: Selection, k_selection: "KSelection | None", settings: Settings) -> tuple[str, ...]:
    """Where fewer frames were chosen than asked for, or nothing spoke for the number that was."""
    k, n_frames, n_chosen = settings.k, len(selection.labels), len(selection.keyframes)
    compared = f"(compared as thumbnails {settings.width} pixels wide)"
    if k == "auto":
        if k_selection is None or k_selection.clear:
            return ()
        if n_chosen == 1:
            return (f"the {n_frames} frames do not differ {compared}; one was chosen",) if n_frames > 1 else ()
        return (f"no number of frames stands out, so {n_chosen} were chosen; look at k_curve.png, or give -k a number",)
    if n_chosen >= k:
        return ()
    if n_frames < k:
        which = "all" if settings.uniform else f"the {n_chosen} that differ"
        return (f"{k} frames were asked for, but only {n_frames} were looked at; {which} were chosen",)
    return (
        f"{k} frames were asked for, but only {n_chosen} of the {n_frames} frames differ {compared}; "
        "all of those were chosen",
    )


def _warnings_of_guards(selection: Selection) -> tuple[str, ...]:
    """Tell what the guards could not keep out."""
    told = {
        "similar": "look like another one",
        "min_gap_s": "lie closer to another one than {limit:g} s",
        "dark": "are much darker than most of the recording",
        "blurred": "are much less sharp than most of the recording",
    }
    n_chosen = len(selection.keyframes)
    return tuple(
        f"{effect['kept']} of the {n_chosen} chosen frames {told[name].format(**effect)}: nothing else was left"
        for name, effect in selection.guards.items()
        if effect["kept"]
    )


def _write_images(
    reader: VideoReader, manifest: dict[str, Any], folder: Path, progress: Progress, proof: Proof | None = None
) -> dict[int, bytes]:
    """Second pass: the chosen frames at full size, and the contact sheet; by seeks only with a proof.

    Returns their thumbnails, JPEG files by frame index.
    """
    files = {entry["frame_index"]: folder / entry["file"] for entry in manifest["keyframes"]}
    (folder / "frames").mkdir(exist_ok=True)
    sheet = ContactSheet(len(files), reader.header.height, reader.header.width)
    fetched = seek_frames(reader, files, proof) if proof else reader.read_frames(files)
    # Encoded beside the decoding, a few at a time: at full size they take memory.
    waiting: deque[Future[None]] = deque()
    thumbnails = {}
    with (
        ThreadPoolExecutor(1, thread_name_prefix="keyframes-write") as beside,
        progress_bar(fetched, "write", len(files), "images", progress) as frames,
    ):
        for frame in frames:
            waiting.append(beside.submit(_write_image, files[frame.index], frame.image))
            sheet.add(frame)
            thumbnails[frame.index] = thumbnail(frame.image, bytes_of_each(len(files)))
            if len(waiting) > IMAGES_WAITING:
                waiting.popleft().result()
        for written in waiting:
            written.result()
    _write_image(folder / "contact_sheet.jpg", sheet.image)
    return thumbnails


def _write_image(path: Path, image: NDArray[np.uint8]) -> None:
    # Encoded in memory and written by Python: cv2.imwrite hides why it failed, and loses non-ASCII names on Windows.
    done, data = cv2.imencode(path.suffix, image)
    if not done:
        raise OutputError(f"{path}: an image of {image.shape[1]} x {image.shape[0]} pixels cannot be encoded")
    path.write_bytes(data.tobytes())
