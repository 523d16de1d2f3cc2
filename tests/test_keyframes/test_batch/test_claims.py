"""Who works on a recording: one at a time, and never for longer than a process lives."""

import errno
import json
import os
import subprocess
import sys
import time

import pytest

from clustering import telling_of_compilation
from clustering.announcements import tell_of_compilation
from keyframes.batch.claims import ABANDONED_S, Claim
from keyframes.batch.tasks import Outcome, Task
from keyframes.batch.text_files import read_json
from keyframes.batch.work import Work, work
from keyframes.settings import Settings


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
    with subprocess.Popen([sys.executable, "-c", program, path]) as process:
        # Until somebody has waited for it, the system still lists it.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert path.exists()
        with Claim.take(path) as claim:
            assert claim.is_mine()
