"""Notes on recordings in a browser: in two windows, and while answers come late."""

import pytest

from tests.conftest import compiled_only
from tests.test_keyframes.reviewing import serving
from tests.test_keyframes.test_app.driving import until

pytestmark = [compiled_only, pytest.mark.slow]


def test_notes_in_two_windows(folder, open_page):
    with serving("app", folder.name, cwd=folder.parent) as app:
        one, other = open_page(app.address), open_page(app.address)
        for page in (one, other):
            page.wait_for_selector(".recording >> nth=2")
        words = ".recording >> nth=0 >> .remark .words"
        one.click(words)
        other.click(words)
        one.keyboard.type("left camera <b>blurred</b>")
        one.keyboard.press("Enter")
        one.wait_for_selector(words)
        assert one.evaluate("() => document.activeElement.textContent") == "left camera <b>blurred</b>"
        other.keyboard.type("mine")
        other.keyboard.press("Enter")
        until(other, "() => document.getElementById('status').textContent.includes('blurred')")
        other.evaluate("() => app.refresh()")
        assert "blurred" in other.inner_text("#status")
        # What was written is still there, and replaces the other note only when it is saved again.
        assert other.locator(".remark textarea").input_value() == "mine"
        assert app.get("round/1/recordings")["recordings"][0]["note"] == "left camera <b>blurred</b>"
        other.focus(".remark textarea")
        other.keyboard.press("Enter")
        for page in (one, other):
            until(page, "() => document.querySelector('.remark .words').textContent === 'mine'")
        one.fill("#search", "MINE")
        until(one, "() => document.querySelectorAll('.recording').length === 1")
        one.click(words)
        one.keyboard.type(" no more")
        one.keyboard.press("Escape")
        assert one.inner_text(words) == "mine"
        one.click(words)
        one.keyboard.type(" at last")
        one.goto("about:blank")
        until(other, "() => document.querySelector('.remark .words').textContent === 'mine at last'")
        assert [line for line in other.complaints if "409" not in line] == one.complaints == []


# Holds the answer to the next look at the recordings back, until `late()`; counts the answers after it.
HOLD_AN_ANSWER = """() => {
  const fetched = window.fetch;
  window.later = 0;
  window.fetch = async (address, ...more) => {
    const answer = await fetched(address, ...more);
    if (!String(address).includes("recordings")) return answer;
    if (window.late) window.later++;
    else await new Promise((go) => { window.late = go; });
    return answer;
  };
}"""
# Time for what an answer changes to be shown.
SHOWN = "() => new Promise((go) => setTimeout(go, 100))"


def test_an_answer_from_before_a_note_does_not_take_it_away(folder, open_page):
    with serving("app", folder.name, cwd=folder.parent) as app:
        page = open_page(app.address)
        words = ".recording >> nth=0 >> .remark .words"
        page.wait_for_selector(words)
        page.evaluate(HOLD_AN_ANSWER)
        until(page, "() => window.late")
        page.click(words)
        page.keyboard.type("left camera")
        page.keyboard.press("Enter")
        until(page, "() => window.later > 0")
        page.evaluate(SHOWN)
        page.evaluate("late")
        page.evaluate(SHOWN)
        assert page.inner_text(words) == "left camera"
        assert page.complaints == []
