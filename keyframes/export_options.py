"""What can be asked for of an export: the tool, and what it must know of the project.

Nothing heavy is imported: the command line takes its choices from here.
"""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from keyframes.errors import SettingsError
from keyframes.names import shown

# Tools that keep a project, to which frames can be added.
ProjectTool = Literal["deeplabcut", "sleap", "lightning-pose"]
ExportTool = Literal[ProjectTool, "coco", "cvat", "label-studio"]
# What no file name may hold on some system.
UNSAFE = '/\\:*?"<>|'
WITH_PROJECT: tuple[ProjectTool, ...] = get_args(ProjectTool)


@dataclass(frozen=True)
class ExportOptions:
    """Where an export goes, and what the labelling tool must know of the project.

    Attributes
    ----------
    project : Path or None
        Existing project to add to, or, with `bodyparts`, the place of a new DeepLabCut or Lightning Pose project.
    task, scorer : str
        Of a new DeepLabCut project; the scorer of Lightning Pose's table too.
    bodyparts : tuple of str
        Keypoints of a new project.
    individuals : tuple of str
        Names of the animals. With them a new DeepLabCut project is a multi-animal one, and SLEAP gets tracks.
    skeleton : tuple of (str, str)
        Pairs of body parts to connect with a line.
    copy_videos : bool
        Copy the videos into a DeepLabCut or Lightning Pose project instead of linking to them.

    Raises
    ------
    SettingsError
        Where a name is empty, given twice or cannot be part of a file name, or the skeleton connects what is no body
        part.
    """

    project: Path | None = None
    task: str = ""
    scorer: str = ""
    bodyparts: tuple[str, ...] = ()
    individuals: tuple[str, ...] = ()
    skeleton: tuple[tuple[str, str], ...] = ()
    copy_videos: bool = False

    def __post_init__(self) -> None:
        for name, example in (("bodyparts", "nose,tail"), ("individuals", "mouse1,mouse2")):
            names = getattr(self, name)
            if not all(names) or len(set(names)) < len(names):
                raise SettingsError(f"`{name}` is {','.join(names)!r}; give different names, such as {example}")
        for name in ("task", "scorer"):
            # As it is shown: an ASCII locale has a surrogate for each byte of an umlaut.
            words = shown(getattr(self, name))
            is_control = any(unicodedata.category(character) == "Cc" for character in words)
            if set(words) & set(UNSAFE) or is_control:
                raise SettingsError(
                    f"`{name}` is {getattr(self, name)!r}; it becomes part of a file name, so leave out "
                    f"{UNSAFE} and control characters"
                )
        bones = [frozenset(pair) for pair in self.skeleton]
        for pair in self.skeleton:
            unknown = [part for part in pair if part not in self.bodyparts]
            if unknown or len(pair) != 2 or pair[0] == pair[1] or bones.count(frozenset(pair)) > 1:
                raise SettingsError(
                    f"`skeleton` has {'-'.join(pair)}; give pairs of `bodyparts`, each pair once, such as nose-tail"
                )

    @property
    def is_new(self) -> bool:
        """Whether a project is to be made; an existing one is added to otherwise."""
        return self.project is None or (bool(self.bodyparts) and not os.path.exists(self.project))
