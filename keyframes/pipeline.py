"""From a video to its keyframes: scan, choose, fetch, write."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from keyframes.choice.choose import choose
from keyframes.choice.selection import Keyframe, Selection
from keyframes.choice.warnings import warnings_of, warnings_of_damage
from keyframes.errors import RegionError, SettingsError
from keyframes.manifest import build_manifest, write_manifest
from keyframes.progress import Progress
from keyframes.result.folder import result_folder
from keyframes.result.naming import result_names
from keyframes.result.result import Result
from keyframes.result.writing import save_choice, write_pictures
from keyframes.scan.first_pass import scan_video
from keyframes.scan.joined_views import common_part, joined
from keyframes.scan.scan import Scan, thumbnailer_of
from keyframes.settings import Settings
from keyframes.video import DisagreementError, VideoReader, file_hash
from keyframes.video.frames import known_time

if TYPE_CHECKING:
    from clustering import KSelection
    from keyframes.labelling.known_frames import Labelled


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
        The other fields of `Settings`: ``features``, ``algorithm``, ``encoder``, ``encoder_minutes``, ``input_size``,
        ``mean``, ``std``, ``start_s``, ``stop_s``, ``every``, ``crop``, ``width``, ``color``, ``scan``, ``uniform``,
        ``min_gap_s``, ``allow_similar``, ``allow_dark``, ``allow_blurred``, ``seed``, ``format``, ``levels``, ``rate``.

    Returns
    -------
    Result

    Raises
    ------
    SettingsError, VideoError, RegionError, EncoderError, OutputError
        See `keyframes.errors`.

    Examples
    --------
    >>> import keyframes
    >>> result = keyframes.extract("mouse.mp4", 20, seed=1)  # doctest: +SKIP
    >>> result.frame_indices  # doctest: +SKIP
    [3, 58, 114, ...]
    """
    settings = Settings(k=k, **options)
    place = Path(output) if output is not None else Path(result_names([Path(video)])[0])
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
        settings, untimed = _without_times(settings, reader)
        labelled = _labelled(unlike, reader, settings)
        follow = _Followed(threads, progress, scan_with, choose_with, notes or {})
        try:
            manifest, selection, warnings = _fill(folder, reader, settings, settings, follow, labelled, untimed)
        except DisagreementError as error:
            # A picture of the fast scan was not that of the file: nothing that rests on it stays.
            shutil.rmtree(folder)
            folder.mkdir()
            exact = replace(settings, scan="exact")
            note = (*untimed, f"every frame was looked at, as with --scan exact: {error}")
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
    if unlike and settings.features == "encoder":
        raise SettingsError("features = encoder tells nothing of a project's images; choose pca, or leave out unlike")
    if unlike and settings.algorithm not in ("auto", "kmeans"):
        raise SettingsError(f"algorithm = {settings.algorithm} cannot keep known frames; choose kmeans for unlike")


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
    if settings.algorithm == "dec":
        raise SettingsError("algorithm = dec learns one recording; leave it out, or the views")
    if settings.scan == "fast":
        raise SettingsError("a fast scan leaves out other frames in each view; leave it out, or the views")
    with ExitStack() as opened:
        readers = [opened.enter_context(_reader(video, settings, threads)) for video in videos]
        folders = [opened.enter_context(result_folder(Path(place), overwrite)) for place in outputs]
        # Times are those of the first view.
        settings, untimed = _without_times(settings, readers[0])
        whole = [scan_video(reader, settings, progress) for reader in readers]
        scans = common_part(whole)
        if not len(scans[0].frame_index):
            raise RegionError(f"{readers[0].path}: has no frame in common with the other views; choose another range")
        selection, k_selection = choose(joined(scans), settings, threads, progress)
        told = (*untimed, *_warnings_of_views(readers, whole, scans), *warnings_of(selection, k_selection, settings))
        results = []
        for place, folder, reader, scan in zip(outputs, folders, readers, scans, strict=True):
            own = replace(selection, keyframes=tuple(_seen_by(scan, keyframe) for keyframe in selection.keyframes))
            save_choice(folder, scan, own, k_selection)
            warnings = (*scan.warnings, *reader.damage(), *told, *warnings_of_damage(own, scan))
            views = [one.header.name for one in readers]
            manifest = _manifest(reader, scan, settings, own, warnings, k_selection, views=views)
            write_pictures(folder, reader, settings, scan, own, manifest, progress)
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
        levels=settings.levels,
        rate=settings.rate,
    )


def _without_times(settings: Settings, reader: VideoReader) -> tuple[Settings, tuple[str, ...]]:
    """Switch the least gap off where frames have no times, and say so where somebody asked for one."""
    if reader.has_times or not settings.min_gap_s:
        return settings, ()
    asked_for = settings.min_gap_s != Settings.min_gap_s
    told = f"images have no times, so a gap of {settings.min_gap_s:g} s was not kept; give --rate HZ too"
    return replace(settings, min_gap_s=0.0), (told,) if asked_for else ()


def _seen_by(scan: Scan, keyframe: Keyframe) -> Keyframe:
    """Return a keyframe with the time and the sharpness that it has in one view."""
    row = int(np.searchsorted(scan.frame_index, keyframe.frame_index))
    return replace(keyframe, time_s=known_time(scan.time_s[row]), sharpness=round(float(scan.sharpness[row]), 3))


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
        selection, k_selection = choose(scan, followed, how.threads, how.progress, known)
    else:
        selection, k_selection = how.choose_with(scan, followed), None
    save_choice(folder, scan, selection, k_selection)
    warnings += (*warnings_of(selection, k_selection, settings), *warnings_of_damage(selection, scan))
    projects = labelled.projects if labelled else ()
    manifest = _manifest(reader, scan, settings, selection, warnings, k_selection, projects=projects) | how.notes
    write_pictures(folder, reader, followed, scan, selection, manifest, how.progress)
    return manifest, selection, warnings


def _manifest(
    reader: VideoReader,
    scan: Scan,
    settings: Settings,
    selection: Selection,
    warnings: tuple[str, ...],
    k_selection: "KSelection | None",
    *,
    projects: tuple[dict[str, Any], ...] = (),
    views: Sequence[str] = (),
) -> dict[str, Any]:
    return build_manifest(
        reader.header,
        file_hash(reader.path, reader.header.size_bytes),
        scan.frames_decoded,
        settings,
        selection,
        warnings,
        k_selection,
        projects,
        views,
        None if reader.images is None else reader.images.levels,
    )


def _labelled(projects: Sequence[str | Path], reader: VideoReader, settings: Settings) -> "Labelled | None":
    """Read projects before hours of decoding; None without any."""
    if not projects:
        return None
    from keyframes.labelling.known_frames import read_labelled

    return read_labelled([Path(project) for project in projects], reader, thumbnailer_of(reader, settings))
