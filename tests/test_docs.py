"""The documentation builds, and every command and every Python block of it runs as it is written."""

import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from keyframes.predictions.own_csv import COLUMNS
from tests.conftest import ROOT
from tests.test_keyframes.conftest import ffmpeg
from tests.test_keyframes.reviewing import serving
from tests.test_quantize.conftest import photo
from tests.test_readme import REVIEW, SETUP, tomllib, write_predictions

PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
# They have tests of their own.
ELSEWHERE = {"second_round.md", "cluster.md", "web.md"}
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
RUN = {name: BLOCK.findall(text) for name, text in PAGES.items() if name not in ELSEWHERE}
RUN = {name: blocks for name, blocks in RUN.items() if blocks}
NEEDS_TORCH = "networks.md"
# What a command needs that is an extra.
EXTRAS = {"--to sleap": "sleap_io"}
NEW_PROJECT = "--export deeplabcut --project reach --task reach --scorer anna --bodyparts nose,tail"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with a file for each name that the pages use."""
    folder = tmp_path_factory.mktemp("docs")
    sample = ROOT / "sample_data" / "mouse.mp4"
    small = ("-s", "160x120", "-r", 12.5)
    ffmpeg("-i", sample, "-t", 5, *small, folder / "mouse.mp4")
    ffmpeg("-i", folder / "mouse.mp4", "-t", 2, "-c:v", "mjpeg", folder / "other.avi")
    ffmpeg("-i", sample, "-t", 3, *small, folder / "top.mp4")
    ffmpeg("-i", sample, "-t", 3, *small, "-vf", "hflip", folder / "side.mp4")
    (folder / "recordings" / "test").mkdir(parents=True)
    for number, place in enumerate(("day1.mp4", "day2.mp4", "test/day3.mp4")):
        ffmpeg("-ss", 4 * number, "-i", sample, "-t", 2, *small, folder / "recordings" / place)
    (folder / "images").mkdir()
    for seed in range(3):
        Image.fromarray(photo(96, 128, seed)).save(folder / "images" / f"{seed}.png")
    levels = np.stack([photo(96, 128, seed)[..., 0].astype(np.uint16) * 16 for seed in range(30)])
    tifffile.imwrite(folder / "stack.tif", levels)
    with Image.open(ROOT / "sample_data" / "photo.png") as image:
        image.resize((240, 160)).save(folder / "photo.png")
    write_predictions(folder, every=2, n_frames=62, scale=160 / 512)
    return folder


@pytest.fixture
def run_blocks(inputs, tmp_path, run_as_written, monkeypatch):
    """Run the blocks of a page one after the other, in a folder with the files of their names."""
    folder = tmp_path / "work"
    shutil.copytree(inputs, folder)

    def run(page):
        for number, (language, block) in enumerate(RUN[page]):
            if language == "python":
                script = folder / f"block{number}.py"
                script.write_text(block, encoding="utf-8")
                with monkeypatch.context() as patch:
                    patch.chdir(folder)
                    runpy.run_path(str(script), run_name="__main__")
            elif language == "sh":
                for line in block.splitlines():
                    # The tests of the README run these.
                    if line in (SETUP.strip(), REVIEW):
                        continue
                    for part, module in EXTRAS.items():
                        if part in line:
                            pytest.importorskip(module, reason=f"needs the extra that brings {module}")
                    if line.startswith("keyframes app "):
                        if "--project reach" in line:
                            run_as_written(f"keyframes batch recordings -k 2 -o first {NEW_PROJECT}", folder)
                        with serving("app", *line.split()[2:], cwd=folder) as app:
                            assert len(app.get("round/1/recordings")["recordings"]) == 3
                    else:
                        run_as_written(line, folder)

    return run


@pytest.mark.slow
@pytest.mark.parametrize("page", [name for name in RUN if name != NEEDS_TORCH])
def test_a_page_runs_as_written(page, run_blocks):
    run_blocks(page)


@pytest.mark.slow
@pytest.mark.torch
def test_the_page_on_networks_runs_as_written(run_blocks):
    pytest.importorskip("torch", reason="needs PyTorch, of the encoder extra")
    run_blocks(NEEDS_TORCH)


def test_the_table_of_predictions_has_the_columns_that_are_read():
    (table,) = (block for language, block in BLOCK.findall(PAGES["predictions.md"]) if language == "csv")
    assert set(table.splitlines()[0].split(",")) == set(COLUMNS)


def test_every_block_is_one_that_a_test_runs():
    for name, text in PAGES.items():
        fences = re.findall(r"^ *```(\w*)", text, re.MULTILINE)
        assert len(fences) % 2 == 0
        if name not in ELSEWHERE:
            assert len(fences) == 2 * len(BLOCK.findall(text)), name
            assert {language for language, _ in BLOCK.findall(text)} <= {"sh", "python", "csv"}, name


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
        assert named - {"--nthreads", "--help", "--strict", "--ablation", "--tools"} <= options, name


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


def test_switches_show_nothing_to_type_behind_their_names(run_command):
    commands = [("quantize",), ("keyframes",), *(("keyframes", name) for name in subcommands(run_command))]
    for command in commands:
        shown = run_command(*command, "--help").stdout
        assert "--help" in shown, command
        assert not re.search("<bool>|BOOLEAN|<int range>", shown), command


def subcommands(run_command):
    listed = run_command("keyframes", "--help").stdout.partition("Commands")[2]
    return re.findall(r"^\W*([a-z]+) {2,}", listed, re.MULTILINE)


def test_the_site_builds_strictly(tmp_path):
    pytest.importorskip("mkdocs", reason="needs mkdocs, of the docs extra")
    pytest.importorskip("material", reason="needs mkdocs-material, of the docs extra")
    pytest.importorskip("mkdocstrings", reason="needs mkdocstrings, of the docs extra")
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
def example(inputs, tmp_path, monkeypatch, capfd):
    """Run an example by its name; return what it printed, and where it ran."""
    folder = tmp_path / "work"
    shutil.copytree(inputs, folder)

    def run(name):
        script = str(ROOT / "examples" / name)
        with monkeypatch.context() as patch:
            patch.chdir(folder)
            patch.setattr(sys, "argv", [script, *EXAMPLES[name]])
            runpy.run_path(script, run_name="__main__")
        return capfd.readouterr().out, folder

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
