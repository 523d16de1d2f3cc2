"""The page of ``keyframes review`` in a browser."""

import shutil

import cv2
import pytest

import keyframes
from tests.conftest import ROOT, compiled_only
from tests.test_keyframes.conftest import ffmpeg
from tests.test_keyframes.result_folders import contents, manifest_of
from tests.test_keyframes.reviewing import reviewing
from tests.test_keyframes.test_review.conftest import VIDEO, check

pytestmark = compiled_only


def frames_shown(page):
    return page.eval_on_selector_all("#cards .card", "cards => cards.map(card => Number(card.dataset.frame))")


def settled(page, words):
    page.wait_for_function("words => document.getElementById('status').textContent.includes(words)", arg=words)


def test_a_person_swaps_drops_adds_undoes_and_notes(folder, open_page, sequential, video_file):
    video, before = video_file(VIDEO), contents(folder)
    chosen = check(folder, sequential, video)
    with reviewing(folder) as review:
        page = open_page(review.address)
        page.wait_for_selector("#cards .card")
        assert frames_shown(page) == chosen

        page.click(f'#cards .card[data-frame="{chosen[2]}"]')
        # The number of all members says nothing of those that lie apart.
        page.check("#apart")
        page.wait_for_function("() => document.getElementById('candidates-name').textContent.includes('1 s apart')")
        heading, n_apart = page.inner_text("#candidates-name"), page.locator("#candidates .card").count()
        assert heading.startswith("Other frames in its cluster" if n_apart else "No other frame in its cluster")
        assert "(" not in heading
        page.uncheck("#apart")
        page.wait_for_function("() => document.getElementById('candidates-name').textContent.includes('(')")
        other = int(page.locator("#candidates .card").first.get_attribute("data-frame"))
        page.locator("#candidates .card").first.click()
        page.wait_for_function("() => document.getElementById('other-picture').complete")
        page.click("#swap")
        settled(page, "Swapped")
        swapped = sorted({*chosen, other} - {chosen[2]})
        assert frames_shown(page) == check(folder, sequential, video) == swapped

        page.focus(f'#cards .card[data-frame="{swapped[0]}"]')
        page.keyboard.press("Delete")
        settled(page, "Dropped")
        assert frames_shown(page) == check(folder, sequential, video) == swapped[1:]

        # From the timeline, on by single frames, until there is one that is not chosen.
        box = page.locator("#timeline").bounding_box()
        page.mouse.click(box["x"] + box["width"] - 2, box["y"] + box["height"] - 4)
        page.wait_for_selector("#inspector:not([hidden])")
        page.focus("#timeline")
        while page.locator("#add").is_hidden():
            page.keyboard.press("ArrowLeft")
            page.wait_for_timeout(200)
        page.click("#add")
        settled(page, "Added")
        (added,) = set(frames_shown(page)) - set(swapped)
        assert check(folder, sequential, video) == sorted([*swapped[1:], added])

        # From the map, which lies below the candidates.
        page.wait_for_selector('#candidates[aria-busy="false"]', state="attached")
        place = page.evaluate(
            """async taken => {
                const overview = readOverview(await (await fetch("overview")).json());
                const canvas = document.getElementById("map");
                canvas.scrollIntoView();
                const box = canvas.getBoundingClientRect();
                const view = new MapView(canvas, overview, {});
                for (let dot = 0; dot < overview.frame.length; dot += 1) {
                    const [x, y] = view.place(dot, box.width, box.height);
                    const spot = view.at({ clientX: box.left + x, clientY: box.top + y }, taken.map(f => ({frame: f})));
                    if (spot.frame === overview.frame[dot] && !taken.includes(spot.frame)) {
                        return [box.left + x, box.top + y, spot.frame];
                    }
                }
            }""",
            frames_shown(page),
        )
        page.mouse.click(*place[:2])
        page.wait_for_selector("#add:visible")
        page.click("#add")
        settled(page, f"Added frame {place[2]}")
        assert place[2] in check(folder, sequential, video)

        page.fill("#note", "a <b>note</b>")
        page.locator("#note").blur()
        settled(page, "Note saved")
        shown = frames_shown(page)
        page.reload()
        page.wait_for_selector("#cards .card")
        assert frames_shown(page) == shown
        assert page.locator("#cards .note:visible").inner_text() == "a <b>note</b>"
        for n_left in (4, 3, 2, 1, 0):
            page.click("#undo")
            page.wait_for_function(
                "n => document.getElementById('counts').textContent.includes(n ? ` ${n} change` : 'no changes')",
                arg=n_left,
            )
        assert frames_shown(page) == chosen
        assert page.complaints == []
    assert contents(folder) == before


@pytest.mark.slow
def test_an_answer_that_comes_late_does_not_replace_what_was_asked_for_since(folder, open_page):
    with reviewing(folder) as review:
        page = open_page(review.address)
        page.wait_for_selector("#cards .card")
        held = []
        page.route("**/frame?*", lambda route: held.append(route))
        box = page.locator("#timeline").bounding_box()
        page.mouse.click(box["x"] + 2, box["y"] + box["height"] - 4)
        last = frames_shown(page)[-1]
        page.click(f'#cards .card[data-frame="{last}"]')
        page.wait_for_selector('#candidates[aria-busy="false"]')
        (route,) = held
        with page.expect_response("**/frame?*") as answer:
            route.continue_()
        answer.value.finished()
        page.wait_for_timeout(200)
        assert page.locator("#inspector-name").inner_text().startswith(f"Frame {last} ")
        assert page.locator("#actions").is_visible()


@pytest.mark.slow
def test_two_pages_stay_right(folder, open_page):
    with reviewing(folder) as review:
        one, other = open_page(review.address), open_page(review.address)
        for page in (one, other):
            page.wait_for_selector("#cards .card")
        # What the other page shows is old before it asks again.
        other.evaluate("Object.defineProperty(document, 'hidden', { value: true })")
        first, second = frames_shown(one)[:2]
        one.focus(f'#cards .card[data-frame="{first}"]')
        one.keyboard.press("Delete")
        settled(one, "Dropped")
        other.focus(f'#cards .card[data-frame="{second}"]')
        other.keyboard.press("Delete")
        settled(other, "another page")
        assert frames_shown(other) == frames_shown(one)
        assert second in frames_shown(other)
        other.focus(f'#cards .card[data-frame="{second}"]')
        other.keyboard.press("Delete")
        settled(other, "Dropped")
        one.wait_for_function(f"() => !document.querySelector('#cards [data-frame=\"{second}\"]')")
        assert [entry["frame_index"] for entry in manifest_of(folder)["keyframes"]] == frames_shown(one)


@pytest.mark.slow
def test_a_note_of_another_page_stays(folder, open_page):
    with reviewing(folder) as review:
        one, other = open_page(review.address), open_page(review.address)
        for page in (one, other):
            page.click("#cards .card >> nth=1")
        # A page that is looked at, not written on.
        one.focus("#note")
        other.fill("#note", "sharp")
        other.locator("#note").blur()
        one.wait_for_selector("#cards .note:visible")
        assert one.input_value("#note") == "sharp"
        one.locator("#note").blur()
        one.click("#cards .card >> nth=0")
        state = review.get("state")
        assert (state["keyframes"][1]["note"], state["n_changes"]) == ("sharp", 1)


@pytest.mark.slow
def test_a_note_is_saved_as_its_page_is_closed(folder, open_page):
    with reviewing(folder) as review:
        page = open_page(review.address)
        page.click("#cards .card >> nth=1")
        page.focus("#note")
        page.keyboard.type("sharp")
        page.goto("about:blank")
        other = open_page(review.address)
        other.wait_for_selector("#cards .note:visible")
        assert review.get("state")["keyframes"][1]["note"] == "sharp"


@pytest.mark.slow
def test_a_page_that_nothing_happens_to_asks_for_little(folder, open_page):
    with reviewing(folder) as review:
        page = open_page(review.address)
        for _ in range(2):
            page.wait_for_event("requestfinished", lambda request: request.url.endswith("/revision"))
        assert len([address for address in page.requests if address.endswith("/state")]) == 1
        seen = review.get("revision")
        assert seen.items() <= review.get("state").items()
        review.change("drop", frame=frames_shown(page)[0])
        assert review.get("revision")["revision"] != seen["revision"]
        page.wait_for_function("() => document.getElementById('counts').textContent.includes('1 change')")


@pytest.mark.slow
def test_the_keyboard_goes_on_where_it_was(folder, open_page):
    with reviewing(folder) as review:
        page = open_page(review.address)
        focused = "() => Number(document.activeElement.dataset.frame)"
        page.focus("#cards .card >> nth=1")
        page.keyboard.press("Enter")
        page.wait_for_selector("#candidates .card")
        # What the focus is on fades the cards of other clusters, and no candidate.
        fade = "card => new Promise(go => setTimeout(() => go(getComputedStyle(card).opacity), 300))"
        assert page.locator("#cards .card >> nth=0").evaluate(fade) == "0.45"
        assert page.locator("#candidates .card >> nth=0").evaluate(fade) == "1"
        page.focus("#close")
        page.keyboard.press("Enter")
        assert page.evaluate(focused) == frames_shown(page)[1]
        page.keyboard.press("Enter")
        page.focus("#candidates .card")
        other = page.evaluate(focused)
        page.keyboard.press("Enter")
        page.keyboard.press("s")
        settled(page, "Swapped")
        page.wait_for_function(f"frame => ({focused})() === frame", arg=other)
        # Behind a dialog nothing is undone.
        page.click("#open-export")
        page.focus("#run-export")
        page.keyboard.press("Control+z")
        page.keyboard.press("Escape")
        page.wait_for_selector("#export", state="hidden")
        assert review.get("state")["n_changes"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(("height", "width"), [(900, 1280), (640, 1280), (450, 720)])
def test_candidates_stay_in_reach_whatever_the_shape_of_the_picture(tmp_path, open_page, video_file, height, width):
    ffmpeg("-i", video_file(VIDEO), "-vf", "scale=180:320", tmp_path / "v.mp4")
    keyframes.extract(tmp_path / "v.mp4", 3, output=tmp_path / "v-keyframes")
    with reviewing(tmp_path / "v-keyframes") as review:
        page = open_page(review.address, width, height)
        page.click("#cards .card >> nth=1")
        page.click("#candidates .card >> nth=0", timeout=5000)
        page.click("#swap", timeout=5000)
        settled(page, "Swapped")


@pytest.mark.slow
def test_a_strange_name_is_text_on_the_page(tmp_path, open_page, video_file):
    name = """<img src=x onerror=alert(2)> " ' & <script> Mäuse 鼠.mp4"""
    shutil.copy(video_file(VIDEO), tmp_path / name)
    keyframes.extract(tmp_path / name, 4, output=tmp_path / "<b>out")
    with reviewing(tmp_path / "<b>out") as review:
        page = open_page(review.address)
        page.wait_for_selector("#cards .card")
        assert page.locator("h1").text_content() == name
        assert page.title().startswith(name)
        page.click("#open-export")
        page.select_option("#tool", "coco")
        page.click("#run-export")
        page.wait_for_function("() => document.getElementById('export-told').textContent.includes(' in ')")
        assert "<b>out-coco" in page.locator("#export-told").text_content()
        assert page.complaints == []


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_nothing_of_the_page_is_cut_off(folder, open_page, width, scheme):
    with reviewing(folder) as review:
        page = open_page(review.address, width, 800, scheme)
        page.click("#cards .card >> nth=1")
        page.wait_for_selector("#candidates .card")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("#drop").is_visible()
        names = page.eval_on_selector_all(
            "button, canvas, input, textarea, select",
            "all => all.map(one => one.getAttribute('aria-label') || one.labels?.[0]?.textContent || one.textContent)",
        )
        assert all(name.strip() for name in names)


def test_the_readme_shows_a_page_that_the_script_makes():
    picture = cv2.imread(str(ROOT / "docs" / "review.png"))
    assert picture is not None
    assert (ROOT / "docs" / "review.png").stat().st_size < 500_000
