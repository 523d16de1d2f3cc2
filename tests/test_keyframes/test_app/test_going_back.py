"""From the recordings to a review and back, also where what was there is gone."""

import shutil

import pytest

import keyframes
from tests.conftest import compiled_only
from tests.test_keyframes.reviewing import serving
from tests.test_keyframes.test_app.driving import BATCH, until

pytestmark = [compiled_only, pytest.mark.slow]


@pytest.fixture
def page(tmp_path, open_page, video_file):
    """The page of three recordings, of which two are chosen."""
    folder = tmp_path / "reach"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4", "new.mp4"):
        shutil.copy(video_file("h264_b_frames.mp4"), folder / name)
    keyframes.run_batch(folder, 4, output=tmp_path / BATCH, exclude=["new.mp4"], jobs=1)
    with serving("app", folder.name, cwd=tmp_path) as app:
        found = open_page(app.address)
        found.wait_for_selector(".recording >> nth=2")
        yield found


def test_the_list_is_as_it_was_left(page):
    page.select_option("#filter", "chosen")
    page.select_option("#sort", "status")
    page.check(".pick >> nth=1")
    page.click("#open-review")
    page.wait_for_selector("#around button")
    # A key is the same in capitals.
    page.keyboard.press("M")
    until(page, "() => document.querySelector('#around button').getAttribute('aria-pressed') === 'true'")
    # The key that a Mac calls delete drops a frame, and does not leave the page.
    page.focus("#cards .card")
    page.keyboard.press("Backspace")
    until(page, "() => document.getElementById('status').textContent.includes('Dropped')")
    page.keyboard.press("R")
    page.wait_for_selector(".recording")
    assert page.locator(".recording").count() == 1
    assert (page.input_value("#filter"), page.input_value("#sort")) == ("chosen", "status")
    assert page.inner_text("#selected").startswith("1 recording selected")
    page.select_option("#filter", "")
    assert page.locator(".pick").evaluate_all("all => all.filter(one => one.checked).length") == 1
    assert page.complaints == []


def test_a_review_whose_result_is_gone_leads_back(page, tmp_path):
    page.click(".recording >> nth=0 >> .state a")
    page.wait_for_selector("#cards .card")
    shutil.rmtree(tmp_path / BATCH / "a-keyframes")
    page.reload()
    until(page, "() => document.getElementById('counts').textContent.includes('choose some first')")
    page.keyboard.press("r")
    page.wait_for_selector(".recording >> nth=2")


def test_a_round_that_is_gone_shows_the_latest_one(page):
    page.goto(f"{page.url}?round=9")
    page.wait_for_selector(".recording >> nth=2")
    assert page.input_value("#rounds") == "1"
    assert page.complaints == []
