"""Earlier results to export, and what a project is before and after."""

import os
import shutil
from pathlib import Path

import pytest

import keyframes


@pytest.fixture(scope="session")
def extracted(tmp_path_factory, video_file):
    """Result folder of a test video, its video beside it: `extracted("mpeg4.mp4", 5)`; treat it as read-only."""
    made = {}

    def get(name, k=5, **options):
        key = (name, k, *sorted(options.items()))
        if key not in made:
            folder = tmp_path_factory.mktemp("extracted")
            video = folder / name
            shutil.copy(video_file(name), video)
            made[key] = folder / f"{Path(name).stem}-keyframes"
            keyframes.extract(video, k, output=made[key], **options)
        return made[key]

    return get


def contents(folder):
    """Every file below a folder and its bytes, links as what they point to, and every empty folder."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            found[name] = path.read_bytes()
        elif not any(path.iterdir()):
            found[name] = None
    return found


@pytest.fixture
def unchanged():
    """Context manager that checks that a folder is byte-equal after the block."""

    class Unchanged:
        def __init__(self, folder):
            self.folder = folder

        def __enter__(self):
            self.before = contents(self.folder)

        def __exit__(self, *error):
            assert contents(self.folder) == self.before

    return Unchanged
