"""Every command of docs/second_round.md runs as it is written, between them what the tools do."""

import json
import re
import shutil

import cv2
import numpy as np
import pytest

from tests.conftest import ROOT
from tests.test_keyframes.conftest import ffmpeg

PAGE = (ROOT / "docs" / "second_round.md").read_text(encoding="utf-8")


def commands_of(tool):
    """The commands of a section, block by block."""
    section = re.search(rf"^## {tool}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]
    return [block.strip().splitlines() for block in re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)]


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Short recordings of the page's names."""
    folder = tmp_path_factory.mktemp("second-round")
    for name, start in (("mouse.mp4", 0), ("other.avi", 6)):
        cut = ("-ss", start, "-i", ROOT / "sample_data" / "mouse.mp4", "-t", 4, "-s", "160x120")
        ffmpeg(*cut, *(("-c:v", "mjpeg") if name.endswith("avi") else ()), folder / name)
    return folder


@pytest.fixture
def work(tmp_path, videos):
    for video in videos.iterdir():
        shutil.copy(video, tmp_path)
    return tmp_path


def chosen(result):
    manifest = json.loads((result / "manifest.json").read_text(encoding="utf-8"))
    return {entry["frame_index"] for entry in manifest["keyframes"]}, manifest.get("unlike", [])


def check_second(work, n_counted, begin=""):
    first, _ = chosen(work / f"{begin}first")
    second, (told,) = chosen(work / f"{begin}second")
    assert (len(first), len(second)) == (12, 8)
    assert not first & second
    assert told["frames"] == told["of_this_video"] == n_counted
    return first, second


@pytest.mark.slow
def test_deeplabcut(work, run_as_written):
    (new,), more = commands_of("DeepLabCut")
    run_as_written(new, work)
    # Labelled by napari, and three outliers with plots after training.
    folder = work / "reach" / "labeled-data" / "mouse"
    names = sorted(path.name for path in folder.iterdir())
    rows = "".join(f"labeled-data,mouse,{name},1.0,2.0,3.0,4.0\n" for name in names)
    head = "scorer,,,anna,anna,anna,anna\nbodyparts,,,nose,nose,tail,tail\ncoords,,,x,y,x,y\n"
    (folder / "CollectedData_anna.csv").write_text(head + rows, encoding="utf-8")
    first, _ = chosen(work / "reach-first")
    outliers = sorted(set(range(100)) - first)[::30][:3]
    for index in outliers:
        cv2.imwrite(str(folder / f"img{index:02d}.png"), np.full((120, 160, 3), index, np.uint8))
        cv2.imwrite(str(folder / f"img{index:02d}labeled.png"), np.zeros((120, 160, 3), np.uint8))
    for command in more:
        run_as_written(command, work)
    _, second = check_second(work, 15, "reach-")
    assert not second & set(outliers)
    images = {path.name for path in folder.glob("img*.png") if "labeled" not in path.name}
    assert images == {f"img{index:02d}.png" for index in {*first, *second, *outliers}}
    config = (work / "reach" / "config.yaml").read_text(encoding="utf-8")
    assert [line.strip(" :") for line in config.splitlines() if "/videos/" in line] == [
        str(work / "reach" / "videos" / name) for name in ("mouse.mp4", "other.avi")
    ]
    _, (told,) = chosen(work / "other-day")
    assert (told["frames"], told["of_this_video"]) == (23, 0)


@pytest.mark.slow
def test_sleap(work, run_as_written):
    sio = pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")
    (new,), (more,) = commands_of("SLEAP")
    run_as_written(new, work)
    labels = sio.load_slp(str(work / "first-sleap" / "suggestions.slp"))
    suggested = {suggestion.frame_idx for suggestion in labels.suggestions}
    for index in range(100):
        predicted = sio.PredictedInstance.from_numpy(np.ones((2, 2)), skeleton=labels.skeleton, score=0.9)
        frame = sio.LabeledFrame(video=labels.video, frame_idx=index, instances=[predicted])
        if index in suggested:
            frame.instances.append(sio.Instance.from_numpy(np.ones((2, 2)), skeleton=labels.skeleton))
        labels.append(frame)
    labels.save(str(work / "labels.v001.slp"), verbose=False)
    run_as_written(more, work)
    first, second = check_second(work, 12)
    copy = sio.load_slp(str(work / "labels.v001-keyframes.slp"))
    assert {suggestion.frame_idx for suggestion in copy.suggestions} == first | second
    assert len(copy.labeled_frames) == 100


@pytest.mark.slow
def test_lightning_pose(work, run_as_written):
    (new,), (more,) = commands_of("Lightning Pose")
    run_as_written(new, work)
    # The app moves what is labelled from the queue to the table; then settings are recommended.
    queue = work / "paw" / "CollectedData.unlabeled.jsonl"
    lines = queue.read_text(encoding="utf-8").splitlines()
    with (work / "paw" / "CollectedData.csv").open("a", encoding="utf-8") as table:
        table.writelines(f"{json.loads(line)['frame_path']},1.0,2.0,3.0,4.0\n" for line in lines[:7])
    queue.write_text("\n".join(lines[7:]) + "\n", encoding="utf-8")
    (work / "paw" / "config.yaml").write_text("data:\n  data_dir: /paw\nmodel:\n  backbone: vits_dino\n", "utf-8")
    run_as_written(more, work)
    check_second(work, 12, "paw-")
    assert len(queue.read_text(encoding="utf-8").splitlines()) == 5 + 8


@pytest.mark.slow
def test_label_studio(work, run_as_written):
    (new,), (more,) = commands_of("Label Studio")
    for command in (new, more):
        run_as_written(command, work)
    check_second(work, 12, "tasks-")
    assert len(json.loads((work / "tasks-second-label-studio" / "tasks.json").read_text(encoding="utf-8"))) == 8


@pytest.mark.slow
def test_every_command_is_run():
    tools = re.findall("^## (.*)", PAGE, re.MULTILINE)
    commands = [command for tool in tools for block in commands_of(tool) for command in block]
    places = [re.search(r" -o (\S+)", command)[1] for command in commands]
    assert len(set(places)) == len(places)
    assert sum(len(block) for tool in tools for block in commands_of(tool)) == PAGE.count("\nkeyframes ")
