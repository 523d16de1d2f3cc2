"""`keyframes doctor`: what it says of the installation is so."""

import importlib.metadata
import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import keyframes
from clustering import available_threads, squared_distance
from keyframes.doctor import EXTRAS, PACKAGES
from tests.conftest import ROOT, compiled_only

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.fixture(scope="module")
def report(run_command):
    """What `keyframes doctor --json` says here."""
    done = run_command("keyframes", "doctor", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == (1 if found["problems"] else 0)
    return found


def test_versions_are_those_that_are_installed(report):
    assert report["keyframes"] == keyframes.__version__
    assert report["python"].split()[0] == ".".join(map(str, sys.version_info[:3]))
    for name in ("numba", "numpy", "scipy", "typer"):
        assert report["packages"][name] == importlib.metadata.version(name)
    assert (
        report["opencv_packages"].items()
        >= {"opencv-python-headless": importlib.metadata.version("opencv-python-headless")}.items()
    )
    assert report["extras"]["sleap"]["h5py"] == (
        importlib.metadata.version("h5py") if any(importlib.metadata.distributions(name="h5py")) else None
    )
    assert report["processors_usable"] == available_threads()


def test_the_packages_and_extras_are_those_of_the_project_file():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def names(requirements):
        return {requirement.split(">")[0] for requirement in requirements}

    assert names(project["dependencies"]) == set(PACKAGES) - {"opencv"} | {"opencv-python-headless"}
    developers = {"dev", "docs", "image-codecs", "label-efficiency", "onnx", "test", "tools"}
    assert set(EXTRAS) == set(project["optional-dependencies"]) - developers
    for extra, packages in EXTRAS.items():
        assert names(project["optional-dependencies"][extra]) == set(packages)


def test_codecs_are_really_tried(report):
    read_with = {codec["codec"]: codec["read_with"] for codec in report["codecs"] if codec["tried"]}
    assert read_with["MPEG-4"] == "opencv"
    # OpenCV 4 converts interlaced pictures, if with blended colours.
    assert read_with["H.264, interlaced"] in ("ffmpeg", *(["opencv"] if cv2.__version__ < "5" else []))
    assert all(read_with.values())


@compiled_only
def test_the_cache_folder_is_the_one_that_numba_uses(report):
    cache, rows = report["numba_cache"], np.zeros((1, 2))
    assert cache["compiles"]
    squared_distance(rows, 0, rows, 0)
    assert not cache["writable"] or any(Path(cache["folder"]).glob("*squared_distance*.nbi"))


@pytest.mark.slow
def test_the_text_says_the_same(run_installed, tmp_path):
    done = run_installed("keyframes", "doctor", env={"NUMBA_CACHE_DIR": str(tmp_path / "cache")})
    assert done.stderr == ""
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert lines["keyframes"] == keyframes.__version__
    assert lines["MPEG-4"] == "read with OpenCV"
    if os.environ.get("NUMBA_DISABLE_JIT") != "1":
        assert (done.returncode, lines["problems"]) == (0, "none found")
        assert f"{tmp_path / 'cache'}" in lines["Numba's"]


@pytest.mark.slow
def test_a_package_that_is_broken_is_a_line_of_the_report(run_installed, tmp_path):
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')\n")
    done = run_installed("keyframes", "doctor", env={"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"})
    assert (done.returncode, done.stderr) == (1, "")
    assert "opencv                  cannot be imported (ImportError: libGL.so.1: cannot open shared" in done.stdout
    assert "problem                 codecs cannot be tried (ImportError: libGL.so.1" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="a script of a POSIX shell")
def test_what_could_not_be_tried_is_not_called_unreadable(run_command, tmp_path, monkeypatch):
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho 'Unknown encoder' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
    document = json.loads(run_command("keyframes", "doctor", "--json").stdout)
    assert {(codec["tried"], codec["reason"]) for codec in document["codecs"]} == {(False, "Unknown encoder")}
    assert not any("cannot be read" in problem for problem in document["problems"])


@pytest.mark.slow
def test_without_compilation_it_says_so(run_installed):
    done = run_installed("keyframes", "doctor", "--json", env={"NUMBA_DISABLE_JIT": "1", "IMAGEIO_FFMPEG_EXE": "none"})
    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert document["numba_cache"] == {"folder": None, "writable": False, "compiles": False}
    assert any("NUMBA_DISABLE_JIT" in problem for problem in document["problems"])
    assert any("the program FFmpeg cannot be started" in problem for problem in document["problems"])


def test_one_opencv_over_another_is_a_problem(run_command, tmp_path, monkeypatch):
    (tmp_path / "opencv_python-4.12.0.dist-info").mkdir()
    (tmp_path / "opencv_python-4.12.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: opencv-python\nVersion: 4.12.0\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "none")
    document = json.loads(run_command("keyframes", "doctor", "--json").stdout)
    assert document["opencv_packages"]["opencv-python"] == "4.12.0"
    assert any("overwrite each other" in problem for problem in document["problems"])
