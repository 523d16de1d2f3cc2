"""The run of a round, as the app starts and stops it."""

import sys

import pytest

from keyframes.app import running
from keyframes.app.rounds import Round
from keyframes.app.running import Runner
from keyframes.errors import OutputError


@pytest.fixture
def two_runs(tmp_path, monkeypatch):
    """Two runs of one app that go on until they are stopped."""
    waiting = [sys.executable, "-c", "import time; print(flush=True); time.sleep(600)"]
    monkeypatch.setattr(running, "python_command", lambda *_: waiting)
    runner, rounds = Runner(), [Round(number, tmp_path / str(number)) for number in (1, 2)]
    for round_ in rounds:
        runner.start(round_, [], [], {}, "")
    yield runner, rounds
    monkeypatch.undo()
    runner.close()


@pytest.fixture
def full_disk(two_runs, monkeypatch):
    """Nothing can be written any more."""

    def full(path, text):
        raise OutputError(f"{path}: cannot be written (No space left on device)")

    monkeypatch.setattr(running, "write_text", full)


def test_a_run_that_is_stopped_is_noted_as_such(two_runs):
    runner, (one, other) = two_runs
    runner.stop(one)
    assert [(runner.seen(round_).active, runner.seen(round_).stopped) for round_ in (one, other)] == [
        (False, True),
        (True, False),
    ]


def test_a_run_is_stopped_on_a_full_disk(two_runs, full_disk):
    runner, (one, other) = two_runs
    runner.stop(one)
    assert [runner.seen(round_).active for round_ in (one, other)] == [False, True]


def test_all_runs_end_with_the_app_on_a_full_disk(two_runs, full_disk):
    runner, rounds = two_runs
    runner.close()
    assert not any(runner.seen(round_).active for round_ in rounds)
