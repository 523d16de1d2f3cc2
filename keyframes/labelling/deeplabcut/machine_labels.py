"""What a network says of the frames of a folder, in the table of which DeepLabCut's refinement step makes labels.

``machinelabels-iter<iteration>.h5``, which ``refine_labels`` opens with the images, and the same as ``.csv``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keyframes.errors import ExportError
from keyframes.export_options import ExportOptions
from keyframes.labelling.deeplabcut.project import DeepLabCutProject
from keyframes.labelling.prelabels import animals_on, in_order, inside, named_points, only_animal_on
from keyframes.names import shown
from keyframes.predictions import Predictions
from keyframes.predictions.dense import UNIQUE
from keyframes.result.recordings import Recording
from keyframes.settings import Crop

COORDS = ("x", "y", "likelihood")


@dataclass(frozen=True)
class LabelledNames:
    """What a project labels: body parts, of several animals those of each `individuals`, and those of no animal."""

    bodyparts: tuple[str, ...]
    individuals: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    iteration: int = 0

    @classmethod
    def of(cls, project: DeepLabCutProject | None, options: ExportOptions) -> "LabelledNames":
        """Return the names of an existing project, or of the one that the options describe."""
        if project is None:
            return cls(options.bodyparts, options.individuals)
        data = project.file.data
        number = data.get("iteration")
        iteration = number if isinstance(number, int) else 0
        if data.get("multianimalproject") is not True:
            return cls(_listed(data, "bodyparts"), iteration=iteration)
        bodyparts, individuals = _listed(data, "multianimalbodyparts"), _listed(data, "individuals")
        return cls(bodyparts, individuals, _listed(data, "uniquebodyparts"), iteration)

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Owner and name of each point, in DeepLabCut's order."""
        own = [(individual, part) for individual in self.individuals or ("",) for part in self.bodyparts]
        return own + [(UNIQUE, part) for part in self.unique]


def _listed(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    names = data.get(key)
    return tuple(map(str, names)) if isinstance(names, list) else ()


def write_machine_labels(
    recording: Recording,
    images: Mapping[int, str],
    names: LabelledNames,
    crop: Crop | None,
    place: Path,
    folder: Path,
) -> int:
    """Write both tables of a video's new images, by frame index, into `folder`, which becomes part of `place`.

    Returns of how many images all points lie outside the crop. An ExportError says that the place has such a table
    already, that names differ, or that pandas is missing.
    """
    predictions = recording.predictions
    if predictions is None or not images:
        return 0
    name = f"machinelabels-iter{names.iteration}"
    for ending in (".h5", ".csv"):
        if (place / f"{name}{ending}").exists():
            raise ExportError(
                f"{place / name}{ending}: already exists and is not overwritten; refine its labels and run "
                "merge_datasets in DeepLabCut, which begins another iteration, or export without --prelabel"
            )
    parts = (*names.bodyparts, *names.unique)
    places = named_points(predictions, parts, "the project")
    rows: dict[str, np.ndarray[Any, Any]] = {}
    n_outside = 0
    for index, image in images.items():
        owners = _owned(recording, index, names, predictions)
        points = {owner: np.column_stack(in_order(animal, places)) for owner, animal in owners.items()}
        missing = np.full((len(parts), len(COORDS)), np.nan)
        row = np.stack([points.get(owner, missing)[parts.index(part)] for owner, part in names.columns])
        if crop is not None:
            row[:, :2] = inside(row[:, :2] - (crop.x, crop.y), crop.width, crop.height)
            row[np.isnan(row[:, 0])] = np.nan
        if np.isfinite(row).any():
            rows[image] = row.ravel()
        elif owners:
            n_outside += 1
    if rows:
        _write(folder / name, folder.name, rows, predictions.source.stem, names)
    return n_outside


def _owned(recording: Recording, index: int, names: LabelledNames, predictions: Predictions) -> dict[str, Any]:
    """Return the animals of a frame by the project's names of them: by name where the file has names, or in order."""
    if not names.individuals:
        animal = only_animal_on(recording, index, "the project")
        return {} if animal is None else {"": animal}
    known = (*names.individuals, UNIQUE) if names.unique else names.individuals
    if unknown := [animal for animal in predictions.animals if animal and animal not in known]:
        raise ExportError(
            f"{predictions.source}: its animals {', '.join(unknown)} are not individuals of the project "
            f"({', '.join(names.individuals)}); give the predictions of a network that was trained on it"
        )
    animals = animals_on(recording, index)
    owned = {animal.name: animal for animal in animals if animal.name}
    unnamed = [animal for animal in animals if not animal.name]
    free = [name for name in names.individuals if name not in owned]
    if len(unnamed) > len(free):
        raise ExportError(
            f"{predictions.source}: has {len(animals)} animals in frame {index}, and the project has "
            f"{len(names.individuals)} individuals ({', '.join(names.individuals)}); export without --prelabel"
        )
    return owned | dict(zip(free, unnamed, strict=False))


def _write(path: Path, stem: str, rows: Mapping[str, np.ndarray[Any, Any]], scorer: str, names: LabelledNames) -> None:
    try:
        import pandas as pd
        import tables  # noqa: F401
    except ImportError:
        raise ExportError(
            "--prelabel for DeepLabCut needs pandas and tables, which are not installed: pip install '.[deeplabcut]' "
            "in the repository"
        ) from None
    levels = ("scorer", *(("individuals",) if names.individuals else ()), "bodyparts", "coords")
    columns = [
        (shown(scorer), *((owner,) if names.individuals else ()), part, coord)
        for owner, part in names.columns
        for coord in COORDS
    ]
    table = pd.DataFrame(
        np.stack(list(rows.values())),
        index=pd.MultiIndex.from_tuples([("labeled-data", shown(stem), image) for image in rows]),
        columns=pd.MultiIndex.from_tuples(columns, names=levels),
    )
    table.to_hdf(f"{path}.h5", key="df_with_missing", mode="w")
    table.to_csv(f"{path}.csv", lineterminator="\n")
