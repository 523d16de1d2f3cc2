"""Every command of the README runs as it is written, and what it says of the project is so."""

import ast
import csv
import re
import shutil
import subprocess
import sys

import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.test_keyframes.conftest import ffmpeg
from tests.test_keyframes.reviewing import reviewing

if sys.version_info >= (3, 11):
    import tomllib
else:
    # pytest needs it there.
    import tomli as tomllib

README = (ROOT / "README.md").read_text(encoding="utf-8")
# Longer ones are for docs/.
MOST_LINES = 120


def blocks(language):
    found = re.findall(r"^```(\w*)\n(.*?)^```\n", README, re.MULTILINE | re.DOTALL)
    return [block for name, block in found if name == language]


SETUP, TEST, TASKS, IMAGE_TASKS = blocks("sh")
REVIEW = "keyframes review mouse-keyframes"


def write_predictions(folder, every, n_frames, scale=1.0):
    """Write mouse-predictions.csv, a plain table: the true poses of every so many frames of the sample clip."""
    with (ROOT / "sample_data" / "mouse.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[: n_frames * every : every]
    names = [column.removesuffix("_x") for column in rows[0] if column.endswith("_x")]
    with (folder / "mouse-predictions.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("frame_index", "node", "x", "y"))
        for number, row in enumerate(rows):
            points = ((name, *(scale * float(row[f"{name}_{axis}"]) for axis in "xy")) for name in names)
            table.writerows((number, *point) for point in points)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working folder with files of the README's names."""
    folder = tmp_path_factory.mktemp("readme")
    # As many frames as the commands ask for; every second one will do.
    ffmpeg("-i", ROOT / "sample_data" / "mouse.mp4", "-t", 13, "-r", 12.5, folder / "mouse.mp4")
    write_predictions(folder, every=2, n_frames=162)
    (folder / "recordings").mkdir()
    for number in range(2):
        cut = ("-ss", 4 * number, "-i", ROOT / "sample_data" / "mouse.mp4", "-t", 2, "-s", "160x120")
        ffmpeg(*cut, folder / "recordings" / f"{number}.mp4")
    shutil.copy(ROOT / "sample_data" / "photo.png", folder / "photo.png")
    return folder


@pytest.mark.slow
def test_the_commands_run_as_written(folder, run_as_written):
    """One after the other: some use what those before them made."""
    for command in (TASKS + IMAGE_TASKS).splitlines():
        if command.startswith(REVIEW):
            with reviewing(REVIEW.split()[-1], cwd=folder) as review:
                assert review.get("state")["video"] == "mouse.mp4"
        else:
            run_as_written(command, folder)
    assert len(list((folder / "mouse-keyframes" / "frames").iterdir())) == 150
    with Image.open(folder / "photo.png") as image, Image.open(folder / "back.png") as back:
        assert image.size == back.size


@pytest.mark.slow
def test_the_python_example_runs_as_written(folder):
    (example,) = blocks("python")
    done = subprocess.run([sys.executable, "-c", example], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(list((folder / "from-python" / "frames").iterdir())) == 20


def test_ci_runs_the_two_commands_of_the_start():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for command in (SETUP, TEST):
        pattern = next(
            pattern for pattern in re.findall(r"grep -m1 '([^']+)'", script) if re.search(pattern, command.strip())
        )
        assert re.findall(pattern + ".*", README, re.MULTILINE) == [command.strip()]


def test_it_is_short():
    assert len(README.splitlines()) <= MOST_LINES


def test_every_link_and_picture_exists():
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert targets
    for target in targets:
        assert (ROOT / target).exists(), target


def test_the_map_of_keyframes_lists_its_layers_from_top_to_bottom():
    (table,) = (block for block in blocks("") if "pipeline" in block)
    names = [re.split(" {3,}", line)[0] for line in table.splitlines()]
    rooms = re.findall(r"(\w+)(?:/|\.py)", " ".join(names))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract.get("containers") == ["keyframes"])
    # The entry of `python -m` is no room.
    for layer in layers[1:]:
        peers = set(layer.split(" | "))
        assert set(rooms[: len(peers)]) == peers
        del rooms[: len(peers)]
    assert rooms == []


def test_the_versions_are_those_that_nox_runs():
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    (versions,) = (ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign))
    pairs = [(python, ".".join(opencv.split(".")[:2])) for python, opencv in versions]
    named = re.findall(r"Python (3\.\d+)\s+with\s+OpenCV\s+(\d+\.\d+)", README)
    assert named == pairs


def test_the_map_names_every_folder():
    named = set(re.findall(r"^\| `(\w+)/`", README, re.MULTILINE))
    assert all((ROOT / name).is_dir() for name in named)
    with_code = {path.parent.name for path in ROOT.glob("*/*.py")}
    assert with_code - {"build"} <= named
