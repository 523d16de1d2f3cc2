"""The parts of a batch: which recordings there are, who works on them, and where one budget goes."""

import errno
import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from threadpoolctl import threadpool_limits

from clustering import telling_of_compilation
from clustering.announcements import tell_of_compilation
from keyframes import BatchError
from keyframes.batch.budget import plan_budget, spend
from keyframes.batch.claims import ABANDONED_S, Claim
from keyframes.batch.cluster import ClusterWorkers
from keyframes.batch.coresets import GRID, Coreset, find_shared_space, make_coreset, on_grid
from keyframes.batch.recordings import assign_places, describe_left_out, find_recordings
from keyframes.batch.tasks import Outcome, Task
from keyframes.batch.text_files import read_json
from keyframes.batch.watching import counted, describe
from keyframes.batch.work import Work, work
from keyframes.scan.cache import keep_scan, load_scan
from keyframes.scan.components import PrincipalComponents
from keyframes.scan.first_pass import scan_video
from keyframes.scan.scan import COLUMNS
from keyframes.settings import Settings
from keyframes.video import VideoReader
from tests.conftest import compiled_only


def test_an_outcome_of_one_frame_and_of_many():
    assert describe(Outcome("a.mp4", "done", 1, 0.5)) == "a.mp4: 1 frame, 0.5 s"
    assert describe(Outcome("a.mp4", "skipped", 2)) == "a.mp4: done before, 2 frames"
    assert (counted(1, "video"), counted(0, "video")) == ("1 video", "0 videos")


def test_recordings_are_found_once_each(tmp_path):
    for name in ("a/one.mp4", "a/two.AVI", "b/three.mkv", "b/.hidden.mp4", "notes.txt", "elsewhere/four.mp4"):
        path = tmp_path / ("out" if name.startswith("elsewhere") else "in") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    folder = tmp_path / "in"
    (folder / "a" / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "linked").symlink_to(tmp_path / "out" / "elsewhere", target_is_directory=True)
    (folder / "again").symlink_to(tmp_path / "out" / "elsewhere", target_is_directory=True)
    (folder / "b" / "dangling.mp4").symlink_to(folder / "nowhere.mp4")
    everything = ["a/one.mp4", "a/two.AVI", "again/four.mp4", "b/dangling.mp4", "b/three.mkv"]
    assert find_recordings(folder) == (everything, {".txt": 1})
    assert find_recordings(folder, exclude=["b/*", "TWO*"]) == (["a/one.mp4", "again/four.mp4"], {".txt": 1})
    assert find_recordings(folder, include=["*.txt", "a/*.mp4"]) == (["a/one.mp4", "notes.txt"], {})


def test_hidden_folders_and_the_trash_are_not_searched(tmp_path):
    for place in ("a", ".Trash-1000/files", "a/.snapshot", "$RECYCLE.BIN", "a/#recycle", "@eaDir/x.mp4"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "old.mp4").touch()
    assert find_recordings(tmp_path) == (["a/old.mp4"], {})
    # Whoever names one means it.
    assert find_recordings(tmp_path, include=["*/.snapshot/*.mp4"])[0] == ["a/.snapshot/old.mp4"]
    assert find_recordings(tmp_path / ".Trash-1000")[0] == ["files/old.mp4"]


def test_links_to_a_recording_that_is_there_are_not_another_one(tmp_path):
    """Such as those of a DeepLabCut project beside the recordings; the project alone has them as its recordings."""
    folder, videos = tmp_path / "in", tmp_path / "in" / "a-anna-2026-01-01" / "videos"
    videos.mkdir(parents=True)
    for place in (folder / "z.mp4", tmp_path / "far.mp4"):
        place.write_bytes(b"no video")
        for link in (videos / place.name, folder / f"again_{place.name}"):
            link.symlink_to(place)
    shutil.copy(folder / "z.mp4", videos / "copy.mp4")
    project = videos.relative_to(folder).as_posix()
    assert find_recordings(folder)[0] == [f"{project}/copy.mp4", f"{project}/far.mp4", "z.mp4"]
    assert find_recordings(folder, include=["again_z.mp4"])[0] == ["again_z.mp4"]
    assert find_recordings(videos)[0] == ["copy.mp4", "far.mp4", "z.mp4"]


def make_images(folder, *names, pages=1):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        image = Image.new("L", (32, 24))
        more = {"save_all": True, "append_images": [image] * (pages - 1)} if pages > 1 else {}
        image.save(folder / name, **more)


def test_images_are_recordings_where_they_make_one(tmp_path):
    numbered = [f"img{number:03d}.png" for number in range(4)]
    make_images(tmp_path / "frames", *numbered)
    make_images(tmp_path / "dated" / "deep", "2024-01-01 12.00.01.jpg", "2024-01-01 12.00.02.JPG", "other.jpg")
    # A preview beside videos, photographs of the setup, a single image.
    make_images(tmp_path / "videos", "thumbnail1.jpg", "thumbnail2.jpg")
    (tmp_path / "videos" / "a.mp4").touch()
    make_images(tmp_path / "setup", "camera.png", "cage.png", "room.png", "single.tif")
    # Stacks are recordings each, pages in files of their own are one together.
    make_images(tmp_path / "stacks", "day1.tif", "day2.tif", pages=3)
    make_images(tmp_path / "mixed", "one stack.tiff", pages=3)
    make_images(tmp_path / "mixed", "overview.tif")
    make_images(tmp_path / "pages", "t1.tif", "t2.tif", "t3.tif")
    # What this package wrote, finished or not, holds no recordings, nor counts.
    for name in ("out/x-keyframes/frames", "out/.x-keyframes.partial-1-ab/frames"):
        make_images(tmp_path / name, *numbered)
    make_images(tmp_path / "project" / "labeled-data" / "mouse", *numbered)
    make_images(tmp_path / "x-coco" / "images" / "mouse", *numbered)
    for name in (
        "out/x-keyframes/manifest.json",
        "x-coco/annotations.json",
        "out/batch-state/a.json",
        "out/index.html",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    recordings = [
        *("dated/deep", "frames", "mixed/one stack.tiff", "pages"),
        *("stacks/day1.tif", "stacks/day2.tif", "videos/a.mp4"),
    ]
    found = find_recordings(tmp_path)
    assert found == (recordings, {".png": 3, ".jpg": 2, ".tif": 2, ".json": 1})
    assert list(found[1]) == [".png", ".jpg", ".tif", ".json"]
    assert find_recordings(tmp_path / "frames")[0] == ["."]
    assert find_recordings(tmp_path, exclude=["pages", "stacks/*", "DATED/*", "*.mp4"])[0] == [
        *("frames", "mixed/one stack.tiff"),
    ]
    # Patterns name folders or what is in them, and bring in any file.
    assert find_recordings(tmp_path, include=["frames", "*.tif"])[0] == [
        *("frames", "mixed/overview.tif", "pages", "setup/single.tif", "stacks/day1.tif", "stacks/day2.tif"),
    ]
    assert find_recordings(tmp_path, include=["setup/*.png"])[0] == [
        *("setup/cage.png", "setup/camera.png", "setup/room.png"),
    ]


def test_what_was_left_out_is_told_in_a_line():
    assert describe_left_out({".txt": 1}) == "left out: 1 file (.txt 1)"
    assert describe_left_out({".csv": 8, "": 3}) == "left out: 11 files (.csv 8, no extension 3)"
    many = {f".{number}": 1 for number in range(10)}
    assert describe_left_out(many).endswith(".7 1, others 2)")


def test_no_two_places_are_alike_or_inside_one_another():
    recordings = ["a.mp4", "a.avi", "A.mkv", "b/a.mp4", "c.mp4", "c-keyframes/d.mp4"]
    places = assign_places(recordings, {"a.mp4": "a-keyframes"}, "searched")
    assert places["a.mp4"] == "a-keyframes"
    assert places["b/a.mp4"] == "b/a-keyframes"
    assert len({place.casefold() for place in places.values()}) == len(recordings)
    for place in places.values():
        assert not any(other != place and other.startswith(f"{place}/") for other in places.values())
    # Whatever comes beside them, places stay.
    assert assign_places([*recordings, "a.mov"], places, "searched").items() >= places.items()
    assert assign_places(["."], {}, "searched") == {".": "searched-keyframes"}


def test_a_claim_is_held_once(tmp_path):
    path = tmp_path / "one.claim"
    with Claim.take(path) as claim:
        assert Claim.take(path) is None
        claim.tell("scan", 3, 10)
        assert read_json(path)["process"] == os.getpid()
    assert not path.exists()


@pytest.mark.parametrize("age_s", [ABANDONED_S - 60, ABANDONED_S + 60])
def test_a_claim_without_a_heartbeat_is_taken_over(tmp_path, age_s):
    path = tmp_path / "one.claim"
    told = {"host": "elsewhere", "machine": "another", "process": 1, "started": 1}
    path.write_text(json.dumps(told), encoding="utf-8")
    os.utime(path, times=(time.time() - age_s,) * 2)
    claim = Claim.take(path)
    assert (claim is not None) == (age_s > ABANDONED_S)
    if claim is not None:
        with claim:
            assert read_json(path)["process"] == os.getpid()
        assert list(tmp_path.iterdir()) == []


def test_a_claim_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    """Neither an empty one, for which others would wait, nor an open file."""
    opened = []

    def full(descriptor, data):
        opened.append(descriptor)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            Claim.take(tmp_path / "one.claim")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(*opened)


def test_a_worker_that_compiles_says_so_in_its_claim(tmp_path, monkeypatch):
    def run(self):
        tell_of_compilation()
        return Outcome(self.task.recording, "done", reason=self.claim.doing)

    monkeypatch.setattr(Work, "run", run)
    task = Task("0.mp4", tmp_path / "0.mp4", tmp_path, "0-keyframes", Settings(k=3))
    assert [work(task).reason for _ in range(2)] == ["compile"] * 2
    with telling_of_compilation(lambda: pytest.fail("it is over")):
        pass
    tell_of_compilation()


def test_whoever_was_taken_over_leaves_the_new_claim_alone(tmp_path):
    path = tmp_path / "one.claim"
    with Claim.take(path) as claim:
        path.unlink()
        path.write_text("another's", encoding="utf-8")
        assert not claim.is_mine()
    assert path.read_text(encoding="utf-8") == "another's"


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc to tell processes apart")
def test_a_claim_of_a_process_that_is_gone_is_taken_over_at_once(tmp_path):
    path = tmp_path / "one.claim"
    program = (
        "import sys, os, signal\nfrom pathlib import Path\nfrom keyframes.batch.claims import Claim\n"
        "Claim.take(Path(sys.argv[1]))\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program, path], check=False)
    assert path.exists()
    with Claim.take(path) as claim:
        assert claim.is_mine()


@compiled_only
def test_a_kept_scan_is_the_scan(video_file, tmp_path):
    settings = Settings(k=5, every=2)
    with VideoReader(video_file("h264_b_frames.mp4"), every=2) as reader:
        made = scan_video(reader, settings, False)
        keep_scan(tmp_path / "scan.npz", made, reader)
        seen, damage = reader.latest_pass, reader.damage()
    with VideoReader(video_file("h264_b_frames.mp4"), every=2) as reader:
        kept = load_scan(tmp_path / "scan.npz", reader)
        assert reader.damage() == damage
        assert (reader.frames_decoded, reader.reached_end) == (60, True)
        np.testing.assert_array_equal(reader.latest_pass.times_ms, seen.times_ms)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(kept, name), getattr(made, name))
    assert (kept.view, kept.warnings, kept.frames_decoded) == (made.view, made.warnings, made.frames_decoded)
    (tmp_path / "scan.npz").write_bytes((tmp_path / "scan.npz").read_bytes()[:1000])
    with VideoReader(video_file("h264_b_frames.mp4"), every=2) as reader:
        assert load_scan(tmp_path / "scan.npz", reader) is None


def recording(rng, n_frames, spread, shift=0.0, shape=(12, 16)):
    """Components of a made-up recording, and their features."""
    n_pixels = int(np.prod(shape))
    basis = np.linalg.qr(rng.standard_normal((n_pixels, 8)))[0].T
    components = PrincipalComponents(
        np.full(n_pixels, 0.5 + shift, np.float32), np.ascontiguousarray(basis, np.float32)
    )
    return components, (spread * rng.standard_normal((n_frames, 8))).astype(np.float16)


def nearest(X, centers):
    return np.square(X[:, None].astype(float) - centers[None]).sum(axis=2).min(axis=1)


@compiled_only
@pytest.mark.parametrize("most", [1, 9], ids=["each frame", "frames that represent others"])
def test_a_coreset_costs_what_the_frames_cost(most, rng):
    """The bound of the docstring, for many sets of centres; and it is no empty one."""
    components, features = recording(rng, 1500, 1.0)
    weights = rng.integers(1, most, 1500, endpoint=True)
    coreset = make_coreset(features, components, (12, 16), 300, weights=None if most == 1 else weights, seed=0)
    assert coreset.weights.sum() == weights.sum()
    X = features.astype(float)
    assert weights @ nearest(X, coreset.rows) == pytest.approx(coreset.inertia, rel=1e-3)
    for n_centers in (1, 3, 10, 40):
        for centers in (X[rng.choice(1500, n_centers)], 3 * rng.standard_normal((n_centers, 8))):
            full = np.sqrt(weights @ nearest(X, centers))
            short = np.sqrt(coreset.weights @ nearest(coreset.rows, centers))
            assert abs(full - short) <= np.sqrt(coreset.inertia) * (1 + 1e-6)
            assert np.sqrt(coreset.inertia) < 0.7 * full


@compiled_only
def test_the_shared_space_keeps_the_distances_of_pictures(rng):
    """Frames of recordings of one size and another: their distances are those of the pictures on the grid."""
    made = [recording(rng, 200, 1.0), recording(rng, 200, 0.5, 0.1), recording(rng, 100, 2.0, 0.2, (20, 10))]
    shapes = [(12, 16), (12, 16), (20, 10)]
    coresets = [
        make_coreset(X, components, shape, 50, seed=0) for (components, X), shape in zip(made, shapes, strict=True)
    ]
    space = find_shared_space(coresets, 64)
    assert np.allclose(space.basis @ space.basis.T, np.eye(len(space.basis)), atol=1e-5)
    pictures, shared = [], []
    for (components, X), shape in zip(made, shapes, strict=True):
        mean, basis = on_grid(components, shape)
        matrix, place = space.map_of(mean, basis)
        pictures.append(mean + X[:20].astype(np.float32) @ basis)
        shared.append(X[:20].astype(np.float32) @ matrix + place)
    pictures, shared = np.concatenate(pictures), np.concatenate(shared)
    there = np.linalg.norm(pictures[:, None] - pictures, axis=2)
    assert np.allclose(np.linalg.norm(shared[:, None] - shared, axis=2), there, rtol=1e-3, atol=1e-2)


def test_the_shared_space_does_not_depend_on_the_threads_of_blas(rng):
    """Of so many recordings that BLAS shares the mean of their pictures among its threads."""
    coresets = []
    for _ in range(300):
        rows, basis = (rng.standard_normal(shape).astype(np.float32) for shape in ((8, 4), (4, GRID * GRID)))
        coresets.append(Coreset(rows, rng.random(8, np.float32), 1.0, rng.random(GRID * GRID, np.float32), basis))
    found = []
    for limit in (1, 3):
        with threadpool_limits(limit):
            found.append(find_shared_space(coresets, 12))
    one, three = found
    assert_array_equal(one.mean, three.mean)
    assert_array_equal(one.basis, three.basis)


@compiled_only
def test_a_budget_goes_where_the_variety_is(rng):
    still, lively = np.zeros((300, 4)) + rng.normal(0, 0.01, (300, 4)), rng.normal(0, 1, (300, 4)) + 8
    rows = np.concatenate([still, lively]).astype(np.float32)
    recording, weights = np.repeat([0, 1], 300).astype(np.int32), np.ones(600, np.float32)
    centers, owners = spend(rows, weights, recording, 30)
    assert len(centers) == 30
    assert np.bincount(owners).tolist() == [1, 29]
    centers, owners = spend(rows, weights, recording, 30, at_least=5)
    assert np.bincount(owners).tolist() == [5, 25]
    # A heavy row draws centres as so many rows would.
    alone, _ = spend(rows[300:], weights[300:], np.zeros(300, np.int32), 1)
    heavy = weights[300:].copy()
    heavy[7] = 1e6
    drawn, _ = spend(rows[300:], heavy, np.zeros(300, np.int32), 1)
    assert np.allclose(alone[0], lively.mean(axis=0), atol=1e-4)
    assert np.allclose(drawn[0], lively[7], atol=1e-2)


@compiled_only
def test_a_plan_does_not_depend_on_threads(rng):
    coresets = {}
    for number in range(3):
        components, X = recording(rng, 150, 1.0 + number, 0.1 * number)
        coresets[str(number)] = make_coreset(X, components, (12, 16), 100, seed=0)
    assert all(isinstance(coreset, Coreset) for coreset in coresets.values())
    plans = [plan_budget(coresets.__getitem__, sorted(coresets), 40, at_least=3, threads=n) for n in (1, 2)]
    assert plans[0].centers.tobytes() == plans[1].centers.tobytes()
    assert plans[0].owners.tolist() == plans[1].owners.tolist()
    assert plans[0].share_of("1").digest == plans[1].share_of("1").digest != plans[0].share_of("2").digest


@pytest.mark.parametrize(
    "address", ["head-node", "foo bar", "foo bar:8786", "tcp://head-node", "http://head-node:80", ""]
)
def test_an_address_of_no_scheduler_is_refused_before_anything_connects(address):
    distributed = pytest.importorskip("distributed", reason="needs distributed, of the cluster extra")
    with pytest.MonkeyPatch.context() as patched:
        patched.delattr(distributed, "Client")
        with pytest.raises(BatchError) as raised, ClusterWorkers(address, 1):
            pass
    assert str(raised.value) == (
        f"{address}: is not the address of a dask scheduler; give its host and its port, such as tcp://head-node:8786"
    )
