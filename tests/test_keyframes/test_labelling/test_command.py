"""`keyframes export`, and `--export` at extraction: what is said, what is refused before anything is decoded."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import keyframes
from keyframes import ExportError, SettingsError
from tests.conftest import SCRIPTS
from tests.test_keyframes.conftest import needs_unshare
from tests.test_keyframes.result_folders import manifest_of
from tests.test_keyframes.test_labelling.conftest import contents

COMMAND = SCRIPTS / "keyframes"


@pytest.fixture
def work(tmp_path, video_file):
    """A working folder with a video."""
    folder = tmp_path / "work"
    folder.mkdir()
    shutil.copy(video_file("mpeg4.mp4"), folder)
    return folder


def test_at_extraction_and_later_the_same_comes_out(work, run_command):
    new = ("--task", "reach", "--scorer", "anna", "--bodyparts", "nose, tail")
    tools = ("deeplabcut", "lightning-pose", "coco", "cvat", "label-studio")
    done = run_command(
        *("keyframes", "extract", "mpeg4.mp4", "-k", 4, *new),
        *(x for tool in tools for x in ("--export", tool)),
        cwd=work,
    )
    assert done.returncode == 0, done.stderr
    first, *lines = done.stdout.splitlines()
    assert first == "mpeg4.mp4: 4 of 60 frames in mpeg4-keyframes"
    (deeplabcut,) = work.glob("reach-anna-*")
    places = [deeplabcut.name, *(f"mpeg4-{tool}" for tool in tools[1:])]
    assert lines == [f"{tool}: 4 frames added to {place}" for tool, place in zip(tools, places, strict=True)]
    for tool, place in zip(tools, places, strict=True):
        done = run_command(
            "keyframes", "export", "mpeg4-keyframes", "--to", tool, *new, "-o", "later", "--json", cwd=work
        )
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        assert document["failures"] == []
        assert [(one["tool"], one["place"], one["frames"]) for one in document["exports"]] == [(tool, "later", 4)]
        later = contents(work / "later")
        if tool == "deeplabcut":
            # It tells its own place.
            later["config.yaml"] = later["config.yaml"].replace(
                str(work / "later").encode(), str(work / place).encode()
            )
        assert later == contents(work / place)
        shutil.rmtree(work / "later")


def test_several_results_are_exported_together(work, run_command, video_file):
    shutil.copy(video_file("vp9.webm"), work)
    done = run_command(
        *("keyframes", "extract", "mpeg4.mp4", "vp9.webm", "missing.mp4", "-k", 3, "-o", "results"),
        *("--export", "coco", "--json"),
        cwd=work,
    )
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert [failure["video"] for failure in document["failures"]] == ["missing.mp4"]
    assert [(one["place"], one["frames"]) for one in document["exports"]] == [(os.path.join("results", "coco"), 6)]
    done = run_command("keyframes", "export", "results", "--to", "cvat", cwd=work)
    assert done.stdout == f"cvat: 6 frames added to {os.path.join('results', 'cvat')}\n"
    names = {path.name for path in (work / "results" / "cvat" / "images").iterdir()}
    assert names == {"mpeg4", "vp9"}


def test_the_export_of_several_results_lies_in_the_folder_that_holds_them_all(work, extracted, run_command):
    for day, video in (("day1", "mpeg4.mp4"), ("day2", "vp9.webm")):
        shutil.copytree(extracted(video), work / "results" / day / f"{day}-keyframes")
    places = (work / "results" / "day1" / "day1-keyframes", Path("..", work.name, "results", "day2"))
    done = run_command("keyframes", "export", *places, "--to", "cvat", "--json", cwd=work)
    assert done.returncode == 0, done.stderr
    assert (work / "results" / "cvat" / "images").is_dir()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--export", "deeplabcut"), 2, "--task, --scorer, --bodyparts"),
        (("--export", "paint"), 2, "'paint' is not a labelling tool; choose one of"),
        (("--project", "p"), 2, "--project needs exactly one"),
        (("--export", "coco", "--project", "p"), 2, "--project needs exactly one"),
        (("--export", "deeplabcut", "--export", "lightning-pose", "--project", "p"), 2, "--project needs exactly one"),
        (("--export", "lightning-pose", "--bodyparts", "a,,b"), 2, "different names"),
        (("--export", "deeplabcut", "--project", "p"), 1, "p: no such folder"),
        (("--export", "coco", "--bodyparts", "a,b", "--skeleton", "a-c"), 2, "--skeleton has 'a-c'; give two of the"),
        (("--export", "coco", "--skeleton", "a-b"), 2, "(none are given)"),
        (("--export", "coco", "--bodyparts", "a,b", "--skeleton", "a-b,b-a"), 2, "each pair once"),
        (("--export", "coco", "--bodyparts", "a,b", "--skeleton", "a-a"), 2, "give pairs of --bodyparts"),
        (("--export", "deeplabcut", "--individuals", "a,a"), 2, "--individuals is 'a,a'; give different names"),
        (("--bodyparts", "a", "--copy-videos"), 2, "without --export, --bodyparts, --copy-videos would have no effect"),
    ],
)
@pytest.mark.parametrize("command", [("extract", "mpeg4.mp4"), ("batch", ".")], ids=["extract", "batch"])
def test_what_cannot_work_is_told_before_anything_is_decoded(
    command, arguments, status, message, work, run_command, unchanged
):
    with unchanged(work):
        done = run_command("keyframes", *command, "-k", 4, *arguments, cwd=work)
    assert done.returncode == status
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert done.stdout == ""
    if status == 1:
        (line,) = done.stderr.splitlines()
        assert line.startswith("error: ")


def test_an_export_that_is_there_is_told_before_anything_is_decoded(work, run_command, unchanged):
    (work / "mpeg4-coco").mkdir()
    (work / "mpeg4-coco" / "labels.json").touch()
    with unchanged(work):
        done = run_command(
            "keyframes", "extract", "mpeg4.mp4", "-k", 4, "--export", "cvat", "--export", "coco", cwd=work
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: mpeg4-coco: already exists")


def test_extraction_into_a_project(work, run_command):
    (work / "dlc").mkdir()
    (work / "dlc" / "config.yaml").write_text("Task: a\nscorer: b\nvideo_sets:\n", encoding="utf-8")
    options = ("--export", "deeplabcut", "--export", "coco", "--project", "dlc")
    done = run_command("keyframes", "extract", "mpeg4.mp4", "-k", 4, *options, cwd=work)
    assert done.stdout.splitlines()[1:] == ["deeplabcut: 4 frames added to dlc", "coco: 4 frames added to mpeg4-coco"]
    assert str(work / "dlc" / "videos" / "mpeg4.mp4") in (work / "dlc" / "config.yaml").read_text(encoding="utf-8")
    assert len(list((work / "dlc" / "labeled-data" / "mpeg4").iterdir())) == 4


def test_wishes_that_no_export_follows_are_reported(work, run_command):
    options = ("--bodyparts", "left-ear,tail-base,left", "--skeleton", "left-ear-tail-base", "--individuals", "m1")
    arguments = ("--export", "coco", "--export", "cvat", "--task", "reach", *options)
    done = run_command("keyframes", "extract", "mpeg4.mp4", "-k", 3, *arguments, cwd=work)
    assert done.returncode == 0, done.stderr
    # The skeleton is for COCO; neither takes a task, or names of animals.
    assert sorted(done.stderr.splitlines()) == [
        f"note: {tool}: --{option} is ignored: {tool} does not use it"
        for tool in ("coco", "cvat")
        for option in ("individuals", "task")
    ]
    (category,) = json.loads((work / "mpeg4-coco" / "annotations.json").read_text(encoding="utf-8"))["categories"]
    assert category["keypoints"] == ["left-ear", "tail-base", "left"]
    assert category["skeleton"] == [[1, 2]]
    done = run_command(
        *("keyframes", "export", "mpeg4-keyframes", "--to", "cvat", "-o", "later", "--scorer", "anna", "--copy-videos"),
        cwd=work,
    )
    assert done.stderr.splitlines() == [
        "note: cvat: --scorer is ignored: cvat does not use it",
        "note: cvat: --copy-videos is ignored: cvat does not use it",
    ]


def test_a_new_project_of_several_animals(work, run_command):
    new = ("--task", "reach", "--scorer", "anna", "--bodyparts", "nose,tail", "--individuals", "m1,m2")
    arguments = ("--export", "deeplabcut", "--project", "dlc", *new, "--skeleton", "nose-tail", "--copy-videos")
    done = run_command("keyframes", "extract", "mpeg4.mp4", "-k", 3, *arguments, cwd=work)
    assert done.returncode == 0, done.stderr
    text = (work / "dlc" / "config.yaml").read_text(encoding="utf-8")
    assert "multianimalproject: true" in text
    assert "individuals:\n- m1\n- m2\n" in text
    assert "skeleton:\n- - nose\n  - tail\n" in text
    assert not (work / "dlc" / "videos" / "mpeg4.mp4").is_symlink()
    # The same command again adds to what it made.
    done = run_command("keyframes", "extract", "mpeg4.mp4", "-k", 3, *arguments, "-o", "again", cwd=work)
    assert done.stderr.splitlines() == ["note: deeplabcut: 3 of the 3 frames of mpeg4 were there already"]


def test_the_videos_of_several_results_are_found_by_content(tmp_path, extracted, video_file):
    """Of equal names and of renamed ones, each result finds its own."""
    (tmp_path / "x").mkdir()
    videos = [tmp_path / "x" / "mpeg4.mp4", tmp_path / "monday.mp4"]
    for video, name in zip(videos, ("vp9.webm", "mpeg4.mp4"), strict=True):
        shutil.copy(video_file(name), video)
    results = []
    for name in ("mpeg4.mp4", "vp9.webm"):
        results.append(tmp_path / f"{name}-result")
        shutil.copytree(extracted(name), results[-1])
    done = keyframes.export(results, "lightning-pose", output=tmp_path / "new", bodyparts=("a",), videos=videos)
    assert done.n_frames == 10
    with pytest.raises(ExportError, match=r"missing\.mp4: no such file"):
        keyframes.export(results[0], "coco", output=tmp_path / "coco", videos=[tmp_path / "missing.mp4"])


def test_a_project_without_the_video_is_told_before_anything_is_decoded(work, run_command, unchanged):
    sio = pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")
    sio.Labels().save(str(work / "labels.slp"))
    with unchanged(work):
        done = run_command(
            *("keyframes", "extract", "mpeg4.mp4", "-k", 4, "--export", "sleap", "--project", "labels.slp"), cwd=work
        )
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert line == "error: labels.slp: has no video mpeg4.mp4 (its videos: none); add it in SLEAP"


def test_from_within_the_result(work, run_command):
    keyframes.extract(work / "mpeg4.mp4", 3, output=work / "mpeg4-keyframes")
    done = run_command("keyframes", "export", ".", "--to", "coco", cwd=work / "mpeg4-keyframes")
    assert done.returncode == 0, done.stderr
    assert len(list((work / "mpeg4-coco" / "images" / "mpeg4").iterdir())) == 3
    # What merely has the video's name does no harm.
    (work / "mpeg4.mp4").write_bytes(b"no video")
    assert run_command("keyframes", "export", "mpeg4-keyframes", "--to", "cvat", cwd=work).returncode == 0


def test_results_that_are_none(work, run_command, unchanged):
    (work / "damaged").mkdir()
    (work / "damaged" / "manifest.json").write_text("{", encoding="utf-8")
    (work / "newer").mkdir()
    (work / "newer" / "manifest.json").write_text('{"schema_version": 99}', encoding="utf-8")
    for folder, message in (
        ("nowhere", "nowhere: no such folder; give the folder that keyframes extract wrote"),
        ("mpeg4.mp4", "mpeg4.mp4: is not the result of an extraction"),
        ("damaged", "manifest.json: is damaged"),
        ("newer", "has schema version 99"),
    ):
        with unchanged(work):
            done = run_command("keyframes", "export", folder, "--to", "coco", cwd=work)
        (line,) = done.stderr.splitlines()
        assert (done.returncode, done.stdout) == (1, "")
        assert line.startswith("error: ")
        assert message in line


# A JPEG has no checksum; DeepLabCut and SLEAP get PNG files, from the video if the result has none.
@pytest.mark.parametrize(
    ("image_format", "damage", "tool"),
    [
        *itertools.product(("png",), ("cut short", "empty", "one bit", "missing"), ("deeplabcut", "sleap", "coco")),
        *itertools.product(("jpg",), ("cut short", "empty", "missing"), ("coco", "cvat", "label-studio")),
    ],
)
def test_a_damaged_image_is_never_exported(tool, image_format, damage, tmp_path, extracted):
    if tool == "sleap":
        pytest.importorskip("h5py", reason="needs h5py, of the sleap extra")
    result = tmp_path / "result"
    shutil.copytree(extracted("mpeg4.mp4", format=image_format), result)
    image = sorted((result / "frames").iterdir())[2]
    data = image.read_bytes()
    changed = bytearray(data)
    changed[len(data) // 2] ^= 1
    image.write_bytes({"cut short": data[:-9], "empty": b"", "one bit": bytes(changed), "missing": b""}[damage])
    if damage == "missing":
        image.unlink()
    new = {"task": "a", "scorer": "b", "bodyparts": ("c",), "videos": [extracted("mpeg4.mp4").parent / "mpeg4.mp4"]}
    with pytest.raises(ExportError, match=rf"{image.name}: (is damaged|cannot be)"):
        keyframes.export(result, tool, output=tmp_path / "new", **new)
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


@pytest.mark.parametrize(
    "change",
    [
        {"frame_index": "7"},
        {"frame_index": 7.5},
        {"time_s": "0.1"},
        {"frame_index": -1},
        {"file": "/etc/passwd"},
        {"file": "frames"},
        {"file": "frames/../../mpeg4.mp4"},
        {"cluster": None},
    ],
)
def test_a_manifest_that_was_edited_by_hand(change, tmp_path, extracted):
    result = tmp_path / "result"
    shutil.copytree(extracted("mpeg4.mp4"), result)
    document = manifest_of(result)
    document["keyframes"][0].update(change)
    (result / "manifest.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ExportError, match=r"manifest\.json: is damaged"):
        keyframes.export(result, "coco", output=tmp_path / "new")


def test_the_video_is_known_by_its_content(tmp_path, extracted, video_file):
    result = tmp_path / "result"
    shutil.copytree(extracted("mpeg4.mp4"), result)
    # One of the right name beside the result is not it.
    shutil.copy(video_file("vp9.webm"), tmp_path / "mpeg4.mp4")
    new = {"output": tmp_path / "new", "bodyparts": ("a",)}
    with pytest.raises(ExportError, match="say where it is with --video"):
        keyframes.export(result, "lightning-pose", **new)
    with pytest.raises(ExportError, match="is not the video that"):
        keyframes.export(result, "lightning-pose", videos=[tmp_path / "mpeg4.mp4"], **new)
    shutil.copy(video_file("mpeg4.mp4"), tmp_path / "renamed.mp4")
    assert keyframes.export(result, "lightning-pose", videos=[tmp_path / "renamed.mp4"], **new).n_frames == 5


@pytest.mark.parametrize("tool", ["deeplabcut", "lightning-pose", "coco"])
def test_results_of_one_video_become_one(tool, tmp_path, extracted):
    one, other = extracted("h264_b_frames.mp4", format="jpg"), extracted("h264_b_frames.mp4", 7, uniform=True)
    both = [{entry["frame_index"] for entry in manifest_of(result)["keyframes"]} for result in (one, other)]
    new = {"task": "a", "scorer": "b", "bodyparts": ("c",)}
    done = keyframes.export([one, other], tool, output=tmp_path / "new", **new)
    assert done.n_frames == len(both[0] | both[1])
    (folder,) = (tmp_path / "new" / ("images" if tool == "coco" else "labeled-data")).iterdir()
    assert folder.name == "h264_b_frames"
    shown = {int(path.stem.removeprefix("img")) for path in folder.glob("img*")}
    assert shown >= both[0] | both[1]


def test_a_project_and_a_place_exclude_each_other(tmp_path, extracted):
    with pytest.raises(SettingsError, match="leave out --project or -o"):
        keyframes.export(extracted("mpeg4.mp4"), "sleap", project=tmp_path / "a.slp", output=tmp_path)
    with pytest.raises(SettingsError, match="coco has no project"):
        keyframes.export(extracted("mpeg4.mp4"), "coco", project=tmp_path)
    with pytest.raises(SettingsError, match="`tool` is 'paint'"):
        keyframes.export(extracted("mpeg4.mp4"), "paint")


@pytest.mark.parametrize(("tool", "name"), [("deeplabcut", "DeepLabCut"), ("lightning-pose", "Lightning Pose")])
def test_a_file_of_another_kind_is_no_project(tool, name, tmp_path, extracted):
    (tmp_path / "labels.slp").write_bytes(b"\x89HDF\r\n")
    with pytest.raises(ExportError, match=rf"labels\.slp: is not a project of {name}; give its folder"):
        keyframes.export(extracted("mpeg4.mp4"), tool, project=tmp_path / "labels.slp")


def test_a_missing_extra_is_named(extracted):
    program = (
        "import sys\nsys.modules['sleap_io'] = None\nimport keyframes\n"
        "try:\n    keyframes.export(sys.argv[1], 'sleap')\nexcept keyframes.ExportError as error:\n    print(error)"
    )
    command = [sys.executable, "-c", program, extracted("mpeg4.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "pip install '.[sleap]'" in done.stdout
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.slow
@needs_unshare
@pytest.mark.parametrize("options", [(), ("--copy-videos",)])
@pytest.mark.parametrize("kib", [24, 60, 120])
def test_a_full_disk_leaves_the_project_as_it_was(kib, options, tmp_path, extracted, run_on_a_small_disk):
    project = tmp_path / "project"
    (project / "labeled-data" / "old").mkdir(parents=True)
    (project / "labeled-data" / "old" / "img1.png").write_bytes(b"1")
    (project / "config.yaml").write_text("Task: a\nscorer: b\nvideo_sets:\n", encoding="utf-8")
    result = extracted("wmv2.wmv", 40)
    command = [COMMAND, "export", result, "--to", "deeplabcut", "--project", "project", *options]
    left = run_on_a_small_disk(command, f"{kib}k", "find . | sort; cat project/config.yaml", held=project)
    below = "./project/labeled-data/old"
    places = [".", "./project", "./project/config.yaml", "./project/labeled-data", below, f"{below}/img1.png"]
    assert left.splitlines() == [*places, "Task: a", "scorer: b", "video_sets:"]


def started(work, *arguments):
    """Start an export and return when its hidden folder is there, or it has ended."""
    process = subprocess.Popen(
        [COMMAND, "export", *arguments], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and not list(work.glob("project/.keyframes.partial-*")):
        time.sleep(0.002)
    return process


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_the_project_as_it_was(number, tmp_path, long_video):
    project = tmp_path / "project"
    project.mkdir()
    (project / "project.yaml").write_text("view_names: []\nkeypoint_names: [a]\n", encoding="utf-8")
    result = keyframes.extract(long_video, 30, output=tmp_path / "result", uniform=True, every=9).folder
    before = contents(project)
    process = started(
        tmp_path, result, "--to", "lightning-pose", "--project", "project", "--video", long_video, "--quiet"
    )
    assert list(project.glob(".keyframes.partial-*")), "the export ended before it could be interrupted"
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert (out, err.strip()) == ("", "interrupted")
    assert contents(project) == before


def test_help_has_an_example(run_command):
    done = run_command("keyframes", "export", "--help")
    assert done.returncode == 0
    assert "Example: keyframes export" in done.stdout
