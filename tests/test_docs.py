"""The documentation builds, and every command and every Python block of it runs as it is written."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.conftest import ROOT
from tests.test_keyframes.conftest import ffmpeg
from tests.test_keyframes.reviewing import reviewing, serving
from tests.test_quantize.conftest import photo
from tests.test_readme import EXTRAS, SETUP, run_as_written, tomllib

PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
# All but predictions.md have tests of their own. Its commands need what a tool wrote, and are not run as they stand:
# tests/test_keyframes/test_predictions tests the same options.
ELSEWHERE = {"second_round.md", "cluster.md", "predictions.md", "web.md"}
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
RUN = {name: BLOCK.findall(text) for name, text in PAGES.items() if name not in ELSEWHERE}
RUN = {name: blocks for name, blocks in RUN.items() if blocks}
NEEDS_TORCH = "networks.md"
NEW_PROJECT = "--export deeplabcut --project reach --task reach --scorer anna --bodyparts nose,tail"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with a file for each name that the pages use."""
    folder = tmp_path_factory.mktemp("docs")
    sample = ROOT / "sample_data" / "mouse.mp4"
    small = ("-s", "320x240", "-r", 12.5)
    ffmpeg("-i", sample, "-t", 10, *small, folder / "mouse.mp4")
    ffmpeg("-i", folder / "mouse.mp4", "-t", 3, "-c:v", "mjpeg", folder / "other.avi")
    ffmpeg("-i", sample, "-t", 4, *small, folder / "top.mp4")
    ffmpeg("-i", sample, "-t", 4, *small, "-vf", "hflip", folder / "side.mp4")
    (folder / "recordings" / "test").mkdir(parents=True)
    for number, place in enumerate(("day1.mp4", "day2.mp4", "test/day3.mp4")):
        ffmpeg("-ss", 4 * number, "-i", sample, "-t", 2, "-s", "160x120", folder / "recordings" / place)
    (folder / "images").mkdir()
    for seed in range(3):
        Image.fromarray(photo(96, 128, seed)).save(folder / "images" / f"{seed}.png")
    levels = np.stack([photo(96, 128, seed)[..., 0].astype(np.uint16) * 16 for seed in range(30)])
    tifffile.imwrite(folder / "stack.tif", levels)
    shutil.copy(ROOT / "sample_data" / "photo.png", folder)
    return folder


def run_block(language, block, folder):
    if language == "python":
        done = subprocess.run([sys.executable, "-c", block], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return
    assert language == "sh"
    for line in block.splitlines():
        if line == SETUP.strip():
            continue  # .ci/run runs it.
        if line.startswith("keyframes review "):
            with reviewing(line.split()[2], cwd=folder) as review:
                assert review.get("state")["video"] == "mouse.mp4"
            continue
        if line.startswith("keyframes app "):
            if "--project reach" in line:
                run_as_written(f"keyframes batch recordings -k 2 -o first {NEW_PROJECT}", folder)
            with serving("app", *line.split()[2:], cwd=folder) as app:
                assert len(app.get("round/1/recordings")["recordings"]) == 3
            continue
        for part, module in EXTRAS.items():
            if part in line:
                pytest.importorskip(module, reason=f"needs the extra that brings {module}")
        run_as_written(line, folder)


@pytest.mark.slow
@pytest.mark.parametrize("page", [name for name in RUN if name != NEEDS_TORCH])
def test_a_page_runs_as_written(page, inputs, tmp_path):
    folder = tmp_path / "work"
    shutil.copytree(inputs, folder)
    if "keyframes review" in PAGES[page]:
        run_as_written("keyframes extract mouse.mp4 -k 5", folder)
    for language, block in RUN[page]:
        run_block(language, block, folder)


@pytest.mark.slow
@pytest.mark.torch
def test_the_page_on_networks_runs_as_written(inputs, tmp_path):
    pytest.importorskip("torch", reason="needs PyTorch, of the encoder extra")
    shutil.copytree(inputs, tmp_path / "work")
    for language, block in RUN[NEEDS_TORCH]:
        run_block(language, block, tmp_path / "work")


def test_every_block_is_one_that_a_test_runs():
    for name, text in PAGES.items():
        fences = re.findall(r"^ *```(\w*)", text, re.MULTILINE)
        assert len(fences) % 2 == 0
        if name not in ELSEWHERE:
            assert len(fences) == 2 * len(BLOCK.findall(text)), name
            assert {language for language, _ in BLOCK.findall(text)} <= {"sh", "python"}, name


def test_every_extra_that_a_page_names_exists():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = {extra for text in PAGES.values() for extra in re.findall(r"pip install '\.\[(\w+)\]'", text)}
    assert named <= set(project["project"]["optional-dependencies"])


def test_every_option_that_a_page_names_exists(run_command):
    shown = "".join(
        run_command(*command, "--help").stdout
        for command in (
            ("keyframes", "extract"),
            ("keyframes", "batch"),
            ("keyframes", "export"),
            ("keyframes", "review"),
            ("keyframes", "app"),
            ("keyframes", "info"),
            ("quantize",),
        )
    )
    options = set(re.findall(r"--[a-z][a-z-]+", shown))
    for name, text in PAGES.items():
        # Options of other programs.
        text = "\n".join(line for line in text.splitlines() if not line.startswith("dask "))
        quoted = " ".join(re.findall(r"`([^`\n]+)`", text)) + " " + " ".join(block for _, block in BLOCK.findall(text))
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", quoted))
        assert named - {"--nthreads", "--help", "--strict", "--ablation"} <= options, name


def test_the_reference_of_the_commands_lists_every_option(run_command, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    from written_by_code import on_page_markdown

    reference = on_page_markdown(PAGES["commands.md"])
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", reference, re.MULTILINE | re.DOTALL))
    assert "<!-- command" not in reference
    assert set(sections) == {
        "keyframes",
        *(f"keyframes {name}" for name in subcommands(run_command)),
        "quantize",
    }
    for name, text in sections.items():
        shown = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", run_command(*name.split(), "--help").stdout)) - {"--help"}
        missing = {option for option in shown if f"{option}`" not in text and f"{option} " not in text}
        assert not {option for option in missing if f"{option}," not in text}, name


def subcommands(run_command):
    listed = run_command("keyframes", "--help").stdout.partition("Commands")[2]
    return re.findall(r"^\W*([a-z]+) {2,}", listed, re.MULTILINE)


def test_the_site_builds_strictly(tmp_path):
    pytest.importorskip("mkdocs", reason="needs the docs extra")
    pytest.importorskip("material", reason="needs the docs extra")
    pytest.importorskip("mkdocstrings", reason="needs the docs extra")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", tmp_path / "site"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    reference = (tmp_path / "site" / "python_keyframes.html").read_text(encoding="utf-8")
    import keyframes

    for name in ("extract", "choose", "Settings", "VideoReader"):
        assert f'id="keyframes.{name}"' in reference, name
    errors = {name for name in keyframes.__all__ if name.endswith("Error")}
    assert errors - {"KeyframesError"} <= set(re.findall(r"[├└]── (\w+Error)", reference))
    for page in (tmp_path / "site").glob("*.html"):
        loaded = re.findall(r'(?:src|rel="stylesheet" href)="(https?:[^"]+)', page.read_text(encoding="utf-8"))
        assert not loaded, page.name


EXAMPLES = {
    "folder_to_deeplabcut.py": ("recordings", "reach", "--frames", "4"),
    "own_features.py": ("mouse.mp4", "by-colour", "-k", "6"),
    "scikit_learn_pipeline.py": (),
    "palette.py": ("photo.png", "palette.png"),
}


@pytest.fixture
def example(inputs, tmp_path):
    """Run an example by its name; return what it printed, and where it ran."""
    folder = tmp_path / "work"
    shutil.copytree(inputs, folder)

    def run(name):
        done = subprocess.run(
            [sys.executable, ROOT / "examples" / name, *EXAMPLES[name]], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, folder

    return run


@pytest.mark.slow
def test_the_example_with_deeplabcut_makes_a_project(example):
    said, folder = example("folder_to_deeplabcut.py")
    assert "12 frames of 3 recordings" in said
    assert len(list((folder / "reach" / "labeled-data").rglob("img*.png"))) == 12
    assert "tail base" in (folder / "reach" / "config.yaml").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_example_with_own_features_writes_frames(example):
    said, folder = example("own_features.py")
    written = sorted(int(path.stem.removeprefix("img")) for path in (folder / "by-colour").iterdir())
    assert len(written) == 6
    assert json.loads(said[said.index("[") :]) == written


@pytest.mark.slow
def test_the_example_with_scikit_learn_clusters_digits(example):
    said, _ = example("scikit_learn_pipeline.py")
    scores = [float(score) for score in re.findall(r"mutual information ([\d.]+)", said)]
    assert len(scores) == 2
    assert min(scores) > 0.6


@pytest.mark.slow
def test_the_example_with_a_palette_saves_a_picture(example):
    said, folder = example("palette.py")
    assert float(re.search(r"PSNR ([\d.]+)", said)[1]) > 20
    assert len(Image.open(folder / "palette.png").convert("RGB").getcolors()) == 16


def test_every_example_is_run_and_listed():
    scripts = {path.name for path in Path(ROOT / "examples").glob("*.py")}
    assert scripts == set(EXAMPLES)
    assert scripts == set(re.findall(r"^\| `(\w+\.py)`", PAGES["from_python.md"], re.MULTILINE))
