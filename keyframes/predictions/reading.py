"""Reading predictions for a video, whatever tool wrote them."""

import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from keyframes.errors import PredictionsError
from keyframes.predictions import deeplabcut, lightning_pose, own_csv, sleap_analysis, sleap_csv, sleap_project
from keyframes.predictions.assembly import moved
from keyframes.predictions.checks import checked, in_corner, refuse_size
from keyframes.predictions.finding import (
    find_predictions,
    has_scorer,
    is_filtered,
    readable,
    refuse_other_name,
    refuse_other_video,
    unfiltered,
)
from keyframes.predictions.hdf5 import opened
from keyframes.predictions.predictions import Predictions
from keyframes.predictions.tables import head_of
from keyframes.video import VideoReader

Offset = tuple[float, float]
HINTS = {
    ".pickle": "; DeepLabCut makes one of its raw detections with deeplabcut.stitch_tracklets",
    ".yaml": "; give the file of predictions, not of the project",
}


def read_predictions(path: str | Path, video: str | Path | VideoReader, *, offset: Offset | None = None) -> Predictions:
    """Read a network's predictions for a video.

    Parameters
    ----------
    path : str or Path
        A file of DeepLabCut (``.h5``, ``.csv``), SLEAP (``.slp``, analysis ``.h5``, ``.csv``) or Lightning Pose
        (``.csv``), or a table with the columns frame_index, animal, node, x, y, confidence. Or a folder, in which the
        file is found by the name of the video. In place of a file that DeepLabCut filtered, the unfiltered one beside
        it is read.
    video : str, Path or VideoReader
        The video of the predictions.
    offset : (float, float) or None
        x and y of the upper left corner, in pixels, of the crop that the network saw. None takes it from the
        ``_meta.pickle`` that DeepLabCut writes, where there is one, or from the ``.slp``. It is added to all points.

    Returns
    -------
    Predictions
        Its warnings say where the predictions end early, and where they may be inside a crop.

    Raises
    ------
    PredictionsError
        Where the file cannot be read, or is not of this video: another name, more frames, another size of the picture.
    VideoError
        Where the video cannot be read.
    """
    with nullcontext(video) if isinstance(video, VideoReader) else VideoReader(video) as reader:
        wanted = find_predictions(Path(path), reader.path)
        source = unfiltered(wanted)
        predictions = _read(readable(source), reader, offset)
        if source != wanted:
            told = f"{source.name} is read instead of {wanted.name}: filtering hides doubtful points"
            predictions = replace(predictions, warnings=(told, *predictions.warnings))
        elif is_filtered(source):
            told = f"{source.name} is filtered, which hides doubtful points; give the unfiltered file if there is one"
            predictions = replace(predictions, warnings=(told, *predictions.warnings))
        return checked(predictions, reader)


def files_with(path: Path) -> list[Path]:
    """Return the files that are read with a file of predictions, or instead of it: those that are there."""
    source = readable(unfiltered(path))
    beside = [deeplabcut.meta_file_of(source)] if source.suffix.lower() != ".slp" else []
    if source.suffix.lower() == ".csv":
        beside += lightning_pose.error_files_of(source).values()
    return [file for file in ([source] if source != path else []) + beside if os.path.isfile(file)]


def _read(source: Path, video: VideoReader, offset: Offset | None) -> Predictions:
    """Read a file by what is in it, its points in the whole picture."""
    ending = source.suffix.lower()
    if not source.stat().st_size:
        raise PredictionsError(f"{source}: is empty (0 bytes); copy it again, or predict again")
    if ending == ".slp":
        predictions, corner = _read_project(source, video)
        offset = offset or corner
    elif ending == ".csv":
        header = next(iter(head_of(source, 1)), [])
        if not sleap_csv.is_ours(header) and not own_csv.is_ours(header):
            table = deeplabcut.read_csv(source)
            refuse_other_name(source, video.path)
            return _out_of_crop(lightning_pose.with_errors(table), video, offset)
        is_sleap = sleap_csv.is_ours(header)
        predictions = sleap_csv.read(source, video.path) if is_sleap else own_csv.read(source)
    elif ending in (".h5", ".hdf5"):
        with opened(source) as file:
            recorded = sleap_analysis.video_of(file) if sleap_analysis.is_ours(file) else None
        if recorded is None:
            table = deeplabcut.read_h5(source)
            refuse_other_name(source, video.path)
            return _out_of_crop(table, video, offset)
        refuse_other_video(source, recorded, video.path)
        predictions = sleap_analysis.read(source)
    else:
        hint = HINTS.get(ending, "; give the file that the network's tool wrote")
        raise PredictionsError(f"{source}: is not a .h5, .csv or .slp with predictions{hint}")
    return predictions if offset is None else moved(predictions, offset)


def _read_project(source: Path, video: VideoReader) -> tuple[Predictions, Offset | None]:
    """Read a project of SLEAP; return also the corner of the part that it crops the video to, if it does."""
    predictions, recorded = sleap_project.read(source, video.path)
    if recorded.size is not None:
        refuse_size(source, recorded.size, video)
    return predictions, recorded.corner


def _out_of_crop(predictions: Predictions, video: VideoReader, offset: Offset | None) -> Predictions:
    """Move the points of DeepLabCut to where they are in the whole picture."""
    meta = deeplabcut.meta_file_of(predictions.source)
    if offset is None and os.path.isfile(meta):
        crop = deeplabcut.crop_in(meta)
        if crop.cropped:
            offset = (crop.left, crop.top)
        else:
            refuse_size(predictions.source, (crop.bottom, crop.right), video)
    elif offset is None and has_scorer(predictions.source, video.path) and in_corner(predictions, video):
        told = (
            f"all points of {predictions.source.name} lie in the upper left quarter of the picture; if the network saw "
            f"a crop of the video, give its corner with --predictions-offset (there is no {meta.name})"
        )
        return replace(predictions, warnings=(*predictions.warnings, told))
    return predictions if offset is None else moved(predictions, offset)
