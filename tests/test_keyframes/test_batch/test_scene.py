"""Several cameras of one scene in a batch: the same frames of each."""

import csv
import json
import shutil
from dataclasses import replace

import pytest

from keyframes import extract_views, run_batch
from keyframes.batch.claims import Claim
from keyframes.batch.scene import work_on
from keyframes.batch.tasks import Task
from keyframes.settings import Settings
from tests.conftest import compiled_only

pytestmark = compiled_only


def chosen(output):
    return {
        path.parent.name: [one["frame_index"] for one in json.loads(path.read_text(encoding="utf-8"))["keyframes"]]
        for path in output.rglob("manifest.json")
    }


def test_what_does_not_go_together_with_views(tmp_path, run_command):
    (tmp_path / "few").mkdir()
    for name in ("0.mp4", "1.mp4"):
        (tmp_path / "few" / name).write_bytes(b"no video")
    one = ["-k", 3, "--include", "0.mp4"]
    for more in (["--total", 9], ["-k", 3, "--unlike", "few"], ["-k", 3, "--scan", "sparse"], one):
        done = run_command("keyframes", "batch", "few", "--views", *more, cwd=tmp_path)
        assert done.returncode == 2
        assert "views" in done.stderr
    assert "only 0.mp4 was found" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["few"]


def test_a_scene_without_a_good_camera_fails_in_the_table(tmp_path, run_command):
    (tmp_path / "few").mkdir()
    for name in ("0.mp4", "1.mp4"):
        (tmp_path / "few" / name).write_bytes(b"no video")
    done = run_command("keyframes", "batch", "few", "-k", 3, "--views", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert [row["recording"] for row in json.loads(done.stdout)["failures"]] == ["0.mp4", "1.mp4"]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_scene_is_chosen_as_extract_chooses_it_and_resumed(few, tmp_path, run_installed):
    def batch(*more):
        done = run_installed("keyframes", "batch", few, "-k", 4, "-o", "out", "--json", *more, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return [row["status"] for row in json.loads(done.stdout)["results"]]

    assert batch("--views", "--export", "lightning-pose", "--bodyparts", "nose") == ["done"] * 3
    assert len(list((tmp_path / "out").rglob("*.unlabeled.jsonl"))) == 3
    together = chosen(tmp_path / "out")
    assert len({tuple(indices) for indices in together.values()}) == 1
    videos = sorted(few.glob("*.mp4"))
    places = [tmp_path / "extracted" / f"{video.stem}-keyframes" for video in videos]
    extract_views(videos, 4, outputs=places)
    assert chosen(tmp_path / "extracted") == together
    manifests = [place / "manifest.json" for place in places]
    for path in manifests:
        assert (tmp_path / "out" / path.parent.name / path.name).read_bytes() == path.read_bytes()
    assert batch("--views") == ["skipped"] * 3
    # Each for itself is another choice, and so are two of the three.
    assert batch() == ["done"] * 3
    assert batch("--views", "--exclude", "2.mp4") == ["done"] * 2
    assert len({tuple(chosen(tmp_path / "out")[f"{number}-keyframes"]) for number in (0, 1)}) == 1


@pytest.mark.slow
def test_a_camera_that_cannot_be_read_fails_its_scene_and_leaves_nothing(few, tmp_path):
    folder = shutil.copytree(few, tmp_path / "few")
    whole = (folder / "1.mp4").read_bytes()
    (folder / "1.mp4").write_bytes(b"no video" * 100)
    done = run_batch(folder, 4, output=tmp_path / "out", views=True)
    assert [row["status"] for row in done.rows] == ["failed"] * 3
    for row in done.rows:
        assert "no video can be opened" in row["reason"]
        assert ("1.mp4: " in row["reason"]) == (row["recording"] != "1.mp4")
        assert str(tmp_path) not in row["reason"]
        assert row["reason"].endswith(" leave it out with --exclude 1.mp4")
        assert (row["frames"], row["place"]) == (0, "")
    assert chosen(tmp_path / "out") == {}
    (folder / "1.mp4").write_bytes(whole)
    done = run_batch(folder, 4, output=tmp_path / "out", views=True)
    assert [row["status"] for row in done.rows] == ["done"] * 3


@pytest.mark.slow
def test_a_camera_that_is_gone_leaves_the_earlier_results_and_their_links(few, tmp_path, run_command):
    def batch(*more):
        return run_command("keyframes", "batch", folder, "-k", 3, "--views", "-o", "out", *more, cwd=tmp_path)

    folder, output = shutil.copytree(few, tmp_path / "few"), tmp_path / "out"
    assert batch().returncode == 0
    before = chosen(output)
    (folder / "1.mp4").write_bytes(b"")
    done = batch()
    assert done.returncode == 1
    told = "is empty (0 bytes); copy it again, or leave it out with --exclude 1.mp4 (the earlier result is kept)"
    lines = done.stdout.splitlines()[1:4]
    assert [line.split()[:3] for line in lines] == [[f"{number}.mp4", "failed", "3"] for number in range(3)]
    assert all(line.endswith(told) for line in lines)
    assert chosen(output) == before
    page = (output / "index.html").read_text(encoding="utf-8")
    assert "Failed; the earlier result is kept" in page
    assert all(f"{number}-keyframes/report.html" in page for number in range(3))
    with (output / "summary.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["status"], row["frames"], row["place"]) for row in csv.DictReader(file)]
    assert rows == [("failed", "3", f"{number}-keyframes") for number in range(3)]
    assert batch("--exclude", "1.mp4").returncode == 0


def test_a_scene_waits_for_whoever_works_on_one_of_its_cameras(tmp_path):
    names = ("0.mp4", "1.mp4", "2.mp4")
    first, second, third = (Task(name, tmp_path / name, tmp_path, f"{name}-keyframes", Settings(k=3)) for name in names)
    first.folder.mkdir()
    with Claim.take(third.folder / f"{third.name}.claim"):
        assert work_on(replace(first, others=(second, third))).status == "claimed"
        # It holds none of the others meanwhile.
        assert [path.stem for path in first.folder.glob("*.claim")] == [third.name]
