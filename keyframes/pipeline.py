"""From a video to its keyframes: scan, choose, fetch, write."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from keyframes.choice.by_pictures import cover_by_pictures, frames_for_doubt, hardly_tells_apart
from keyframes.choice.choose import choose_from_scan
from keyframes.choice.selection import ChosenFor, Known, Selection
from keyframes.choice.warnings import warnings_of, warnings_of_damage
from keyframes.errors import RegionError, SettingsError
from keyframes.manifest import UnlikeEntry, build_manifest, frames_of
from keyframes.progress import Progress
from keyframes.result.folder import refuse_result, result_folder
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
    from keyframes.labelling.known_frames import Labelled

    Scanner = Callable[[VideoReader, Settings, Progress, Iterable[int]], Scan]
    Chooser = Callable[[Scan, Settings, int | None, Progress, Known | None], tuple[Selection, KSelection | None]]
    _Chosen: TypeAlias = tuple[Scan, Selection, KSelection | None]


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
        Result folder; ``<stem>-keyframes`` in the current folder by default. It appears only when it is complete.
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
    SettingsError, VideoError, RegionError, EncoderError, PredictionsError, ExportError, OutputError
        See `keyframes.errors`. An ExportError is about a project of `unlike`.

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
    choose_with: Chooser = choose_from_scan,
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
        extraction = _Extraction(
            reader=reader,
            settings=settings,
            threads=threads,
            progress=progress,
            notes=notes,
            predicted=predicted,
            labelled=labelled,
            scan_with=scan_with,
            choose_with=choose_with,
            by_predictions=by_predictions,
        )
        try:
            return extraction.write(folder, place, settings.scan, budget)
        except DisagreementError as error:
            # A picture of a scan that left frames out is not that of the file: nothing that depends on it may stay.
            shutil.rmtree(folder)
            folder.mkdir()
            told = () if settings.scan == "auto" else (NOT_SPARSE.format(error),)
            return replace(extraction, notes=(*notes, *told)).write(folder, place, "exact", budget)


@dataclass(frozen=True, kw_only=True)
class _Extraction:
    """An open video, and all that decides which of its frames are chosen; `notes` are warnings known before that."""

    reader: VideoReader
    settings: Settings
    threads: int | None
    progress: Progress
    notes: tuple[str, ...]
    predicted: PredictedVideo | None
    labelled: Labelled | None
    scan_with: Scanner
    choose_with: Chooser
    by_predictions: Mapping[int, ChosenFor] | None

    def write(self, folder: Path, place: Path, kind: ScanKind, budget: dict[str, int] | None) -> Result:
        """Scan and choose, and write what comes of it into a folder that will be at `place`."""
        followed = replace(self.settings.of_pictures(), scan=kind)
        choose_frames = self._choose_by_pictures if self.predicted is None else self._choose_by_predictions
        scan, selection, k_selection = choose_frames(followed)
        warnings = self._warnings(scan, selection, k_selection)
        manifest = build_manifest(
            self.reader,
            scan,
            self.settings,
            selection,
            warnings,
            k_selection,
            unlike=self.labelled.projects if self.labelled else (),
            predictions=self.predicted.entry() if self.predicted else None,
        )
        if budget is not None:
            manifest["budget"] = budget
        write_files(
            folder,
            self.reader,
            followed,
            scan,
            selection,
            manifest,
            k_selection=k_selection,
            progress=self.progress,
        )
        return Result(place, selection.keyframes, manifest, frames_of(scan, manifest), warnings)

    def _choose_by_pictures(self, followed: Settings) -> _Chosen:
        # What is compared with the labelled frames must be known of them, too.
        also = self.labelled.frame_index if self.labelled else ()
        scan = self.scan_with(self.reader, followed, self.progress, also)
        known = self.labelled.known(scan) if self.labelled else None
        try:
            return scan, *self.choose_with(scan, followed, self.threads, self.progress, known)
        except RegionError as error:
            raise RegionError(f"{self.reader.path}: {error}") from None

    def _choose_by_predictions(self, followed: Settings) -> _Chosen:
        """Choose by predictions, and by pictures what these hardly tell apart."""
        from keyframes.choice.predicted import choose_predicted

        assert self.predicted is not None
        given, settings = self.by_predictions, self.settings
        done = self.predicted.labelled
        if self.labelled is not None:
            done = np.union1d(done, self.labelled.frame_index)
        scan = self.predicted.scan(self.reader, settings)
        selection, k_selection = choose_predicted(
            [self.predicted], scan, settings, self.threads, self.progress, done, given
        )
        if given is None and hardly_tells_apart(selection):
            also = np.union1d(done, frames_for_doubt(selection))
            pictures = self.scan_with(self.reader, followed, self.progress, also)
            scan, selection = cover_by_pictures(selection, scan, pictures, settings, self.threads, self.progress, done)
        return scan, selection, k_selection

    @property
    def _any_known(self) -> bool:
        """Whether frames of this recording were labelled before."""
        of_projects = self.labelled is not None and len(self.labelled.frame_index) > 0
        return of_projects or (self.predicted is not None and len(self.predicted.labelled) > 0)

    def _warnings(self, scan: Scan, selection: Selection, k_selection: KSelection | None) -> tuple[str, ...]:
        predicted, labelled = self.predicted, self.labelled
        return (
            *self.notes,
            *(predicted.predictions.warnings if predicted else ()),
            *scan.warnings,
            *self.reader.damage(),
            *(labelled.warnings if labelled else ()),
            *(warnings_of_others(labelled.projects) if labelled and predicted else ()),
            *warnings_of(selection, k_selection, self.settings, any_known=self._any_known),
            *warnings_of_damage(selection, scan),
        )


def check_unlike(settings: Settings, unlike: Sequence[str | Path]) -> None:
    """Raise a SettingsError where a choice would not look at what projects have."""
    if unlike and settings.predictions is None and (settings.uniform or settings.k == "auto"):
        what = "uniform" if settings.uniform else "k = auto"
        raise SettingsError(f"`{what}` cannot be combined with `unlike`; leave one of them out")
    if unlike and settings.features == "encoder":
        raise SettingsError(
            "`features = encoder` does not compare a project's images; choose pca, or leave out `unlike`"
        )
    if unlike and settings.algorithm not in ("auto", "kmeans"):
        raise SettingsError(f"`algorithm = {settings.algorithm}` cannot be combined with `unlike`; choose kmeans")


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
    refuse_result(video)
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
