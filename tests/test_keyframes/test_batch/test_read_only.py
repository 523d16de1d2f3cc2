"""A batch on a disk that can be read alone: what is done is told, what is not cannot be done."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import SCRIPTS, slow_but_for
from tests.test_keyframes.test_batch.conftest import contents

# Root may write where permissions forbid it: the folder is read-only in a mount namespace of its own.
READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 77; shift; exec "$@"'

pytestmark = pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare to mount a folder read-only")


def batch(read_only, *arguments):
    """Run a batch on a folder that is read-only; return its exit status and its JSON document."""
    command = [SCRIPTS / "keyframes", "batch", *arguments, "-o", read_only, "--json", "-q"]
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", READ_ONLY, "-", read_only, *command],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("this user may not mount a folder read-only")
    return done.returncode, json.loads(done.stdout)


OPTIONS = {"k": ("-k", "3"), "total": ("--total", "9"), "views": ("-k", "3", "--views")}


@pytest.mark.parametrize("kind", slow_but_for(["k"], OPTIONS))
def test_a_finished_batch_is_told_and_another_choice_is_not_made(kind, few, tmp_path, run_command):
    assert run_command("keyframes", "batch", few, *OPTIONS[kind], "-o", tmp_path / "out").returncode == 0
    before = contents(tmp_path)

    status, told = batch(tmp_path / "out", few, *OPTIONS[kind])
    assert (status, [row["status"] for row in told["results"]]) == (0, ["skipped"] * 3)

    status, told = batch(tmp_path / "out", few, "-k", "4")
    assert (status, told["results"]) == (1, [])
    assert ["Read-only file system" in failure["reason"] for failure in told["failures"]] == [True] * 3
    assert contents(tmp_path) == before


def test_a_new_recording_is_told_too(few, tmp_path, run_command):
    """No file can say that it failed."""
    assert (
        run_command("keyframes", "batch", few, "-k", 3, "-o", tmp_path / "out", "--include", "[12].mp4").returncode == 0
    )

    status, told = batch(tmp_path / "out", few, "-k", "3")
    assert (status, [row["recording"] for row in told["results"]]) == (1, ["1.mp4", "2.mp4"])
    (failure,) = told["failures"]
    assert failure["recording"] == "0.mp4"
    assert "Read-only file system" in failure["reason"]
