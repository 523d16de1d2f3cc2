"""Which tool a project belongs to: told by its content, because several tools name a file config.yaml."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from keyframes.errors import ExportError, not_there
from keyframes.export_options import ProjectTool
from keyframes.labelling.deeplabcut.project import NEEDED
from keyframes.labelling.lightning_pose.project import PROJECT_FILE, label_tables
from keyframes.labelling.project_file import ENDINGS, read_project_file
from keyframes.result.recordings import results_in

Kind = Literal[ProjectTool, "result"]


def kind_of(project: Path) -> Kind:
    """Return whose project a folder is, or a file that represents it; an ExportError where that is not clear."""
    if project.suffix.lower() == ".slp":
        return "sleap"
    if not os.path.exists(project):
        told = not_there(project, "no such project")
        raise ExportError(f"{project}: {told}; give a folder, a .slp, a config.yaml or a manifest.json")
    if os.path.isdir(project):
        return _kind_of_folder(project)
    if project.name == "manifest.json":
        return "result"
    if project.name == PROJECT_FILE:
        return "lightning-pose"
    if project.suffix.lower() in ENDINGS:
        settings = read_project_file(project, ()).data
        if _is_deeplabcut(settings) or not _is_lightning_pose_model(settings):
            # Where a key is missing, the reader says which.
            return "deeplabcut"
        if label_tables(project.parent):
            return "lightning-pose"
    raise ExportError(
        f"{project}: is not a project; give the folder that holds labeled-data, a .slp or a manifest.json"
    )


def _kind_of_folder(folder: Path) -> Kind:
    if os.path.isfile(folder / "manifest.json"):
        return "result"
    config, has_project_file = folder / "config.yaml", os.path.isfile(folder / PROJECT_FILE)
    settings: dict[str, Any] = {}
    if os.path.isfile(config):
        # Beside a project.yaml it may be anything.
        with suppress(*(ExportError,) if has_project_file else ()):
            settings = read_project_file(config, ()).data
    if has_project_file and _is_deeplabcut(settings):
        raise ExportError(
            f"{folder}: holds a project of DeepLabCut (config.yaml) and one of Lightning Pose ({PROJECT_FILE}); give "
            "the file of the one you mean"
        )
    if has_project_file:
        return "lightning-pose"
    # `litpose recommend` writes a config.yaml with the settings of a model.
    if os.path.isfile(config) and not _is_lightning_pose_model(settings):
        return "deeplabcut"
    if label_tables(folder):
        return "lightning-pose"
    if results_in(folder) != [folder]:
        return "result"
    raise ExportError(
        f"{folder}: is not a project (it has no config.yaml of DeepLabCut, no project.yaml or table of labels of "
        "Lightning Pose, and no manifest.json, and is not a .slp); give the folder or the .slp file of a project"
    )


def _is_deeplabcut(settings: dict[str, Any]) -> bool:
    return all(key in settings for key in NEEDED)


def _is_lightning_pose_model(settings: dict[str, Any]) -> bool:
    """Whether these are settings of a model of Lightning Pose, which has sections for data and model."""
    return all(isinstance(settings.get(key), dict) for key in ("data", "model"))
