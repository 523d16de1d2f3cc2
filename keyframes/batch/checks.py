"""What a batch refuses before it looks at a recording."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from keyframes.batch.predicted_budget import MOST_FRAMES
from keyframes.errors import BatchError, SettingsError, not_there
from keyframes.pipeline import check_unlike
from keyframes.settings import Options, Settings
from keyframes.views import check_views
from keyframes.wording import counted


def batch_settings(
    k: int | Literal["auto"] | None,
    total: int | None,
    at_least: int,
    unlike: Sequence[str | Path],
    options: Options,
    views: bool = False,
) -> Settings:
    """Return the settings of all recordings, or raise a SettingsError, a BatchError or an ExportError."""
    if (k is None) == (total is None):
        raise SettingsError(
            "give either `k`, the number of frames from each recording, or `total`, the number for all of them"
        )
    if options.get("algorithm") == "dec":
        raise SettingsError(
            "`algorithm = dec` learns one recording at a time; for a batch, use `features = encoder` without it"
        )
    settings = Settings(k=k if k is not None else total or 0, **options)
    check_unlike(settings, unlike)
    if views:
        check_views(settings)
    if views and (unlike or total is not None):
        what = "unlike" if unlike else "total"
        raise SettingsError(f"`views` cannot be combined with `{what}`; leave one of them out")
    if at_least < 0:
        raise SettingsError(f"`at_least` is {at_least}; it must be 0 or more")
    if at_least and total is None:
        raise SettingsError("`at_least` needs `total`; with `k`, each recording gets the same number of frames")
    if total is not None:
        _check_total(total, settings, unlike)
    _check_there({"--encoder": [settings.encoder], "--predictions": [settings.predictions], "--unlike": unlike})
    if unlike:
        from keyframes.labelling.project_kind import kind_of

        for project in unlike:
            # Raises an ExportError where it is no project: each recording would fail by it.
            kind_of(Path(project))
    # Workers have working folders of their own.
    files = {name: getattr(settings, name) for name in ("encoder", "predictions")}
    return replace(settings, **{name: path.absolute() for name, path in files.items() if path is not None})


def _check_total(total: int, settings: Settings, unlike: Sequence[str | Path]) -> None:
    """Raise a SettingsError where a total cannot be spent as the settings say."""
    refused = {
        "uniform": settings.uniform,
        "unlike": bool(unlike),
        f"features = {settings.features}": settings.features not in ("auto", "pca"),
        f"algorithm = {settings.algorithm}": settings.algorithm not in ("auto", "kmeans"),
    }
    if what := next((option for option, is_given in refused.items() if is_given), ""):
        raise SettingsError(
            f"`total` cannot be combined with `{what}`; leave one of them out, or give `k` for each recording"
        )
    if settings.predictions is not None and total > MOST_FRAMES:
        raise SettingsError(
            f"`total` is {total}, too many to choose by `predictions`; give at most {MOST_FRAMES}, or `k` for each "
            "recording"
        )


def _check_there(given: Mapping[str, Sequence[str | Path | None]]) -> None:
    """Raise a BatchError where a path that an option names leads nowhere: each recording would fail by it."""
    for option, paths in given.items():
        for path in paths:
            if path is not None and not os.path.exists(path):
                raise BatchError(f"{path}: {not_there(path)}; check the path after {option}")


def check_number(recordings: Sequence[str], searched: Path, total: int | None, at_least: int, views: bool) -> None:
    """Raise a SettingsError where there are too many recordings for a budget, or too few for views."""
    n_recordings = len(recordings)
    n_least = at_least * n_recordings
    if total is not None and n_least > total:
        raise SettingsError(
            f"`at_least = {at_least}` from {counted(n_recordings, 'recording')} needs {n_least} frames, more than "
            f"`total = {total}`; lower `at_least` or raise `total`"
        )
    if views and n_recordings < 2:
        raise SettingsError(f"{searched}: only {recordings[0]} was found; views need two recordings or more")
