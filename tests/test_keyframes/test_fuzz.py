"""Files damaged at random places: never a crash, never a hang, never a picture that a plain loop did not read.

`KEYFRAMES_FUZZ_PLACES=200 pytest -m slow tests/test_keyframes/test_fuzz.py` runs in full; `KEYFRAMES_FUZZ_SEED` repeats
the seed that a failed run printed.
"""

import json
import os
import random

import pytest

from tests.fuzzing import Worker
from tests.test_keyframes.conftest import SCANS, ffmpeg

PLACES = int(os.environ.get("KEYFRAMES_FUZZ_PLACES", "1"))
LONGEST_S = 30
LONGEST_STRETCH = 400
CONTAINERS = (
    "h264_b_frames.mp4",
    "h264_intra_refresh.mp4",
    "hevc_open_gop.mp4",
    "rotated.mov",
    "h264_open_gop.mkv",
    "vp9.webm",
    "h264_transport.ts",
    "mpeg4.avi",
    "mpeg2.mpg",
    "wmv2.wmv",
    "h264.flv",
)


def cut_off(data, place, stretch):
    return data[:place]


def cut_out(data, place, stretch):
    return data[:place] + data[place + stretch :]


def zero(data, place, stretch):
    return data[:place] + bytes(len(data[place : place + stretch])) + data[place + stretch :]


def flip(data, place, stretch):
    return data[:place] + bytes(byte ^ 0x5A for byte in data[place : place + stretch]) + data[place + stretch :]


DAMAGES = (cut_off, cut_out, zero, flip)


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    worker = Worker("tests.test_keyframes.fuzz_worker", tmp_path_factory.mktemp("fuzz"), LONGEST_S)
    yield worker
    worker.stop()


@pytest.fixture
def undamaged(video_file, tmp_path):
    """Path of this test video; MP4 and MOV have their index in front, or most damage would leave no video at all."""

    def get(name):
        if not name.endswith((".mp4", ".mov")):
            return video_file(name)
        ffmpeg("-i", video_file(name), "-c", "copy", "-movflags", "+faststart", tmp_path / name)
        return tmp_path / name

    return get


def failures(worker, path, seed, n_places):
    """Damage a file at random places in every way, and tell what went wrong in which case."""
    data, moments = path.read_bytes(), random.Random(f"{seed} {path.name}")
    found = []
    for _ in range(n_places):
        place, stretch = moments.randrange(len(data)), moments.randint(1, LONGEST_STRETCH)
        for damage in DAMAGES:
            damaged = worker.folder / f"damaged{path.suffix}"
            damaged.write_bytes(damage(data, place, stretch))
            for options in SCANS:
                case = {"path": str(damaged), "folder": str(worker.folder / "out"), "options": options}
                answer = worker.ask(json.dumps(case))
                if answer["outcome"] not in ("extracted", "refused"):
                    where = f"{damage.__name__} at {place} of {len(data)}, {stretch} bytes, {options}"
                    found.append(f"{answer['outcome']}: {where}: {answer['detail']}")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["h264_b_frames.mp4", "h264_transport.ts", "mpeg4.avi"])
def test_damage_at_a_few_places(name, worker, undamaged):
    found = failures(worker, undamaged(name), seed=0, n_places=2)
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTAINERS)
def test_damage_at_random_places(name, worker, undamaged):
    seed = int(os.environ.get("KEYFRAMES_FUZZ_SEED", int.from_bytes(os.urandom(4), "little")))
    print(f"seed {seed}, {PLACES} places")
    found = failures(worker, undamaged(name), seed, PLACES)
    assert not found, "\n".join(found)
