"""Every command of the README runs as it is written."""

import ast
import csv
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import quantize
from tests.conftest import ROOT
from tests.test_keyframes.conftest import ffmpeg
from tests.test_keyframes.reviewing import reviewing
from tests.test_quantize.conftest import photo

if sys.version_info >= (3, 11):
    import tomllib
else:
    # pytest needs it there.
    import tomli as tomllib

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    found = re.findall(r"^```(\w*)\n(.*?)^```\n", README, re.MULTILINE | re.DOTALL)
    return [block for name, block in found if name == language]


SETUP, TEST, TASKS, BATCHES, EXPORTS, NEXT_ROUND, REVIEW, IMAGE_TASKS = blocks("sh")
# What a command needs that is an extra.
EXTRAS = {"--to sleap": "sleap_io"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working folder with a video of the README's name."""
    folder = tmp_path_factory.mktemp("readme")
    # As long and large as the commands ask for; every second frame will do.
    ffmpeg("-i", ROOT / "sample_data" / "mouse.mp4", "-t", 31, "-r", 12.5, folder / "mouse.mp4")
    ffmpeg("-i", folder / "mouse.mp4", "-t", 2, "-c:v", "mjpeg", folder / "other.avi")
    return folder


@pytest.fixture(scope="module")
def image_folder(tmp_path_factory):
    """A working folder with images of the README's names."""
    folder = tmp_path_factory.mktemp("readme-images")
    (folder / "images").mkdir()
    for seed in range(3):
        Image.fromarray(photo(96, 128, seed)).save(folder / "images" / f"{seed}.png")
    shutil.copy(ROOT / "sample_data" / "photo.png", folder / "photo.png")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("command", [line for line in TASKS.splitlines() if line.strip()])
def test_a_common_task_runs_as_written(command, folder):
    run_as_written(command, folder)


@pytest.fixture(scope="module")
def folder_with_recordings(tmp_path_factory):
    """A working folder with a few short recordings."""
    folder = tmp_path_factory.mktemp("readme-batch")
    (folder / "recordings").mkdir()
    for number in range(2):
        cut = ("-ss", 4 * number, "-i", ROOT / "sample_data" / "mouse.mp4", "-t", 2, "-s", "160x120")
        ffmpeg(*cut, folder / "recordings" / f"{number}.mp4")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("command", [line for line in BATCHES.splitlines() if line.strip()])
def test_a_batch_runs_as_written(command, folder_with_recordings):
    run_as_written(command, folder_with_recordings)


@pytest.fixture(scope="module")
def folder_with_results(folder):
    """The folder after the tasks whose results are exported."""
    for place, command in (
        ("mouse-keyframes", "keyframes extract mouse.mp4 -k 150"),
        ("results", "keyframes extract mouse.mp4 *.avi -k 10 -o results"),
    ):
        assert command in TASKS
        if not (folder / place).exists():
            run_as_written(command, folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("command", [line for line in EXPORTS.splitlines() if line.strip()])
def test_an_export_runs_as_written(command, folder_with_results):
    for part, module in EXTRAS.items():
        if part in command:
            pytest.importorskip(module, reason=f"needs the extra that brings {module}")
    run_as_written(command, folder_with_results)


@pytest.mark.slow
def test_the_next_round_runs_as_written(folder_with_results):
    with (ROOT / "sample_data" / "mouse.csv").open(encoding="utf-8") as file:
        # Of every second frame, as the video has them.
        rows = list(csv.DictReader(file))[: 2 * 31 * 12 : 2]
    names = [column.removesuffix("_x") for column in rows[0] if column.endswith("_x")]
    with (folder_with_results / "mouse-predictions.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("frame_index", "node", "x", "y"))
        table.writerows((i, name, row[f"{name}_x"], row[f"{name}_y"]) for i, row in enumerate(rows) for name in names)
    run_as_written(NEXT_ROUND.strip(), folder_with_results)


@pytest.mark.slow
def test_the_review_opens_as_written(folder_with_results):
    command, name, result = REVIEW.split()
    assert (command, name) == ("keyframes", "review")
    with reviewing(result, cwd=folder_with_results) as review:
        assert review.get("state")["video"] == "mouse.mp4"


@pytest.mark.slow
@pytest.mark.parametrize("command", [line for line in IMAGE_TASKS.splitlines() if line.strip()])
def test_a_task_with_images_runs_as_written(command, image_folder):
    before = {path.name for path in image_folder.iterdir()}
    run_as_written(command, image_folder)
    assert "--info" in command or {path.name for path in image_folder.iterdir()} > before


def run_as_written(command, folder):
    scripts = Path(sys.executable).parent
    done = subprocess.run(
        f"PATH={shlex.quote(str(scripts))}:$PATH {command}", shell=True, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout or ">" in command


@pytest.mark.slow
def test_the_python_example_runs_as_written(folder):
    example, image_example, _ = blocks("python")
    subprocess.run([sys.executable, "-c", image_example], cwd=folder, check=True)
    done = subprocess.run([sys.executable, "-c", example], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(list((folder / "from-python" / "frames").iterdir())) == 20


def test_the_example_of_pillow_runs_as_written(tmp_path):
    example = blocks("python")[2]
    shutil.copy(ROOT / "sample_data" / "photo.png", tmp_path)
    subprocess.run([sys.executable, "-c", example], cwd=tmp_path, check=True)
    with Image.open(tmp_path / "photo.png") as image:
        width, height = image.size
    half = quantize.decode((tmp_path / "half.vqi").read_bytes())
    assert half.shape == (height // 2, width // 2, 3)


def test_ci_runs_the_two_commands_of_the_start():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for command in (SETUP, TEST):
        pattern = next(
            pattern for pattern in re.findall(r"grep -m1 '([^']+)'", script) if re.search(pattern, command.strip())
        )
        assert re.findall(pattern + ".*", README, re.MULTILINE) == [command.strip()]


def test_every_link_and_picture_exists():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
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
    told = ", ".join(f"Python {python} with OpenCV {opencv}" for python, opencv in pairs)
    assert told in " ".join(README.split())


def test_the_map_names_every_folder():
    named = set(re.findall(r"^\| `(\w+)/`", README, re.MULTILINE))
    assert all((ROOT / name).is_dir() for name in named)
    with_code = {path.parent.name for path in ROOT.glob("*/*.py")}
    assert with_code - {"build"} <= named
