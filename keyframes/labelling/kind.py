"""Which tool a project belongs to: told by its content, because several tools name a file config.yaml."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from keyframes.errors import ExportError
from keyframes.labelling.deeplabcut_project import NEEDED
from keyframes.labelling.lightning_pose_project import PROJECT_FILE, label_tables
from keyframes.labelling.project_file import read_project_file

ENDINGS = (".yaml", ".yml")


def kind_of(project: Path) -> str:
    """Return the name of the module that reads a project.

    Parameters
    ----------
    project : Path
        A folder, or a file that stands for it: a ``.slp``, ``config.yaml``, ``project.yaml`` or ``manifest.json``.

    Raises
    ------
    ExportError
        Where it is no project, or a folder could be that of several tools.
    """
    if project.suffix.lower() == ".slp":
        return "sleap_project"
    if not project.exists():
        raise ExportError(
            f"{project}: no such project; give --unlike a folder, a .slp, a config.yaml or a manifest.json"
        )
    if project.is_dir():
        return _kind_of_folder(project)
    if project.name == "manifest.json":
        return "earlier_results"
    if project.name == PROJECT_FILE:
        return "lightning_pose_project"
    if project.suffix.lower() in ENDINGS:
        settings = read_project_file(project, ()).data
        if _is_deeplabcut(settings):
            return "deeplabcut_project"
        if _is_lightning_pose_model(settings) and label_tables(project.parent):
            return "lightning_pose_project"
        if not _is_lightning_pose_model(settings):
            # The reader says which key is missing.
            return "deeplabcut_project"
    raise ExportError(f"{project}: is no project; give the folder that holds labeled-data, a .slp or a manifest.json")


def _kind_of_folder(folder: Path) -> str:
    if (folder / "manifest.json").is_file():
        return "earlier_results"
    config, has_project_file = folder / "config.yaml", (folder / PROJECT_FILE).is_file()
    settings: dict[str, Any] = {}
    if config.is_file():
        # Beside a project.yaml it may be anything.
        with suppress(*(ExportError,) if has_project_file else ()):
            settings = read_project_file(config, ()).data
    if has_project_file and _is_deeplabcut(settings):
        raise ExportError(
            f"{folder}: holds a project of DeepLabCut (config.yaml) and one of Lightning Pose ({PROJECT_FILE}); give "
            "the file of the one you mean"
        )
    if has_project_file:
        return "lightning_pose_project"
    # `litpose recommend` writes a config.yaml with the settings of a model.
    if config.is_file() and not _is_lightning_pose_model(settings):
        return "deeplabcut_project"
    if label_tables(folder):
        return "lightning_pose_project"
    if any(folder.glob("*/manifest.json")):
        return "earlier_results"
    raise ExportError(
        f"{folder}: is no project (it has no config.yaml of DeepLabCut, no project.yaml or table of labels of "
        "Lightning Pose, and no manifest.json, and is no .slp)"
    )


def _is_deeplabcut(settings: dict[str, Any]) -> bool:
    return all(key in settings for key in NEEDED)


def _is_lightning_pose_model(settings: dict[str, Any]) -> bool:
    """Whether these are settings of a model of Lightning Pose, which has sections for data and model."""
    return all(isinstance(settings.get(key), dict) for key in ("data", "model"))
