"""DeepLabCut: images in ``labeled-data/<video stem>/``, the video in ``videos/`` and in ``config.yaml``.

DeepLabCut pairs folder and video by the stem of the video's path, and reads indices back from the image names. It lists
a video as ``<project>/videos/<name>``; listed in another way, it would add the video a second time.
"""

import os
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from keyframes.errors import ExportError, SettingsError
from keyframes.export_options import ExportOptions
from keyframes.labelling.deeplabcut.machine_labels import LabelledNames, write_machine_labels
from keyframes.labelling.deeplabcut.new_config import new_config
from keyframes.labelling.deeplabcut.project import DeepLabCutProject, crop_for, crop_text, frames_there, read_project
from keyframes.labelling.exported import Exported
from keyframes.labelling.image_names import frames_in, stem_of
from keyframes.labelling.project_changes import Changes, open_project
from keyframes.labelling.project_videos import FOLDER, known_video, put_video, told_of_copy
from keyframes.labelling.unused_options import notes_on_differing
from keyframes.names import folded, is_utf8, shown
from keyframes.result.image_files import decoded, write_image
from keyframes.result.recordings import Recording
from keyframes.settings import Crop

USES = frozenset({"task", "scorer", "bodyparts", "individuals", "skeleton", "copy_videos"})
FOLDERS = ("videos", "labeled-data", "training-datasets", "dlc-models")


def check(options: ExportOptions, place: Path, videos: Sequence[Path]) -> None:
    """Raise where the project cannot be read, or a new one cannot be made."""
    if not options.is_new:
        read_project(place)
        return
    missing = [f"--{name}" for name in ("task", "scorer", "bodyparts") if not getattr(options, name)]
    if missing:
        raise SettingsError(
            f"deeplabcut: give an existing project with --project, or {', '.join(missing)} to make a new one"
        )
    _check_text(Path(os.path.abspath(place)))


def write(recordings: Sequence[Recording], options: ExportOptions, place: Path, progress: bool) -> Exported:
    """Add the images and videos to a project, or make one."""
    for recording in recordings:
        recording.need_video()
    project = None if options.is_new else read_project(place)
    root, spelled = (project.root, project.place) if project else (place, Path(os.path.abspath(place)))
    notes = _options_not_used(project, options) if project else []
    names = LabelledNames.of(project, options)
    n_frames, videos = 0, {}
    with open_project(root, options.is_new) as changes:
        for recording in recordings:
            known = _known(recording, project, notes) if project else None
            n_frames += _add_images(recording, project, names, known, changes, notes, progress)
            if known is None:
                size = recording.manifest["video"]
                whole = crop_text(Crop(0, 0, size["width"], size["height"]))
                videos[_listed(recording, spelled, changes, options, notes)] = whole
        if project is None:
            for name in FOLDERS:
                (changes.folder / name).mkdir(exist_ok=True)
            text = new_config(options, spelled, videos, date.today())
            (changes.folder / "config.yaml").write_text(text, encoding="utf-8", newline="\n")
        elif videos:
            entries = {video: {"crop": crop} for video, crop in videos.items()}
            changes.rewrite(project.file.path, project.file.content, project.file.with_entries(project.key, entries))
    return Exported("deeplabcut", root, n_frames, tuple(notes))


def default_place(options: ExportOptions, today: date | None = None) -> Path:
    """Folder of a new project, named as DeepLabCut names it."""
    return Path(f"{options.task}-{options.scorer}-{today or date.today():%Y-%m-%d}")


def _add_images(
    recording: Recording,
    project: DeepLabCutProject | None,
    names: LabelledNames,
    known: str | None,
    changes: Changes,
    notes: list[str],
    progress: bool,
) -> int:
    """Write the images that the folder of a video lacks, cropped as the project crops them; return their number.

    What a network predicted on them goes into a table beside them.
    """
    stem = stem_of(known) if known else recording.name
    place, folder = (root / "labeled-data" / stem for root in (changes.root, changes.folder))
    folder.mkdir(parents=True, exist_ok=True)
    there, digits = frames_there(place), _digits(frames_in(place) or recording.files)
    wanted = [index for index in recording.frame_indices if index not in there]
    crop = crop_for(project, known, place, recording.manifest["video"]) if project and known else None
    images = {index: f"img{index:0{digits}d}.png" for index in wanted}
    for index, image in recording.images(wanted, progress):
        path = folder / images[index]
        if crop is None:
            path.write_bytes(image)
        else:
            rows, columns = slice(crop.y, crop.y + crop.height), slice(crop.x, crop.x + crop.width)
            write_image(path, decoded(path, image)[rows, columns])
    if n_outside := write_machine_labels(recording, images, names, crop, place, folder):
        has = "has" if n_outside == 1 else "have"
        notes.append(f"{n_outside} of the {len(wanted)} frames of {stem} {has} predicted points only outside the crop")
    notes += recording.told_what_was_there(len(wanted))
    if project and crop and wanted:
        notes.append(f"frames of {stem} are cropped to {crop_text(crop)}, as {project.file.path.name} says")
    return len(wanted)


def _known(recording: Recording, project: DeepLabCutProject, notes: list[str]) -> str | None:
    """Find the project's path of a video: that of its content, or of its stem, by which DeepLabCut tells videos."""
    found = {video: [Path(place) for place in project.places_of(video)] for video in project.videos}
    for video, places in found.items():
        if any(map(recording.identity.is_at, places)):
            return video
    # Linked under another name before, as one of several of equal names, and listed by another computer's path.
    folder = project.root / FOLDER
    linked = known_video(recording, sorted(folder.iterdir()) if folder.is_dir() else [])
    names = {folded(name) for name in (recording.name, linked.stem if linked else recording.name)}
    for video, places in found.items():
        if folded(stem_of(video)) not in names:
            continue
        existing = [place for place in places if os.path.exists(place)]
        if not existing:
            notes.append(
                f"{recording.manifest['video']['path']} was matched by name with {video}, which is not on this machine"
            )
        elif any(map(recording.identity.is_converted_at, existing)):
            notes.append(told_of_copy(recording, existing[0]))
        else:
            raise ExportError(
                f"{existing[0]}: the project has another video with the name {stem_of(video)}, and DeepLabCut "
                f"would mix their frames; rename {recording.video}, and extract from it again"
            )
        return video
    place = project.root / "labeled-data" / recording.name
    if frames_there(place):
        # People copy such folders from other projects.
        told = f"whose video {project.file.path.name} does not list"
        notes.append(f"{recording.manifest['video']['path']} was matched by name with {place}, {told}")
    return None


def _listed(recording: Recording, root: Path, changes: Changes, options: ExportOptions, notes: list[str]) -> str:
    """Path for ``video_sets``: that in the project's ``videos/``, or, where links are refused, the video's own."""
    _check_text(root)
    video, name = recording.need_video(), recording.video_name
    path = put_video(recording, Path(FOLDER) / name, changes, options.copy_videos, notes)
    if path is not None:
        return shown(root / path)
    if video.name != name or not is_utf8(video):
        raise ExportError(
            f"{video}: cannot be linked into {root / 'videos'} as {name}, because links are refused there; copy the "
            "videos with --copy-videos"
        )
    notes.append(
        f"{video} stays where it is, because links are refused in {root / 'videos'}; --copy-videos copies it there"
    )
    return shown(video)


def _check_text(root: Path) -> None:
    """Raise where the path of a project cannot stand in its config.yaml."""
    if not is_utf8(root):
        raise ExportError(
            f"{root}: this path is not UTF-8, as DeepLabCut's config.yaml is; rename it, or choose another path"
        )


def _options_not_used(project: DeepLabCutProject, options: ExportOptions) -> list[str]:
    """Tell what the user asked for that an existing project decides in another way."""
    data = project.file.data
    several = data.get("multianimalproject") is True
    has = {
        "task": data["Task"],
        "scorer": data["scorer"],
        "bodyparts": data.get("multianimalbodyparts" if several else "bodyparts"),
        "individuals": data.get("individuals") if several else [],
        "skeleton": data.get("skeleton"),
    }
    return notes_on_differing(options, has, project.file.path.name)


def _digits(images: Mapping[int, Path]) -> int:
    """Return the number of digits to which the names of images are padded; a result's are those of DeepLabCut."""
    return min(len(re.findall("[0-9]+", file.stem)[0]) for file in images.values())
