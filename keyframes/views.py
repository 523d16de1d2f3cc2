"""Several cameras that film one scene: the same frames of each, chosen by what all of them show."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from keyframes.choice.choose import choose_from_scan
from keyframes.choice.selection import Selection, keyframe_at
from keyframes.choice.warnings import warnings_of, warnings_of_damage
from keyframes.errors import RegionError, SettingsError
from keyframes.manifest import build_manifest, frames_of
from keyframes.pipeline import open_video, without_times
from keyframes.progress import Progress
from keyframes.result.folder import result_folder
from keyframes.result.naming import names_apart
from keyframes.result.result import Result
from keyframes.result.writing import write_files
from keyframes.scan.first_pass import scan_video
from keyframes.scan.joined_views import common_part, joined
from keyframes.scan.scan import Scan
from keyframes.settings import Options, Settings
from keyframes.video import VideoReader

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from clustering import KSelection
    from keyframes.choice.predicted_video import PredictedVideo
    from keyframes.pipeline import Scanner

# Cameras may drift apart by so many frames of the slowest: time stamps that jitter by half a frame either way make two,
# and 29.97 frames per second instead of 30 makes one in half a minute.
MOST_APART = 3


def extract_views(
    videos: Sequence[str | Path],
    k: int | Literal["auto"],
    *,
    outputs: Sequence[str | Path],
    overwrite: bool = False,
    threads: int | None = None,
    progress: bool = False,
    **options: Unpack[Options],
) -> list[Result]:
    """Choose k moments of a scene filmed by several cameras, and write the same frames of each video.

    The cameras run in step: a frame index means the same moment in each of them.

    Parameters
    ----------
    videos : sequence of str or Path
        Two or more. If one is shorter, only the common part is used, with a warning.
    k : int or "auto"
    outputs : sequence of str or Path
        Result folder of each video.
    overwrite, threads, progress, **options
        As for `extract`, without ``unlike`` and the sparse scan.

    Returns
    -------
    list of Result
        One for each video, all with the same frame indices.

    Raises
    ------
    SettingsError, VideoError, RegionError, EncoderError, PredictionsError, OutputError
        See `keyframes.errors`.
    """
    settings = Settings(k=k, **options)
    if len(videos) < 2 or len(outputs) != len(videos):
        raise SettingsError(
            f"{len(videos)} videos were given as views of one scene; give two or more, and a result folder for each"
        )
    return run_views(videos, settings, outputs, overwrite=overwrite, threads=threads, progress=progress)


def check_views(settings: Settings) -> None:
    """Raise a SettingsError where settings cannot choose the same frames of several views."""
    if settings.algorithm == "dec":
        raise SettingsError(
            "`algorithm = dec` cannot be combined with `views`, because it learns one recording; leave one of them out"
        )
    if settings.scan == "sparse":
        raise SettingsError(
            "`scan = sparse` cannot be combined with `views`, because it looks at different frames in each; leave one "
            "of them out"
        )


def run_views(
    videos: Sequence[str | Path],
    settings: Settings,
    outputs: Sequence[str | Path],
    *,
    overwrite: bool = False,
    threads: int | None = None,
    progress: Progress = False,
    scan_with: Scanner = scan_video,
) -> list[Result]:
    """Do what `extract_views` does, with scans from elsewhere where `scan_with` is given."""
    check_views(settings)
    settings = replace(settings, scan="exact") if settings.predictions is None else settings
    with ExitStack() as opened:
        readers = [opened.enter_context(open_video(video, settings, threads)) for video in videos]
        folders = [opened.enter_context(result_folder(Path(place), overwrite)) for place in outputs]
        # How far two frames are apart in time, the first view says.
        settings, untimed = without_times(settings, readers[0])
        predicted = _read_all_predicted(readers, settings)
        whole = _scan_all(readers, predicted, settings, progress, scan_with)
        scans = common_part(whole)
        if not len(scans[0].frame_index):
            raise RegionError(_nothing_common(readers, whole, by_predictions=bool(predicted)))
        selection, k_selection = _choose(predicted, scans, settings, threads, progress)
        told = (
            *untimed,
            *_warnings_of_lengths(readers, whole, scans, by_predictions=bool(predicted)),
            *_warnings_of_times(readers, scans),
            *warnings_of(selection, k_selection, settings, any_known=any(len(own.labelled) for own in predicted)),
        )
        names = [reader.header.name for reader in readers]
        results = []
        views: Sequence[PredictedVideo | None] = predicted or [None] * len(readers)
        for place, folder, reader, scan, view in zip(outputs, folders, readers, scans, views, strict=True):
            own = _seen_by(scan, selection)
            of_file = view.predictions.warnings if view else ()
            warnings = (*of_file, *scan.warnings, *reader.damage(), *told, *warnings_of_damage(own, scan))
            manifest = build_manifest(
                reader,
                scan,
                replace(settings, predictions=view.predictions.source) if view else settings,
                own,
                warnings,
                k_selection,
                views=names,
                predictions=view.entry() if view else None,
            )
            write_files(folder, reader, settings, scan, own, manifest, k_selection=k_selection, progress=progress)
            results.append(Result(Path(place), own.keyframes, manifest, frames_of(scan, manifest), warnings))
    return results


def _read_all_predicted(readers: Sequence[VideoReader], settings: Settings) -> list[PredictedVideo]:
    """Read the predictions of each view; of none where the settings name none."""
    if settings.predictions is None:
        return []
    from keyframes.choice.predicted_video import read_predicted
    from keyframes.predictions.finding import refuse_shared

    refuse_shared(settings.predictions, [reader.path for reader in readers])
    return [read_predicted(reader, settings, name)[1] for reader, name in zip(readers, _names(readers), strict=True)]


def _names(readers: Sequence[VideoReader]) -> list[str]:
    """Name the views so that each is told from the others."""
    return names_apart([reader.path for reader in readers])


def _scan_all(
    readers: Sequence[VideoReader],
    predicted: Sequence[PredictedVideo],
    settings: Settings,
    progress: Progress,
    scan_with: Scanner,
) -> list[Scan]:
    """Scan the pictures of each view, or, where there are predictions, take these for its scan."""
    if predicted:
        return [own.scan(reader, settings) for own, reader in zip(predicted, readers, strict=True)]
    return [scan_with(reader, settings, progress, ()) for reader in readers]


def _choose(
    predicted: Sequence[PredictedVideo],
    scans: Sequence[Scan],
    settings: Settings,
    threads: int | None,
    progress: Progress,
) -> tuple[Selection, KSelection | None]:
    """Choose frames that all views have, by the predictions of each or by the pictures of all."""
    if not predicted:
        return choose_from_scan(joined(scans), settings, threads, progress)
    from keyframes.choice.predicted import choose_predicted

    labelled = np.unique(np.concatenate([own.labelled for own in predicted]))
    return choose_predicted(predicted, scans[0], settings, threads, progress, labelled)


def _seen_by(scan: Scan, selection: Selection) -> Selection:
    """Return a choice with the times and the sharpness that its frames have in one view."""
    rows = np.searchsorted(scan.frame_index, [keyframe.frame_index for keyframe in selection.keyframes])
    own = tuple(
        replace(
            keyframe_at(scan, row, keyframe.cluster, keyframe.cluster_size, keyframe.distance),
            chosen_for=keyframe.chosen_for,
            reason=keyframe.reason,
        )
        for row, keyframe in zip(rows, selection.keyframes, strict=True)
    )
    return replace(selection, keyframes=own)


def _warnings_of_lengths(
    readers: Sequence[VideoReader], whole: Sequence[Scan], common: Sequence[Scan], *, by_predictions: bool
) -> tuple[str, ...]:
    """Tell where the views are not of one length."""
    if len({len(scan.frame_index) for scan in (*whole, *common)}) == 1:
        return ()
    lengths = ", ".join(f"{name} {len(scan.frame_index)}" for name, scan in zip(_names(readers), whole, strict=True))
    n_common = len(common[0].frame_index)
    of_views = (
        "the predictions of the views have different numbers" if by_predictions else "the views have different numbers"
    )
    return (f"{of_views} of frames ({lengths}); only the {n_common} that all of them have were used",)


def _warnings_of_times(readers: Sequence[VideoReader], common: Sequence[Scan]) -> tuple[str, ...]:
    """Tell where the same frames are not at the same times, counted from the first of them; images may have none."""
    views = zip(_names(readers), readers, common, strict=True)
    timed = [(name, scan.time_s) for name, reader, scan in views if reader.has_times]
    if len(timed) < 2 or len(common[0].frame_index) < 2:
        return ()
    steps = np.diff(common[0].frame_index)
    frame_s = max(float(np.median(np.diff(time_s) / steps)) for _, time_s in timed)
    apart_s = float(np.ptp([time_s - time_s[0] for _, time_s in timed], axis=0).max())
    if apart_s <= MOST_APART * frame_s:
        return ()
    rates = ", ".join(f"{name} {_rate(steps, time_s)}" for name, time_s in timed)
    return (
        f"the times of the same frame differ by up to {apart_s:.2g} s between the views (frames per second: {rates}); "
        "the cameras may not be synchronized",
    )


def _rate(steps: NDArray[np.int64], time_s: NDArray[np.float64]) -> str:
    seconds = float(time_s[-1] - time_s[0])
    return f"{steps.sum() / seconds:.4g}" if seconds else "unknown"


def _nothing_common(readers: Sequence[VideoReader], whole: Sequence[Scan], *, by_predictions: bool) -> str:
    """Say that no frame lies in the range in all views, and which do in each."""
    if by_predictions:
        return (
            f"{readers[0].path}: no frame in the range has predictions in all views; choose another range, or predict "
            "the same frames of each video"
        )
    ranges = ", ".join(
        f"{name} {scan.frame_index[0]} to {scan.frame_index[-1]}"
        for name, scan in zip(_names(readers), whole, strict=True)
    )
    return (
        f"{readers[0].path}: has no frame in common with the other views (frames in the range, by each video's own "
        f"times: {ranges}); choose another range"
    )
