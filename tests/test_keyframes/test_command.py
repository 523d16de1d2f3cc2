"""The command: what it prints where, its exit status, and what it leaves behind."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import get_type_hints

import pytest

import keyframes
from keyframes.commands.options import SettingsOptions, option_of
from keyframes.settings import Options, Settings
from tests.conftest import SCRIPTS, slow_but_for, stderr_of
from tests.test_keyframes.conftest import ffmpeg, one_error_line


@pytest.fixture
def folder(tmp_path):
    """An empty working folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def extract(run_command, folder):
    """Run `keyframes extract` in the empty folder."""
    return partial(run_command, "keyframes", "extract", cwd=folder)


@pytest.fixture
def installed_extract(run_installed, folder):
    """Run the installed `keyframes extract` in the empty folder."""
    return partial(run_installed, "keyframes", "extract", cwd=folder)


def test_extract_writes_a_folder_and_says_so(installed_extract, folder, video_file):
    done = installed_extract(video_file("mpeg4.mp4"), "-k", 5)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == f"{video_file('mpeg4.mp4')}: 5 of 60 frames in mpeg4-keyframes"
    assert len(list((folder / "mpeg4-keyframes" / "frames").iterdir())) == 5


def test_json_is_one_document(extract, folder, video_file):
    done = extract(video_file("mpeg4.mp4"), "missing.mp4", "-k", 5, "--json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    (result,) = document["results"]
    manifest = json.loads((folder / result["folder"] / "manifest.json").read_text(encoding="utf-8"))
    assert {key: result[key] for key in manifest} == manifest
    (failure,) = document["failures"]
    assert failure["video"] == "missing.mp4"
    assert "no such file" in failure["error"]


def test_several_videos_get_a_folder_each(extract, folder, video_file):
    videos = [video_file(name) for name in ("mpeg4.mp4", "mpeg4.avi", "vp9.webm")]
    done = extract(*videos, "-k", 2, "-o", "results")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (folder / "results").iterdir()}
    assert names == {"mpeg4-mp4-keyframes", "mpeg4-avi-keyframes", "vp9-keyframes"}


def test_every_option_reaches_the_result(extract, folder, video_file):
    done = extract(
        video_file("mpeg4.mp4"),
        *("-k", 4, "-o", "out", "--features", "pixels", "--start", "0:00.2", "--stop", "00:00:01.9", "--every", 2),
        *("--crop", "10,20,100,80", "--width", 20, "--color", "--seed", 7, "--threads", 1, "--format", "jpg", "-q"),
        *("--uniform", "--algorithm", "kmeans", "--min-gap", 0.5, "--allow-similar", "--allow-dark", "--allow-blurred"),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / "out" / "manifest.json").read_text(encoding="utf-8"))["settings"] == {
        "k": 4,
        "features": "pixels",
        "algorithm": "kmeans",
        "start_s": 0.2,
        "stop_s": 1.9,
        "every": 2,
        "crop": {"x": 10, "y": 20, "width": 100, "height": 80},
        "width": 20,
        "color": True,
        "scan": "exact",
        "uniform": True,
        "min_gap_s": 0.5,
        "allow_similar": True,
        "allow_dark": True,
        "allow_blurred": True,
        "seed": 7,
        "format": "jpg",
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("-k", "0"),
        ("-k", "-3"),
        ("-k", "abc"),
        ("-k", "1.5"),
        (),
        ("-k", "5", "--every", "0"),
        ("-k", "5", "--min-gap", "-1"),
        ("-k", "5", "--start", "1:99"),
        ("-k", "5", "--start", "soon"),
        ("-k", "5", "--start", "3", "--stop", "2"),
        ("-k", "5", "--crop", "1,2,3"),
        ("-k", "5", "--crop", "1,2,0,4"),
        ("-k", "5", "--features", "smell"),
        ("-k", "5", "--threads", "0"),
        ("-k", "5", "--no-such-option"),
    ],
)
def test_wrong_usage_has_status_2(extract, folder, video_file, arguments):
    check_wrong_usage(extract(video_file("mpeg4.mp4"), *arguments), folder)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--min-gap", "inf"), "--min-gap is infinite"),
        (("--predictions", "p.csv", "--allow-dark"), "--allow-dark is about pictures"),
        (("--doubt", "0.3"), "--doubt needs --predictions"),
        (("--features", "smell"), "Invalid value for '--features': 'smell' is not one of"),
        (("--mean", "0.5"), "--mean describes the network of --encoder"),
        (("--std", "0.5"), "--std describes the network of --encoder"),
        (("--levels", "9,3"), "--levels is (9.0, 3.0)"),
        (("--uniform", "--unlike", "a"), "--uniform cannot be combined with --unlike"),
        (("--encoder-minutes", "2"), "--encoder-minutes needs --features encoder"),
        (("--algorithm", "dec"), "--algorithm dec needs --features encoder, a number for -k, and no file in --encoder"),
        (("--views",), "--views needs two or more recordings"),
        (("b.mp4", "--views", "--unlike", "a"), "--views cannot be combined with --unlike; leave one of them out"),
    ],
)
def test_a_wrong_setting_is_named_as_its_option(extract, video_file, arguments, told):
    done = extract(video_file("mpeg4.mp4"), "-k", "5", *arguments)
    assert done.returncode == 2
    assert told in " ".join(done.stderr.replace("│", "").split())


def test_the_installed_command_has_status_2_too(installed_extract, folder, video_file):
    check_wrong_usage(installed_extract(video_file("mpeg4.mp4"), "-k", "0"), folder)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("keyframes", "batch", "", "-k", 2), "the argument after batch is empty"),
        (("keyframes", "extract", "a.mp4", "-k", 2, "-o", ""), "the argument after -o is empty"),
        (("keyframes", "extract", "a.mp4", "-k", 2, "--output="), "the argument after --output is empty"),
        (("quantize", ""), "the first argument is empty"),
        (("quantize", "--web="), "the argument after --web is empty"),
        (("quantize", "a.png", "--suffix=", "--output="), "the argument after --output is empty"),
        (("quantize", "a.png", "--suffix", "", "-o", ""), "the argument after -o is empty"),
    ],
)
def test_an_empty_argument_is_not_the_working_folder(command, told, folder, run_installed):
    done = run_installed(*command, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {told}; is a shell variable unset?\n"
    assert not list(folder.iterdir())


def test_a_broken_opencv_is_one_line(folder, video_file, run_installed):
    (folder / "cv2.py").write_text("raise ImportError('libGL.so.1: no such file')", encoding="utf-8")
    done = run_installed("keyframes", "info", video_file("mpeg4.mp4"), env={"PYTHONPATH": str(folder)})
    assert done.returncode == 1
    assert "libGL.so.1: no such file" in one_error_line(done)
    assert "keyframes doctor" in done.stderr


def check_wrong_usage(done, folder):
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Usage" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(folder.iterdir()) == []


@pytest.fixture(scope="session")
def bad_file(tmp_path_factory, video_file):
    """Files that are no video, by name."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "directory.mp4").mkdir()
    (folder / "text.mp4").write_text("This is no video.\n" * 100, encoding="utf-8")
    (folder / "empty.mp4").touch()
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", folder / "audio.mp4")
    ffmpeg("-i", video_file("h264_b_frames.mp4"), "-c", "copy", folder / "whole.mp4")
    data = (folder / "whole.mp4").read_bytes()
    (folder / "no_index.mp4").write_bytes(data[: len(data) // 2])
    (folder / "zeros.avi").write_bytes(bytes(100_000))
    return folder


NO_VIDEOS = {
    "missing.mp4": "no such file",
    "directory.mp4": "is a folder",
    "text.mp4": "no video can be opened",
    "empty.mp4": "is empty",
    "audio.mp4": "no video can be opened",
    "no_index.mp4": "moov atom not found",
    "zeros.avi": "no video can be opened",
}


@pytest.mark.parametrize("name", NO_VIDEOS)
@pytest.mark.parametrize("command", ["extract", "info"])
def test_a_file_that_is_no_video_is_one_line(name, command, run_command, bad_file, tmp_path):
    arguments = ("-k", 5) if command == "extract" else ()
    line = one_error_line(run_command("keyframes", command, bad_file / name, *arguments, cwd=tmp_path))
    assert name in line
    assert NO_VIDEOS[name] in line
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_no_videos_take_one_line_each(installed_extract, folder, bad_file):
    """Nothing that FFmpeg or OpenCV says of them comes through, which only a process shows."""
    done = installed_extract(*(bad_file / name for name in NO_VIDEOS), "-k", 5)
    assert (done.returncode, done.stdout) == (1, "")
    for line, (name, message) in zip(done.stderr.splitlines(), NO_VIDEOS.items(), strict=True):
        assert line.startswith(f"error: {bad_file / name}: ")
        assert message in line
    assert list(folder.iterdir()) == []


def test_bad_regions_and_places_are_one_line(extract, folder, video_file):
    path = video_file("mpeg4.mp4")
    (folder / "full").mkdir()
    (folder / "full" / "notes.txt").touch()
    (folder / "file").touch()
    before = sorted(folder.rglob("*"))
    for options, message in (
        (("--start", "1:00"), "--start"),
        (("--crop", "100,100,100,100"), "160 x 120"),
        (("-o", "full"), "--overwrite"),
        (("-o", "full", "--overwrite"), "not an earlier result"),
        (("-o", "file"), "is a file"),
        (("-o", "file/below"), "cannot be written"),
    ):
        assert message in one_error_line(extract(path, "-k", 3, *options))
    assert sorted(folder.rglob("*")) == before


def test_a_result_is_no_recording(extract, run_command, folder, video_file):
    assert extract(video_file("mpeg4.mp4"), "-k", 3, "-o", "made").returncode == 0
    told = "error: made: is the result of an extraction, not a recording; give the video that it came from"
    assert one_error_line(extract("made", "-k", 1, "-o", "again")) == told
    assert one_error_line(run_command("keyframes", "info", "made", cwd=folder)) == told
    assert [path.name for path in folder.iterdir()] == ["made"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no os.openpty")
def test_a_first_run_says_that_it_compiles_on_a_terminal_only(tmp_path, video_file):
    def told(on_terminal, cache, *more):
        command = [SCRIPTS / "keyframes", "extract", video_file("mpeg4.mp4"), "-k", 3, *more]
        more = ("--overwrite", "-o", "made")
        return stderr_of([*command, *more], on_terminal=on_terminal, kernels=tmp_path / cache, cwd=tmp_path)

    kernels = ("--algorithm", "kmeans")
    assert "compiling" not in told(True, "cache")
    assert told(True, "cache", *kernels).count("compiling code, once; this takes up to half a minute") == 1
    assert "compiling" not in told(True, "cache", *kernels)
    assert "compiling" not in told(False, "another", *kernels)


def test_a_place_without_permission_is_one_line(extract, folder, video_file):
    locked = folder / "locked"
    locked.mkdir()
    locked.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if os.access(locked, os.W_OK):
        # The administrator may write anywhere; the kernel's own file system refuses even him.
        locked = Path("/proc")
        if not locked.is_dir():
            pytest.skip("no folder refuses this user")
    assert "cannot be written" in one_error_line(extract(video_file("mpeg4.mp4"), "-k", 3, "-o", locked / "out"))


@pytest.mark.slow
@pytest.mark.parametrize("options", [pytest.param((), id="new"), pytest.param(("--overwrite",), id="overwrite")])
def test_of_two_runs_into_one_folder_at_once_one_wins(options, tmp_path, long_video):
    command = [SCRIPTS / "keyframes", "extract", long_video, "-k", "12", "-o", "out", *options]
    command += ["--every", "9", "--stop", "40", "--seed"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    runs = [subprocess.Popen([*command, str(seed)], cwd=tmp_path, **pipes) for seed in (1, 2)]
    said = [run.communicate(timeout=120)[1] for run in runs]
    winners = [seed for seed, run in zip((1, 2), runs, strict=True) if run.returncode == 0]
    for run, text in zip(runs, said, strict=True):
        if run.returncode != 0:
            (line,) = text.splitlines()
            assert line.startswith("error: ")
            assert "already exists" in line or "another run" in line
    assert winners if options else len(winners) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["settings"]["seed"] in winners
    files = {f"out/{entry['file']}" for entry in manifest["keyframes"]}
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("out/frames/*")} == files


@pytest.mark.slow
def test_ffmpegs_own_messages_do_not_reach_the_user(installed_extract, truncated):
    done = installed_extract(truncated, "-k", 5)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"warning: {truncated}: the file is cut off or damaged: only ")
    assert " @ 0x" not in line


@pytest.mark.parametrize("number", [*slow_but_for([signal.SIGINT], [signal.SIGINT, signal.SIGTERM]), "closed"])
def test_an_interruption_leaves_nothing(number, tmp_path, long_video, request):
    number, status = (request.getfixturevalue("closed_terminal"), 143) if number == "closed" else (number, 128 + number)
    command = [SCRIPTS / "keyframes", "extract", long_video, "-k", "50", "-o", "a/out"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        # Its parent is made an instant before the hidden folder of the extraction.
        while not list(tmp_path.glob("a/*")) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.strip()) == (status, "", "interrupted")
    assert list(tmp_path.iterdir()) == []


def test_info_tells_claims_and_truth(run_command, video_file, truncated):
    done = run_command("keyframes", "info", video_file("variable_rate.mp4"), "--json")
    report = json.loads(done.stdout)
    assert (report["frames_claimed"], report["frames_decoded"]) == (60, 60)
    assert (report["width"], report["height"]) == (160, 120)
    assert report["variable_frame_rate"] is True
    assert report["shortest_gap_s"] == pytest.approx(1 / 30, abs=1e-3)
    assert report["longest_gap_s"] == pytest.approx(2 / 30, abs=1e-3)
    assert report["warnings"] == []

    done = run_command("keyframes", "info", truncated)
    assert done.returncode == 0
    assert "frames claimed          60" in done.stdout
    assert "only " in done.stdout


def test_version_and_help(run_command):
    assert run_command("keyframes", "--version").stdout.strip() == f"keyframes {keyframes.__version__}"
    for arguments in (("--help",), ("extract", "--help"), ("info", "-h")):
        done = run_command("keyframes", *arguments)
        assert done.returncode == 0
        assert re.search("Examples?: keyframes", done.stdout)


def test_python_m_is_the_same_command(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "keyframes", "--version"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout.strip() == f"keyframes {keyframes.__version__}"


def test_every_setting_is_an_option():
    hints = get_type_hints(Settings)
    del hints["k"]
    assert get_type_hints(Options) == hints
    assert SettingsOptions.options.keys() | {"format"} == set(hints)


def test_every_setting_is_named_as_an_option_that_there_is(run_command):
    words = run_command("keyframes", "extract", "--help").stdout.split()
    assert {option_of(setting) for setting in SettingsOptions.options} <= set(words)
