"""From a video to its keyframes: scan, choose, fetch, write."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from keyframes.choice.by_pictures import cover_by_pictures, frames_for_doubt, hardly_tells_apart
from keyframes.choice.choose import choose
from keyframes.choice.selection import ChosenFor, Known, Selection
from keyframes.choice.warnings import warnings_of, warnings_of_damage
from keyframes.errors import RegionError, SettingsError
from keyframes.manifest import UnlikeEntry, build_manifest
from keyframes.progress import Progress
from keyframes.result.folder import result_folder
from keyframes.result.naming import result_names
from keyframes.result.result import Result
from keyframes.result.writing import write_files
from keyframes.scan.first_pass import NOT_SPARSE, scan_video
from keyframes.scan.scan import Scan, thumbnailer_of
from keyframes.settings import Options, ScanKind, Settings
from keyframes.video import DisagreementError, VideoReader

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from clustering import KSelection
    from keyframes.choice.predicted_video import PredictedVideo

    Scanner = Callable[[VideoReader, Settings, Progress, Iterable[int]], Scan]
    Chooser = Callable[[Scan, Settings, int | None, Progress, Known | None], tuple[Selection, KSelection | None]]


def extract(
    video: str | Path,
    k: int | Literal["auto"],
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    unlike: Sequence[str | Path] = (),
    threads: int | None = None,
    progress: bool = False,
    **options: Unpack[Options],
) -> Result:
    """Choose k frames of a video that represent all the others, and write them, with a manifest, into a folder.

    Parameters
    ----------
    video : str or Path
    k : int or "auto"
        Number of frames to choose. If the video has fewer that differ, all of those are chosen, with a warning.
        "auto" finds the number, 2 to 300, beyond which more of them add little: the bend of the inertia over the number
        of clusters (`clustering.select_k`). The curve is drawn in ``k_curve.png`` and listed in the manifest.
    output : str or Path, optional
        Result folder; ``<stem>-keyframes`` in the working folder by default. It appears whole or not at all.
    overwrite : bool, default=False
        Replace an earlier result.
    unlike : sequence of str or Path
        Projects: DeepLabCut's folder or ``config.yaml``, a ``.slp``, Lightning Pose's folder, or an earlier result. No
        frame that is labelled or chosen there is chosen again, and the new frames cover what those do not. They may
        come from other videos of the same camera.
    threads : int or None, default=None
        Threads to use; None takes every processor. The result does not depend on it.
    progress : bool, default=False
        Show progress bars on standard error if that is a terminal.
    **options
        The other attributes of `Settings`.

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
    >>> result = keyframes.extract("sample_data/mouse.mp4", 3, output="three", stop_s=2.0)
    >>> [path.name for path in result.files] == [f"img{index:04d}.png" for index in result.frame_indices]
    True
    """
    settings = Settings(k=k, **options)
    place = Path(output) if output is not None else Path(result_names([Path(video)])[0])
    return run_extraction(
        video, settings, place, overwrite=overwrite, unlike=unlike, threads=threads, progress=progress
    )


def run_extraction(
    video: str | Path,
    settings: Settings,
    place: Path,
    *,
    overwrite: bool = False,
    unlike: Sequence[str | Path] = (),
    threads: int | None = None,
    progress: Progress = False,
    scan_with: Scanner = scan_video,
    choose_with: Chooser = choose,
    by_predictions: Mapping[int, ChosenFor] | None = None,
    budget: dict[str, int] | None = None,
) -> Result:
    """Do what `extract` does, with a scan or a choice from elsewhere where `scan_with` or `choose_with` is given.

    `by_predictions` has the frames, and what for, where these were chosen elsewhere by predictions. `budget` is that of
    the batch, for the manifest.
    """
    check_unlike(settings, unlike)
    with open_video(video, settings, threads) as reader, result_folder(place, overwrite) as folder:
        settings, notes = without_times(settings, reader)
        predicted = None
        if settings.predictions is not None:
            from keyframes.choice.predicted_video import read_predicted

            settings, predicted = read_predicted(reader, settings)
        labelled = None
        if unlike:
            # Projects are read before hours of decoding.
            from keyframes.labelling.known_frames import read_labelled

            labelled = read_labelled([Path(one) for one in unlike], reader, thumbnailer_of(reader, settings))

        def write_result(kind: ScanKind, *more: str) -> Result:
            """Scan and choose, and write what comes of it."""
            followed = replace(settings.of_pictures(), scan=kind)
            if predicted is None:
                # What is compared with the labelled frames must be known of them, too.
                scan = scan_with(reader, followed, progress, labelled.frame_index if labelled else ())
                known = labelled.known(scan) if labelled else None
                try:
                    selection, k_selection = choose_with(scan, followed, threads, progress, known)
                except RegionError as error:
                    raise RegionError(f"{video}: {error}") from None
            else:
                done = predicted.labelled if labelled is None else np.union1d(predicted.labelled, labelled.frame_index)
                scan, selection, k_selection = _choose_by_predictions(
                    predicted,
                    reader,
                    settings,
                    threads,
                    progress,
                    done,
                    by_predictions,
                    lambda also: scan_with(reader, followed, progress, also),
                )
            warnings = (
                *notes,
                *more,
                *(predicted.predictions.warnings if predicted else ()),
                *scan.warnings,
                *reader.damage(),
                *(labelled.warnings if labelled else ()),
                *(warnings_of_others(labelled.projects) if labelled and predicted else ()),
                *warnings_of(selection, k_selection, settings),
                *warnings_of_damage(selection, scan),
            )
            projects = labelled.projects if labelled else ()
            entry = predicted.entry() if predicted else None
            manifest = build_manifest(
                reader, scan, settings, selection, warnings, k_selection, unlike=projects, predictions=entry
            )
            if budget is not None:
                manifest["budget"] = budget
            write_files(folder, reader, followed, scan, selection, k_selection, manifest, progress)
            return Result(place, selection.keyframes, manifest, warnings)

        try:
            return write_result(settings.scan)
        except DisagreementError as error:
            # A picture of a scan that left frames out is not that of the file: nothing that depends on it may stay.
            shutil.rmtree(folder)
            folder.mkdir()
            told = () if settings.scan == "auto" else (NOT_SPARSE.format(error),)
            return write_result("exact", *told)


def _choose_by_predictions(
    predicted: PredictedVideo,
    reader: VideoReader,
    settings: Settings,
    threads: int | None,
    progress: Progress,
    done: NDArray[np.int64],
    given: Mapping[int, ChosenFor] | None,
    scan_pictures: Callable[[Iterable[int]], Scan],
) -> tuple[Scan, Selection, KSelection | None]:
    """Choose by predictions, and by pictures what these hardly tell apart."""
    from keyframes.choice.predicted import choose_predicted

    scan = predicted.scan(reader, settings)
    selection, k_selection = choose_predicted([predicted], scan, settings, threads, progress, done, given)
    if given is None and hardly_tells_apart(selection):
        pictures = scan_pictures(np.union1d(done, frames_for_doubt(selection)))
        scan, selection = cover_by_pictures(selection, scan, pictures, settings, threads, progress, done)
    return scan, selection, k_selection


def check_unlike(settings: Settings, unlike: Sequence[str | Path]) -> None:
    """Raise a SettingsError where a choice would not look at what projects have."""
    if unlike and settings.predictions is None and (settings.uniform or settings.k == "auto"):
        what = "uniform" if settings.uniform else "k = auto"
        raise SettingsError(f"{what} cannot be combined with unlike")
    if unlike and settings.features == "encoder":
        raise SettingsError("features = encoder does not compare a project's images; choose pca, or leave out unlike")
    if unlike and settings.algorithm not in ("auto", "kmeans"):
        raise SettingsError(f"algorithm = {settings.algorithm} cannot be used with unlike; choose kmeans")


def warnings_of_others(projects: Sequence[UnlikeEntry]) -> tuple[str, ...]:
    """Say how many labelled frames do not count where frames are chosen by predictions."""
    n_others = sum(project["frames"] - project["of_this_video"] for project in projects)
    if not n_others:
        return ()
    if n_others == 1:
        return ("one frame of the projects is of another video, which has no predictions here: it was ignored",)
    return (
        f"{n_others} frames of the projects are of other videos, which have no predictions here: they were ignored",
    )


def open_video(video: str | Path, settings: Settings, threads: int | None) -> VideoReader:
    """Open the part of a video that the settings name."""
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


def without_times(settings: Settings, reader: VideoReader) -> tuple[Settings, tuple[str, ...]]:
    """Switch the least gap off where frames have no times, and say so where somebody asked for one."""
    if reader.has_times or settings.min_gap_s == 0:
        return settings, ()
    untimed, gap_s = replace(settings, min_gap_s=0.0), settings.min_gap_s
    if gap_s is None:
        return untimed, ()
    return untimed, (f"images have no times, so the gap of {gap_s:g} s was not kept; also give --rate HZ",)
