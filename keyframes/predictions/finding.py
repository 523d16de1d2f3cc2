"""Which file holds the predictions of a video: by its name, as each tool names what it writes."""

import os
import re
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path, PureWindowsPath

from keyframes.errors import PredictionsError, not_there
from keyframes.names import folded
from keyframes.predictions.deeplabcut import FILTERED
from keyframes.predictions.lightning_pose import is_error_table
from keyframes.predictions.sleap_csv import VIDEO_COLUMN
from keyframes.predictions.tables import head_of

ENDINGS = (".csv", ".h5", ".hdf5", ".slp")
# How the scorer begins that DeepLabCut appends to the name of the video.
SCORER = r"(DLC|DeepCut|_superanimal)"
# What DeepLabCut derives from predictions.
DERIVED = re.compile(r"(_skeleton|_bodypart-[^.]*)$", re.IGNORECASE)


def find_predictions(place: Path, video: Path) -> Path:
    """Return the file itself, or the one in a folder that is named after the video.

    In a folder with subfolders, that of the video's own folder comes first: ``predictions/day1`` for ``day1/cam.mp4``.
    A PredictionsError says that there is none, or that there are several.
    """
    if os.path.isfile(place):
        return place
    if not os.path.exists(place):
        raise PredictionsError(
            f"{place}: {not_there(place)}; give a network's predictions, or the folder that holds them"
        )
    try:
        found = next(filter(None, (_named_after(video, folder) for folder in _folders_for(video, place))), [])
    except OSError as error:
        raise PredictionsError(f"{place}: cannot be read ({error.strerror}); give a file or a folder") from None
    if len(found) == 1:
        return found[0]
    if not found:
        raise PredictionsError(
            f"{place}: holds no predictions of {video.name}; run the network on it, or name its file after the video"
        )
    names = ", ".join(path.name for path in found)
    raise PredictionsError(
        f"{place}: holds several predictions of {video.name} ({names}); give one of them, or move the others away"
    )


def refuse_shared(place: Path, videos: Sequence[Path]) -> None:
    """Raise a PredictionsError where two videos would be given the same predictions.

    A file that says which of its poses are of which video may serve several.
    """
    owners: dict[Path, Path] = {}
    for video in videos:
        try:
            found = find_predictions(place, video)
        except PredictionsError:
            # It is reported where the video is read.
            continue
        if not _tells_videos_apart(found) and (other := owners.setdefault(found, video)) != video:
            raise PredictionsError(
                f"{found}: would be used for both {other} and {video}; give a folder with one file for each video, in "
                "subfolders like those of the videos if their names are the same"
            )


def _tells_videos_apart(path: Path) -> bool:
    if path.suffix.lower() != ".csv":
        return path.suffix.lower() == ".slp"
    return VIDEO_COLUMN in next(iter(head_of(path, 1)), [])


def _folders_for(video: Path, place: Path) -> list[Path]:
    """Return the folders in which predictions of a video may be, the one that is most like its own first."""
    parents = video.absolute().parent.parts[1:]
    nested = (place.joinpath(*parents[-n_parts:]) for n_parts in range(len(parents), 0, -1))
    return [*(folder for folder in nested if folder.is_dir()), place]


def _named_after(video: Path, folder: Path) -> list[Path]:
    """Return the files in a folder that are predictions of a video by their names."""
    # A batch asks for each of its recordings: names of others are told at a glance.
    own = folded(video.stem)
    likely = sorted(folder / name for name in os.listdir(folder) if own in folded(name))
    found = [path for path in likely if path.suffix.lower() in ENDINGS and _is_of(path, video)]
    # Links that lead nowhere are left out, too.
    found = [path for path in found if path.is_file() and not is_error_table(path) and not DERIVED.search(path.stem)]
    found = _without(found, lambda path: unfiltered(path) != path and unfiltered(path) in found)
    # The same table twice: HDF5 is quicker to read.
    return _without(found, lambda path: path.suffix == ".csv" and path.with_suffix(".h5") in found)


def _without(paths: list[Path], unwanted: Callable[[Path], bool]) -> list[Path]:
    return [path for path in paths if not unwanted(path)]


def unfiltered(path: Path) -> Path:
    """Return the file beside it that was filtered, or the file itself.

    A filter smooths away what is doubtful, and leaves the likelihood as it was.
    """
    if not is_filtered(path):
        return path
    stem = path.stem.removesuffix(FILTERED)
    beside = (path.with_name(f"{stem}{ending}") for ending in (path.suffix, ".h5", ".csv"))
    return next((other for other in beside if os.path.isfile(other)), path)


def is_filtered(path: Path) -> bool:
    """Whether a file is named like a table that DeepLabCut filtered."""
    return path.stem.endswith(FILTERED)


def readable(path: Path) -> Path:
    """Return the CSV beside an HDF5 file where h5py is missing, or the file itself."""
    if path.suffix != ".h5" or find_spec("h5py") is not None:
        return path
    beside = path.with_suffix(".csv")
    return beside if os.path.isfile(beside) else path


def refuse_other_name(path: Path, video: Path) -> None:
    """Raise a PredictionsError where DeepLabCut or Lightning Pose would give a table of a video another name."""
    if not _is_named_after(path, video):
        raise PredictionsError(
            f"{path}: its name does not begin with that of {video.name}; give the predictions of this video, or rename "
            "the file if it holds them"
        )


def refuse_other_video(path: Path, recorded: str, video: Path) -> None:
    """Raise a PredictionsError where a file says that it is of a video of another name."""
    name = PureWindowsPath(recorded)
    if recorded and folded(name.stem) != folded(video.stem):
        raise PredictionsError(
            f"{path}: belongs to {name.name}, not to {video.name}; give the predictions of this video"
        )


def has_scorer(path: Path, video: Path) -> bool:
    """Whether the name of a table ends in that of a network, as DeepLabCut's do; Lightning Pose's do not."""
    return folded(path.stem) != folded(video.stem)


def _is_named_after(path: Path, video: Path) -> bool:
    stem, own = folded(path.stem), folded(video.stem)
    return re.match(rf"{re.escape(own)}({FILTERED})?($|{SCORER})", stem, re.IGNORECASE) is not None


def _is_of(path: Path, video: Path) -> bool:
    """Whether a file of any tool is named after a video.

    SLEAP writes ``mouse.mp4.predictions.slp`` and ``project.000_mouse.analysis.h5``.
    """
    stem, own = folded(path.stem), re.escape(folded(video.stem))
    ending = re.escape(folded(video.suffix))
    of_sleap = rf"(.*\.\d+_)?{own}({ending})?(\.predictions)?(\.analysis)?"
    return _is_named_after(path, video) or re.fullmatch(of_sleap, stem, re.IGNORECASE) is not None
