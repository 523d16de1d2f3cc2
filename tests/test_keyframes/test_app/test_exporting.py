"""The dialog that exports, where its answers come late."""

import shutil

import pytest

import keyframes
from tests.conftest import compiled_only
from tests.test_keyframes.reviewing import serving
from tests.test_keyframes.test_app.driving import BATCH, until

pytestmark = [compiled_only, pytest.mark.slow]


@pytest.fixture
def page(tmp_path, open_page, video_file):
    """The page of a recording that is chosen, with the dialog filled in."""
    folder = tmp_path / "reach"
    folder.mkdir()
    shutil.copy(video_file("h264_b_frames.mp4"), folder / "a.mp4")
    keyframes.run_batch(folder, 3, output=tmp_path / BATCH, jobs=1)
    with serving("app", folder.name, cwd=tmp_path) as app:
        found = open_page(app.address)
        found.wait_for_selector(".recording")
        found.check("#select-all")
        found.click("#open-export")
        found.select_option("#tool", "coco")
        found.fill("#bodyparts", "nose, tail")
        yield found


def held(page, what):
    """Hold the next request of this kind back; return what lets it go on, and waits for what the page makes of it."""
    requests = []
    page.route(f"**/{what}", lambda route: requests.append(route), times=1)
    page.click("#run-export")
    while not requests:
        page.wait_for_timeout(20)

    def go_on():
        requests[0].continue_()
        until(page, "() => !document.getElementById('run-export').disabled")

    return go_on


def test_nothing_is_exported_that_was_not_shown_before(page, tmp_path):
    # The plan is one of what was asked for, not of what was filled in since.
    go_on = held(page, "plan")
    page.fill("#bodyparts", "nose")
    go_on()
    assert page.inner_text("#run-export") == "Preview changes"
    assert page.locator("#plan").is_hidden()
    # An export that was made is told of, whatever is filled in meanwhile, and is no plan of another.
    page.click("#run-export")
    until(page, "() => document.getElementById('run-export').textContent === 'Export'")
    go_on = held(page, "export")
    page.select_option("#tool", "cvat")
    go_on()
    assert page.inner_text("#status").startswith("Done: 3 frames added to ")
    assert page.inner_text("#run-export") == "Preview changes"
    assert page.locator("#plan").is_hidden()
    # Nor does a plan outlive its dialog.
    page.click("#run-export")
    until(page, "() => document.getElementById('run-export').textContent === 'Export'")
    page.keyboard.press("Escape")
    page.click("#open-export")
    assert page.inner_text("#run-export") == "Preview changes"
    assert sorted(path.name for path in (tmp_path / BATCH).glob("for-*")) == ["for-coco"]
    assert page.complaints == []
