"""A tree of recordings, most of them good, and what is in the folder of a batch."""

import json
import os
import shutil

import pytest

from tests.test_keyframes.conftest import X264, Encoded, encode, ffmpeg

N_GOOD = 36
ODD_NAMES = ("with space.mp4", 'quote\' "double".mp4', "Mäuse 鼠.mp4", "[1] %d.mp4")


def contents(folder):
    """Every file below a folder and its bytes; of what tells seconds, all but these."""
    return {path.relative_to(folder).as_posix(): without_seconds(path) for path in folder.rglob("*") if path.is_file()}


def without_seconds(path):
    if path.name == "summary.csv":
        return [
            [cell for column, cell in enumerate(line.split(",")) if column != 3]
            for line in path.read_text(encoding="utf-8").splitlines()
        ]
    if path.name == "batch.json" or (path.parent.name == "batch-state" and path.suffix == ".json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        for part in (document, *document.get("results", [])):
            part.pop("seconds", None)
        return document
    return path.read_bytes()


def results(folder):
    """What `contents` gives, without the state's own files that tell how often a recording was decoded."""
    return {name: data for name, data in contents(folder).items() if not name.endswith(".scans")}


def scans(output):
    """How often decoding a recording was begun, by the name of its state files."""
    found = output.joinpath("batch-state").glob("*.scans")
    return {path.stem: len(path.read_text(encoding="utf-8").splitlines()) for path in found}


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    """Four short clips that differ."""
    folder = tmp_path_factory.mktemp("clips")
    for number in range(4):
        filters = f"hue=h={40 * number}:b={number - 1},trim=start_frame={4 * number}"
        codec = (*X264, "-bf", "2", "-g", "12", "-vf", filters)
        encode(folder / f"{number}.mp4", Encoded(f"{number}.mp4", codec, n_frames=40, height=60, width=80))
    return [folder / f"{number}.mp4" for number in range(4)]


@pytest.fixture(scope="session")
def tree(tmp_path_factory, clips):
    """40 videos: 36 good ones, one cut off, one without an index, one empty and one that is none; and a link loop."""
    folder = tmp_path_factory.mktemp("tree") / "recordings"
    for name in ("cage 1/deep/er", "cage2"):
        (folder / name).mkdir(parents=True)
    names = ["cage 1/same.mp4", "cage2/same.mp4", "cage2/same.avi", "cage 1/deep/er/last.mp4"]
    names += [f"cage2/{name}" for name in ODD_NAMES]
    names += [f"{number:02d}.mp4" for number in range(N_GOOD - len(names))]
    for number, name in enumerate(names):
        # By links, as labs do; an AVI in name alone is no matter to FFmpeg.
        os.link(clips[number % 4], folder / name)
    ffmpeg("-i", clips[0], "-c", "copy", "-movflags", "+faststart", folder / "front.mp4")
    data = (folder / "front.mp4").read_bytes()
    (folder / "front.mp4").unlink()
    (folder / "cut.mp4").write_bytes(data[: len(data) * 6 // 10])
    whole = clips[1].read_bytes()
    (folder / "no_index.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("This is no video.\n" * 100, encoding="utf-8")
    (folder / "notes.txt").write_text("Nobody's recording.", encoding="utf-8")
    (folder / "cage2" / "loop").symlink_to(folder, target_is_directory=True)
    return folder


@pytest.fixture(scope="session")
def few(tmp_path_factory, clips):
    """A folder with three recordings."""
    folder = tmp_path_factory.mktemp("few") / "few"
    folder.mkdir()
    for clip in clips[:3]:
        shutil.copy(clip, folder)
    return folder
