"""Files damaged at random places: never a crash, never a hang, never a picture that a plain loop did not read.

`KEYFRAMES_FUZZ_PLACES=200 pytest -m slow tests/test_keyframes/test_fuzz.py` runs in full; `KEYFRAMES_FUZZ_SEED` repeats
the seed that a failed run printed.
"""

import json
import os
import queue
import random
import subprocess
import sys
import threading
from dataclasses import dataclass

import pytest

from tests.conftest import ROOT
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


@dataclass(frozen=True)
class Answer:
    outcome: str
    detail: str


class Worker:
    """A process that extracts from one file after another; one that dies or hangs is an answer too, and replaced."""

    def __init__(self, folder):
        self.folder = folder
        self.process = None

    def start(self):
        self.errors = (self.folder / "errors.txt").open("w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "tests.test_keyframes.fuzz_worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            encoding="utf-8",
        )
        self.answers = queue.Queue()
        threading.Thread(target=self.listen, args=(self.process, self.answers), daemon=True).start()

    @staticmethod
    def listen(process, answers):
        for line in process.stdout:
            answers.put(Answer(**json.loads(line)))
        answers.put(None)

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.errors.close()
            self.process = None

    def ask(self, path, options):
        if self.process is None:
            self.start()
        case = {"path": str(path), "folder": str(self.folder / "out"), "options": options}
        print(json.dumps(case), file=self.process.stdin, flush=True)
        answer = self.wait()
        if answer is None:
            code = self.process.wait()
            self.errors.seek(0)
            answer = Answer("death", f"status {code}: {self.errors.read()[-2000:]}")
        if answer.outcome in ("death", "hang"):
            self.stop()
        return answer

    def wait(self):
        # Second by second: a pause of the whole machine counts as one second, not as a hang.
        for _ in range(LONGEST_S):
            try:
                return self.answers.get(timeout=1)
            except queue.Empty:
                continue
        return Answer("hang", f"no answer in {LONGEST_S} s")


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    worker = Worker(tmp_path_factory.mktemp("fuzz"))
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
                answer = worker.ask(damaged, options)
                if answer.outcome not in ("extracted", "refused"):
                    case = f"{damage.__name__} at {place} of {len(data)}, {stretch} bytes, {options}"
                    found.append(f"{answer.outcome}: {case}: {answer.detail}")
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
