"""DeepLabCut: images in ``labeled-data/<video stem>/`` and the video in ``config.yaml``.

DeepLabCut pairs folder and video by the stem of the video's path, and reads indices back from the image names.
"""

import csv
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

from keyframes.datatypes import Exported, ExportOptions, LabelledFrame
from keyframes.errors import ExportError, SettingsError
from keyframes.exporters.changes import project_changes
from keyframes.exporters.place import check_free
from keyframes.exporters.project_file import ProjectFile, quoted, read_project_file
from keyframes.exporters.recording import Recording, is_video_of, read_image
from keyframes.names import is_utf8, restored, shown
from keyframes.output import result_folder

# Whatever the language of the machine.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FOLDERS = ("videos", "labeled-data", "training-datasets", "dlc-models")
CONFIG = """\
# Project definitions (do not edit)
Task: {task}
scorer: {scorer}
date: {date}
multianimalproject: false
identity: false

# Project path (change when moving around)
project_path: {project_path}

# Annotation data set configuration (and individual video cropping parameters)
video_sets:
{video_sets}
bodyparts:
{bodyparts}

# Fraction of video to start/stop when extracting frames for labeling/refinement
start: 0
stop: 1
numframes2pick: 20

# Plotting configuration
skeleton: []
skeleton_color: black
pcutoff: 0.6
dotsize: 12
alphavalue: 0.7
colormap: rainbow

# Training,Evaluation and Analysis configuration
TrainingFraction:
- 0.95
iteration: 0
default_net_type: resnet_50
default_augmenter: default
snapshotindex: -1
batch_size: 8

# Cropping Parameters (for analysis and outlier frame detection)
cropping: false
x1: 0
x2: 640
y1: 277
y2: 624

# Refinement configuration (parameters from annotation dataset configuration also relevant in this stage)
corner2move2:
- 50
- 50
move2corner: true
"""


def check(options: ExportOptions, place: Path, videos: Sequence[Path]) -> None:
    """Raise where the project cannot be read, or a new one cannot be made."""
    if options.is_new:
        _check_new(options, place)
    else:
        _read_config(options)


def write(recordings: Sequence[Recording], options: ExportOptions, place: Path, progress: bool) -> Exported:
    """Add the images and videos to a project, or make one."""
    for recording in recordings:
        recording.need_video()
    if options.is_new:
        return _write_new(recordings, options, place, progress)
    return _add(recordings, _read_config(options), progress)


def labelled_frames(project: Path) -> Iterator[LabelledFrame]:
    """Yield the frames of a project that are labelled or extracted for it."""
    root = _read_config(ExportOptions(project=project)).path.parent
    folders = sorted(path for path in root.glob("labeled-data/*") if path.is_dir())
    for folder in folders:
        # There DeepLabCut draws the labels into the images.
        if folder.name.endswith("_labeled") and folder.with_name(folder.name.removesuffix("_labeled")) in folders:
            continue
        images = {index: path for path in sorted(folder.glob("*.png")) for index in _indices_in([path.name])}
        for index in sorted(_frames_there(folder)):
            yield LabelledFrame(folder.name, index, read_image(images[index]) if index in images else None)


def default_place(options: ExportOptions, today: date | None = None) -> Path:
    """Folder of a new project, named as DeepLabCut names it."""
    return options.project or Path(f"{options.task}-{options.scorer}-{today or date.today():%Y-%m-%d}")


def _check_new(options: ExportOptions, place: Path) -> None:
    missing = [f"--{name}" for name in ("task", "scorer", "bodyparts") if not getattr(options, name)]
    if missing:
        raise SettingsError(
            f"deeplabcut: give an existing project with --project, or {', '.join(missing)} to make a new one"
        )
    _check_text(Path(os.path.realpath(place)))
    check_free(place)


def _read_config(options: ExportOptions) -> ProjectFile:
    assert options.project is not None
    path = options.project / "config.yaml" if options.project.is_dir() else options.project
    config = read_project_file(path, ("Task", "scorer", "video_sets"))
    if not isinstance(config.data["video_sets"] or {}, dict):
        raise ExportError(f"{path}: its video_sets are no mapping of videos; restore it from a copy")
    return config


def _write_new(recordings: Sequence[Recording], options: ExportOptions, place: Path, progress: bool) -> Exported:
    _check_new(options, place)
    today = date.today()
    root = Path(os.path.realpath(place))
    with result_folder(place, overwrite=False) as folder:
        for name in FOLDERS:
            (folder / name).mkdir()
        videos = {}
        for recording in recordings:
            images = folder / "labeled-data" / recording.name
            images.mkdir()
            _write_images(recording, recording.frame_indices, images, _digits(recording), progress)
            videos[_video_path(recording, root, folder)] = _crop(recording)
        text = CONFIG.format(
            task=quoted(options.task),
            scorer=quoted(options.scorer),
            date=f"{MONTHS[today.month - 1]}{today.day}",
            project_path=quoted(str(root)),
            video_sets="\n".join(f"  {quoted(video)}:\n    crop: {crop}" for video, crop in videos.items()),
            bodyparts="\n".join(f"- {quoted(part)}" for part in options.bodyparts),
        )
        (folder / "config.yaml").write_text(shown(text), encoding="utf-8", newline="\n")
    return Exported("deeplabcut", place, sum(len(recording.frame_indices) for recording in recordings))


def _add(recordings: Sequence[Recording], config: ProjectFile, progress: bool) -> Exported:
    root, notes, n_frames = config.path.parent, [], 0
    in_project = [restored(str(video)) for video in config.data["video_sets"] or {}]
    videos: dict[str, dict[str, str]] = {}
    with project_changes(root) as changes:
        for recording in recordings:
            known = _video_in_project(recording, in_project)
            stem = _stem(known) if known else recording.name
            place, images = root / "labeled-data" / stem, changes.folder / "labeled-data" / stem
            images.mkdir(parents=True)
            there, digits = _frames_there(place), _digits_there(place) or _digits(recording)
            wanted = [index for index in recording.frame_indices if index not in there]
            _write_images(recording, wanted, images, digits, progress)
            n_frames += len(wanted)
            notes += recording.told_what_was_there(len(wanted))
            if known is None:
                videos[_video_path(recording, Path(os.path.realpath(root)), changes.folder)] = {
                    "crop": _crop(recording)
                }
            elif not Path(known).exists():
                notes.append(
                    f"{recording.manifest['video']['path']} is taken for {known}, which is not on this machine"
                )
        if videos:
            changes.rewrite(config.path, config.content, config.with_entries("video_sets", videos))
    return Exported("deeplabcut", root, n_frames, tuple(notes))


def _video_in_project(recording: Recording, videos: Sequence[str]) -> str | None:
    """Find the project's name of a video: that of its path, or of its stem, by which DeepLabCut tells videos."""
    video = recording.need_video()
    for name in videos:
        with suppress(OSError):
            if Path(name).samefile(video):
                return name
    for name in videos:
        if _stem(name).casefold() == recording.name.casefold():
            if Path(name).exists() and not is_video_of(recording.manifest, Path(name)):
                raise ExportError(
                    f"{name}: the project has another video of the name {recording.name}, and DeepLabCut "
                    f"would mix their frames; rename {video}, and extract from it again"
                )
            return name
    return None


def _stem(name: str) -> str:
    """Stem of a path that may come from another system."""
    return Path(re.split(r"[/\\]", name)[-1]).stem


def _video_path(recording: Recording, root: Path, folder: Path) -> str:
    """Path for ``video_sets``: the video's own, or that of a link of the folder's name.

    There is a link where the video has another stem than the folder, or a path that YAML, which is UTF-8, cannot hold.
    """
    video = recording.need_video()
    if video.stem == recording.name and is_utf8(video):
        return shown(video)
    link = Path("videos") / f"{recording.name}{video.suffix}"
    (folder / "videos").mkdir(exist_ok=True)
    (folder / link).symlink_to(video)
    return shown(root / link)


def _check_text(root: Path) -> None:
    """Raise where the path of a project cannot stand in its config.yaml."""
    if not is_utf8(root):
        raise ExportError(f"{root}: this path is not UTF-8, as DeepLabCut's config.yaml is; choose another place")


def _crop(recording: Recording) -> str:
    video = recording.manifest["video"]
    return f"0, {video['width']}, 0, {video['height']}"


def _digits(recording: Recording) -> int:
    """Digits of the index in the names of the result's images, which are DeepLabCut's."""
    return min(len(re.findall("[0-9]+", file.stem)[0]) for file in recording.files.values())


def _digits_there(folder: Path) -> int:
    """Digits that the indices of a folder's images are padded to; 0 where it has none."""
    found = [re.findall("[0-9]+", path.stem) for path in folder.glob("img*.png")]
    return min((len(numbers[0]) for numbers in found if numbers), default=0)


def _frames_there(folder: Path) -> set[int]:
    """Find the indices of a folder's images and of its labels; old tables have one column for the path."""
    names = [path.name for path in folder.glob("*.png")]
    for table in sorted(folder.glob("CollectedData_*.csv")):
        try:
            with table.open(encoding="utf-8", newline="") as file:
                names += [cell for row in csv.reader(file) for cell in row[:3]]
        except (OSError, ValueError, csv.Error) as error:
            raise ExportError(f"{table}: cannot be read as a table of labels ({error})") from None
    return _indices_in(names)


def _indices_in(names: Iterable[str]) -> set[int]:
    """Find the frame indices in the names of images."""
    stems = (re.split(r"[/\\]", name)[-1] for name in names if name.endswith(".png"))
    return {int(number) for stem in stems for number in re.findall("[0-9]+", stem)[:1]}


def _write_images(recording: Recording, wanted: Sequence[int], folder: Path, digits: int, progress: bool) -> None:
    for index, image in recording.images(wanted, progress):
        (folder / f"img{index:0{digits}d}.png").write_bytes(image)
