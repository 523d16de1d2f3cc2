"""What the page asks for is what the command does."""

import ntpath
import os
import time

import pytest

from keyframes.app.exports import cameras_of
from keyframes.app.kept_pictures import KeptPictures
from keyframes.app.library import Library, patterns_to_choose
from keyframes.app.running import RunSeen, read_log
from keyframes.app.statuses import progress_of
from keyframes.batch.recordings import find_recordings
from keyframes.commands.app import fields
from keyframes.errors import AppError
from keyframes.settings import Settings

NAMES = ("a.mp4", "b.mp4", "cage1/a.mp4", "cage1/deep/a.mp4", "cage1/[1].mp4", "cage1/1.mp4", "c d.mp4", "cage2/b.MP4")


@pytest.mark.parametrize(
    "chosen", [NAMES[:1], NAMES[2:3], NAMES[1:2], NAMES[4:5], NAMES[:4], NAMES[3:7], NAMES[1:], NAMES]
)
def test_the_patterns_choose_these_recordings_and_no_others(chosen, tmp_path):
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"no video")
    include, exclude = patterns_to_choose(chosen, NAMES)
    assert set(find_recordings(tmp_path, include, exclude)[0]) == set(chosen)


def test_results_on_another_drive_of_windows_are_below_no_folder(tmp_path, monkeypatch):
    (tmp_path / "v.mp4").write_bytes(b"no video")
    # Raises, as it does there.
    monkeypatch.setattr("os.path.relpath", lambda *_: ntpath.relpath("D:/out", "C:/videos"))
    assert set(Library(tmp_path, tmp_path / "out").all().values()) == {"v.mp4"}


@pytest.mark.parametrize("output", ["results", "[1]/results", "."])
def test_results_below_the_folder_are_no_recordings(output, tmp_path):
    (tmp_path / "v.mp4").write_bytes(b"no video")
    for place in (output, f"{output}-2"):
        copied = tmp_path / place / "reach-anna-2026-11-20" / "videos"
        copied.mkdir(parents=True)
        (copied / "v.mp4").write_bytes(b"no video")
    found = set(Library(tmp_path, tmp_path / output).all().values())
    assert "v.mp4" in found
    assert (len(found) == 1) == (output != ".")


def test_every_option_of_a_choice_is_offered():
    offered = {field.name: field for field in fields()}
    assert set(Settings.__dataclass_fields__) - {"k", "predictions", "encoder"} == set(offered)
    assert offered["start_s"].flag == "--start"
    assert offered["features"].choices == ("auto", "pca", "pixels", "encoder")
    assert offered["scan"].choices == ("auto", "exact", "sparse")
    assert all(field.help for field in offered.values())


def test_the_pictures_that_were_not_asked_for_longest_make_room():
    kept = KeptPictures(1000)
    for number in range(10):
        kept.keep(number, bytes(100))
    assert kept.get(0) == bytes(100)
    kept.keep("large", bytes(750))
    assert [number for number in range(10) if number in kept] == [0, 9]
    assert kept.n_bytes == 950
    kept.keep("large", bytes(10))
    assert kept.n_bytes == 210
    kept.keep("huge", bytes(2000))
    assert len(kept) == 1
    assert kept.get("huge") == bytes(2000)
    assert kept.get("large") == b""


def test_lightning_pose_gets_the_cameras_of_one_scene_at_a_time():
    def state(*views):
        return {"settings": {"views": list(views)} if views else {}}

    names = "day1_top.mp4", "day1_side.mp4"
    scene = {name: state(*names) for name in names}
    assert cameras_of("lightning-pose", scene) == ["top", "side"]
    assert cameras_of("sleap", scene) == []
    assert cameras_of("lightning-pose", {names[0]: state(*names)}) == []
    assert cameras_of("lightning-pose", {"a.mp4": state(), "b.mp4": state()}) == []
    other = {name: state("day2_top.mp4", "day2_side.mp4") for name in ("day2_top.mp4", "day2_side.mp4")}
    for mixed in ({**scene, "a.mp4": state()}, {**scene, **other}, {"a.mp4": state(), names[0]: scene[names[0]]}):
        with pytest.raises(AppError, match="select only these"):
            cameras_of("lightning-pose", mixed)


def test_a_log_tells_what_ended(tmp_path):
    log = tmp_path / "run.log"
    log.write_text(
        "[scan 1/3] a.mp4: looked at, 1.0 s\n[frames 1/3] a.mp4: failed: x: y\n[frames 2/3] b: c.mp4: 3 frames, 1 s\n"
        "warning: a.mp4: dark\nwarning: 9 frames were asked for, but only 8 differ\n"
        "[frames 3/3] not ours.mp4: done before\n│ Invalid value: too many   │\n",
        encoding="utf-8",
    )
    ended, notes = read_log(log, ["a.mp4", "b", "b: c.mp4", os.fsdecode(b"\xe9.mp4")])
    assert ended == {"scan": {"a.mp4"}, "frames": {"a.mp4", "b: c.mp4"}}
    assert notes == ["warning: 9 frames were asked for, but only 8 differ", "Invalid value: too many"]


def test_progress_goes_by_length():
    run = RunSeen(("a", "b", "c"), active=True, finished=False, ended=frozenset("a"), begun_s=0.0)
    statuses = {
        "a": {"status": "chosen"},
        "b": {"status": "running", "share": 0.5},
        "c": {"status": "waiting", "share": 0},
    }
    told = progress_of(run, statuses, {"a": 100.0, "b": 200.0, "c": 100.0})
    assert (told["share"], told["n_ended"], told["n"]) == (0.5, 1, 3)
    # Half of it took all the time since 1970.
    assert told["left_s"] == pytest.approx(time.time(), rel=1e-3)


def test_only_the_failures_of_a_run_are_told_of_it():
    run = RunSeen(("a", "b"), ended=frozenset("ab"))
    statuses = {"a": {"status": "chosen"}, "b": {"status": "failed"}, "other": {"status": "failed"}}
    assert progress_of(run, statuses, {})["n_failed"] == 1
