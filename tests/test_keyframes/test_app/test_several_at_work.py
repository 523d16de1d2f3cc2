"""Several windows, servers and commands at work on one folder."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress

import pytest

import keyframes
from keyframes.app import reviews
from keyframes.errors import ReviewError
from keyframes.review import Session
from keyframes.settings import Crop
from tests.conftest import compiled_only
from tests.test_keyframes.reviewing import serving
from tests.test_keyframes.test_app.driving import BATCH, choose, chosen_in, has_status, until

pytestmark = [compiled_only, pytest.mark.slow]


@contextmanager
def held_at_work(output):
    """Stop whoever has claimed a recording of a batch for a while: the page asks every few seconds only."""
    worker = None
    while worker is None:
        for path in (output / "batch-state").glob("*.claim"):
            # The text of one that was made an instant ago is still to come.
            with suppress(OSError, ValueError):
                worker = json.loads(path.read_text(encoding="utf-8"))["process"]
        time.sleep(0.005)
    os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker, signal.SIGCONT)


@pytest.mark.alone
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGSTOP and no SIGKILL")
def test_a_killed_server_goes_on_where_it_was(long_one, open_page):
    with serving("app", long_one.name, cwd=long_one.parent) as app:
        page = open_page(app.address)
        page.check("#select-all")
        choose(page, 3)
        held = ExitStack()
        held.enter_context(held_at_work(long_one.parent / BATCH))
        has_status(page, "running")
        app.process.send_signal(signal.SIGKILL)
        app.process.wait()
    with held, serving("app", long_one.name, cwd=long_one.parent) as app:
        page = open_page(app.address)
        # The work itself was not killed: it is seen, and can be stopped, from here.
        has_status(page, "running")
        held.close()
        page.click("#stop")
        page.wait_for_selector("#go-on:visible")
        has_status(page, "stopped")
        page.click("#go-on")
        has_status(page, "chosen")
        assert page.complaints == []
    assert len(chosen_in(long_one.parent / BATCH)["a-keyframes"]) == 3


@pytest.mark.alone
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGSTOP")
def test_two_windows_and_a_terminal_at_work_on_one_folder(long_one, open_page):
    with serving("app", long_one.name, cwd=long_one.parent) as app:
        one, other = open_page(app.address), open_page(app.address)
        command = [sys.executable, "-m", "keyframes", "batch", long_one.name, "-k", "3", "-q"]
        with subprocess.Popen(command, cwd=long_one.parent, stdout=subprocess.DEVNULL) as terminal:
            with held_at_work(long_one.parent / BATCH):
                for page in (one, other):
                    has_status(page, "running")
                one.check("#select-all")
                # It waits for the terminal's, and finds it done.
                choose(one, 3)
                other.check("#select-all")
                other.wait_for_selector("#open-choose[disabled]")
                status, answer = app.post("round/1/start", recordings="all", number="5")
                assert (status, "in progress" in answer["error"]) == (422, True)
            assert terminal.wait() == 0
        for page in (one, other):
            has_status(page, "chosen")
        # A result that another program replaces is reviewed as it is then.
        one.click(".state a")
        one.wait_for_selector("#cards .card >> nth=2")
        again = keyframes.run_batch(long_one, 2, output=long_one.parent / BATCH)
        assert [row["status"] for row in again.rows] == ["done"]
        until(one, "() => document.querySelectorAll('#cards .card').length === 2")
    assert len(chosen_in(long_one.parent / BATCH)["a-keyframes"]) == 2
    report = (long_one.parent / BATCH / "a-keyframes" / "report.html").read_text(encoding="utf-8")
    assert report.count('class="card"') == 2


def test_what_was_changed_in_a_review_is_replaced_where_the_page_asks_for_it(long_one, asked):
    keyframes.run_batch(long_one, 3, output=long_one.parent / BATCH, uniform=True)
    with asked(long_one) as app:
        (row,) = app.get("round/1/recordings")["recordings"]
        wish = {"recordings": "all", "number": "4", "options": {"uniform": True}}
        assert "--overwrite" not in app.post("round/1/command", wish)[1]["command"]
        state = app.get(f"round/1/review/{row['id']}/state")
        change = {"revision": state["revision"], "action": "drop", "frame": state["keyframes"][0]["frame"]}
        assert app.post(f"round/1/review/{row['id']}/change", change)[0] == 200
        (row,) = app.get("round/1/recordings")["recordings"]
        assert (row["reviewed"], row["changed"]) == (False, True)
        assert app.post("round/1/command", wish)[1]["command"].endswith("--overwrite")
        revision = app.get(f"round/1/review/{row['id']}/state")["revision"]
        app.post(f"round/1/review/{row['id']}/change", {"revision": revision, "action": "undo"})
        assert "--overwrite" not in app.post("round/1/command", wish)[1]["command"]


def test_a_review_that_was_left_keeps_nobody_from_its_result(long_one, asked, monkeypatch):
    keyframes.run_batch(long_one, 3, output=long_one.parent / BATCH, uniform=True)
    result = long_one.parent / BATCH / "a-keyframes"
    with asked(long_one) as app:
        (row,) = app.get("round/1/recordings")["recordings"]
        app.get(f"round/1/review/{row['id']}/state")
        app.get("round/1/recordings")
        with pytest.raises(ReviewError, match="another keyframes review"):
            Session(result, long_one / "a.mp4")
        monkeypatch.setattr(reviews, "IDLE_S", -1.0)
        app.get("round/1/recordings")
        with Session(result, long_one / "a.mp4") as session:
            assert len(session.state()["keyframes"]) == 3
        # What an attempt that failed leaves can be looked at, too.
        keyframes.run_batch(long_one, 3, output=long_one.parent / BATCH, crop=Crop(9000, 0, 10, 10))
        (row,) = app.get("round/1/recordings")["recordings"]
        assert (row["status"], row["frames"]) == ("failed", 3)
        assert len(app.get(f"round/1/review/{row['id']}/state")["keyframes"]) == 3
