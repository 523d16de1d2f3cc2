"""The whole way in a browser, as its user goes it: from a folder of recordings to a project, and the next round."""

import json
import shutil
import time

import pytest

import keyframes
from keyframes.labelling.deeplabcut.project import labelled_frames
from tests.conftest import ROOT, compiled_only
from tests.test_keyframes.conftest import ffmpeg
from tests.test_keyframes.reviewing import serving
from tests.test_keyframes.test_app.driving import BATCH, choose, chosen_in, export, has_status, results, statuses, until
from tests.test_keyframes.test_labelling.test_tools import answer_of

pytestmark = [compiled_only, pytest.mark.slow]
# SLEAP fetches the suggested frames from the videos, DeepLabCut shows the images in the folder of each video.
READ_SUGGESTIONS = """
import sleap_io
labels = sleap_io.load_slp(sys.argv[1])
for suggestion in labels.suggestions:
    assert suggestion.video[suggestion.frame_idx].ndim == 3
frames = sorted(int(one.frame_idx) for one in labels.suggestions)
print(json.dumps([labels.skeleton.node_names, len(labels.videos), frames]))
"""
READ_PROJECT = """
from pathlib import Path
from deeplabcut.core.config.project_config import ProjectConfig
from deeplabcut.utils.auxfun_videos import VideoReader, imread
config = ProjectConfig.from_yaml(sys.argv[1])
frames = {}
for video in config.video_sets:
    reader = VideoReader(str(video))
    images = sorted((Path(sys.argv[1]).parent / "labeled-data" / Path(video).stem).glob("*.png"))
    assert all(imread(image).shape == (reader.height, reader.width, 3) for image in images)
    frames[Path(video).stem] = len(images)
print(json.dumps([config.Task, list(config.bodyparts), frames]))
"""


@pytest.fixture
def folder(tmp_path, video_file):
    """Two recordings and a file that is none."""
    place = tmp_path / "reach"
    (place / "cage1").mkdir(parents=True)
    shutil.copy(video_file("h264_b_frames.mp4"), place / "a.mp4")
    shutil.copy(video_file("h264_open_gop.mkv"), place / "cage1" / "<b>'b\".mkv")
    (place / "broken.mp4").write_bytes((place / "a.mp4").read_bytes()[:500])
    return place


def test_the_whole_way(folder, open_page, monkeypatch):
    monkeypatch.chdir(folder.parent)
    output = folder.parent / BATCH
    with serving("app", folder.name, cwd=folder.parent) as app:
        page = open_page(app.address)
        page.wait_for_selector(".recording >> nth=2")
        assert statuses(page) == ["new"] * 3
        page.check("#select-all")
        assert choose(page, 4) == f"keyframes batch reach -k 4 -o {BATCH}"
        has_status(page, "chosen", "failed", "chosen")
        until(page, "() => document.getElementById('run-words').textContent.startsWith('Done')")
        assert "copy it again" in page.locator(".recording >> nth=1").inner_text()

        # Review: by the keyboard alone.
        page.click(".recording >> nth=0 >> .state a")
        page.wait_for_selector("#cards .card")
        before = chosen_in(output)["a-keyframes"]
        page.wait_for_selector("#around button")
        page.focus("#cards .card")
        page.keyboard.press("Delete")
        until(page, "() => document.getElementById('status').textContent.includes('Dropped')")
        page.keyboard.press("m")
        until(page, "() => document.querySelector('#around button').getAttribute('aria-pressed') === 'true'")
        assert chosen_in(output)["a-keyframes"] == before[1:]
        page.keyboard.press("]")
        page.wait_for_selector("#cards .card")
        # By the path: recordings of two folders may have one name.
        until(page, "() => document.getElementById('title').textContent.startsWith('cage1/<b>')")
        page.wait_for_selector("#around button")
        page.keyboard.press("r")
        has_status(page, "reviewed", "failed", "chosen")

        page.check("#select-all")
        there = results()
        plan, seen, _ = export(page, "deeplabcut", task="reach", scorer="anna", bodyparts="nose, tail")
        assert seen == there
        assert "7 frames would be added" in plan
        (project,) = output.glob("reach-anna-*")
        chosen = [index for indices in chosen_in(output).values() for index in indices]
        assert sorted(frame.frame_index for frame in labelled_frames(project)) == sorted(chosen)
        export(page, "sleap", bodyparts="nose, tail")
        assert (output / "for-sleap" / "suggestions.slp").is_file()
        has_status(page, "exported", "failed", "exported")

        # The next round: unlike what the first one has.
        page.click("#new-round")
        page.click("#round-form [type=submit]")
        page.wait_for_url("**/?round=2")
        page.wait_for_selector(".recording >> nth=2")
        page.check(".pick >> nth=0")
        assert f"--unlike={BATCH}" in choose(page, 3)
        has_status(page, "chosen", "new", "new")
        second = chosen_in(folder.parent / f"{BATCH}-2")["a-keyframes"]
        assert len(second) == 3
        assert not set(second) & set(before[1:])
        assert page.complaints == []
        assert all(address.startswith((app.origin, "data:", "blob:")) for address in page.requests)
    # What the tools' own readers see, where these are installed.
    frames = {path.name: len(list(path.iterdir())) for path in (project / "labeled-data").iterdir()}
    assert sum(frames.values()) == 7
    found = answer_of("sleap_io", READ_SUGGESTIONS, output / "for-sleap" / "suggestions.slp")
    assert found == [["nose", "tail"], 2, sorted(chosen)]
    found = answer_of("deeplabcut", READ_PROJECT, project / "config.yaml")
    assert found == ["reach", ["nose", "tail"], frames]


def test_the_command_does_the_same(folder, open_page, run_installed):
    with serving("app", folder.name, cwd=folder.parent) as app:
        page = open_page(app.address)
        page.check("#select-all")
        page.click("#open-choose")
        until(page, "() => document.getElementById('large').complete && !document.getElementById('strip').hidden")
        page.click("#more summary")
        page.check('[data-option="color"]')
        page.fill("#stop_s", "0:01.5")
        box = page.locator("#canvas").bounding_box()
        # A touch that the system takes away has ended, too.
        touch = page.context.new_cdp_session(page)
        for kind, places in (("Start", [0.1]), ("Move", [0.6]), ("Cancel", [])):
            points = [{"x": box["x"] + at * box["width"], "y": box["y"] + at * box["height"]} for at in places]
            touch.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
        until(page, "() => document.getElementById('crop').value")
        touched = page.input_value("#crop")
        page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.8 * box["height"])
        assert page.input_value("#crop") == touched
        page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.25 * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.75 * box["height"], steps=4)
        page.mouse.up()
        x, y, width, height = map(int, page.input_value("#crop").split(","))
        assert abs(x - width / 2) <= 4
        assert abs(y - height / 2) <= 4
        # What is said is in front of the dialog.
        page.click("#copy")
        assert page.locator("#status").evaluate("""said => {
            const box = said.getBoundingClientRect();
            return said.textContent && document.elementFromPoint(box.x + 9, box.y + 9) === said;
        }""")
        command = choose(page, 3)
        assert {"--color", "--stop=0:01.5", f"--crop={x},{y},{width},{height}"} <= set(command.split())
        has_status(page, "chosen", "failed", "chosen")
    in_the_app = chosen_in(folder.parent / BATCH)
    arguments = [word if word != BATCH else "typed" for word in command.split()[1:]]
    assert run_installed("keyframes", *arguments, cwd=folder.parent).returncode == 1
    assert chosen_in(folder.parent / "typed") == in_the_app
    # What the page made is the terminal's too: nothing is done again.
    done = run_installed("keyframes", *command.split()[1:], "--json", cwd=folder.parent)
    assert [row["status"] for row in json.loads(done.stdout)["results"]] == ["skipped", "skipped"]


def test_cameras_of_one_scene(tmp_path, open_page, video_file, run_installed):
    folder = tmp_path / "reach"
    folder.mkdir()
    for name in ("day1_top.mp4", "day1_side.mp4"):
        shutil.copy(video_file("h264_b_frames.mp4"), folder / name)
    shutil.copy(video_file("h264_b_frames.mp4"), folder / "other.mp4")
    output = tmp_path / BATCH
    with serving("app", folder.name, cwd=tmp_path) as app:
        page = open_page(app.address)
        page.check(".pick >> nth=2")
        page.click("#open-choose")
        assert page.locator("#views").is_hidden()
        page.keyboard.press("Escape")
        # One that is closed at once asks for no command, of no recordings, any more.
        page.evaluate("""() => {
            document.getElementById("open-choose").click();
            document.getElementById("choose").close();
            document.querySelectorAll(".pick")[2].click();
        }""")
        time.sleep(1)
        for place in (0, 1):
            page.check(f".pick >> nth={place}")
        page.click("#open-choose")
        page.check("#views")
        assert page.locator("#total").is_disabled()
        command = choose(page, 3)
        assert "--views" in command
        has_status(page, "chosen", "chosen", "new")
        side, top = (chosen_in(output)[f"day1_{view}-keyframes"] for view in ("side", "top"))
        assert side == top
        assert len(top) == 3
        for place in (0, 1):
            page.check(f".pick >> nth={place}")
        export(page, "lightning-pose", bodyparts="nose, tail")
        queues = sorted(path.name for path in (output / "for-lightning-pose").glob("*.unlabeled.jsonl"))
        assert queues == [f"CollectedData_{view}.unlabeled.jsonl" for view in ("side", "top")]
        # One camera alone is a recording like another.
        ids = {row["name"]: row["id"] for row in app.get("round/1/recordings")["recordings"]}
        wish = {"tool": "lightning-pose", "bodyparts": "nose"}
        assert app.post("round/1/plan", recordings=[ids["day1_top.mp4"]], **wish)[0] == 200
        assert page.complaints == []
    done = run_installed("keyframes", *command.split()[1:], "--json", cwd=tmp_path)
    assert [row["status"] for row in json.loads(done.stdout)["results"]] == ["skipped", "skipped"]


def test_a_recording_is_shown_once_its_file_is_whole(folder, open_page):
    ffmpeg("-i", folder / "a.mp4", "-c", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "h264", folder / "bare.h264")
    with serving("app", folder.name, cwd=folder.parent) as app:
        page = open_page(app.address)
        copied = page.locator(".recording", has_text="broken.mp4")
        copied.get_by_text("no picture").wait_for()
        shutil.copy(folder / "a.mp4", folder / "broken.mp4")
        until(page, "() => [...document.querySelectorAll('.still img')].filter(one => one.naturalWidth).length === 4")
        assert copied.locator(".figures").inner_text().startswith("0:02 · ")
        # A file that does not tell how long it is.
        figures = page.locator(".recording", has_text="bare.h264").locator(".figures").inner_text()
        assert not figures.startswith("0:")
        assert "fps" in figures


def test_a_review_of_a_batch_finds_its_video(folder, run_installed):
    run_installed("keyframes", "batch", folder.name, "-k", 3, cwd=folder.parent)
    place = folder.parent / BATCH / "cage1"
    (result,) = place.glob("*-keyframes")
    with serving("review", result, cwd=place) as review:
        assert len(review.get("state")["keyframes"]) == 3
    done = run_installed("keyframes", "export", result, "--to", "deeplabcut", "--task", "a", "--scorer", "b",
                         "--bodyparts", "nose", "--dry-run", cwd=place)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "would be added to" in done.stdout
    assert not list(place.glob("a-b-*"))


def test_the_page_is_for_keyboards_and_screen_readers(folder, open_page):
    with serving("app", folder.name, cwd=folder.parent) as app:
        page = open_page(app.address)
        page.wait_for_selector(".recording >> nth=2")
        page.keyboard.press("/")
        page.keyboard.type("cage1")
        until(page, "() => document.querySelectorAll('.recording').length === 1")
        page.keyboard.press("Control+A")
        page.keyboard.press("Delete")
        page.focus(".pick >> nth=0")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Space")
        assert page.locator(".pick >> nth=1").is_checked()
        # To the button of the choice, past the other cards, and in its dialog.
        for _ in range(4):
            page.keyboard.press("Tab")
            if page.evaluate("() => document.activeElement.id") == "open-choose":
                break
        page.keyboard.press("Enter")
        page.wait_for_selector("#choose[open]")
        assert page.evaluate("() => document.activeElement.id") == "each"
        # The other number is passed, and asked for where it is clicked on.
        for _ in range(3):
            page.keyboard.press("Tab")
        assert page.is_checked('[name="how"][value="each"]')
        page.click("#total")
        assert page.is_checked('[name="how"][value="total"]')
        tree = page.locator("#choose").aria_snapshot()
        for part in ('dialog "Choose frames from 1 recording"', 'textbox "Frames from each recording"', "group"):
            assert part in tree
        page.keyboard.press("Escape")
        page.wait_for_selector("#choose", state="hidden")
        tree = page.locator("body").aria_snapshot()
        for part in ("banner", "search", 'checkbox "Select broken.mp4"', 'combobox "Sort"', 'button "Choose frames…"'):
            assert part in tree, tree
        unnamed = page.evaluate(
            """() => [...document.querySelectorAll("input, select, button, textarea")].filter(
                part => !(part.labels?.length || part.getAttribute("aria-label") || part.textContent.trim())
            ).map(part => part.outerHTML)"""
        )
        assert unnamed == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_of_the_page_is_cut_off(folder, open_page, width, scheme):
    with serving("app", folder.name, cwd=folder.parent) as app:
        page = open_page(app.address, width, 844, scheme)
        page.wait_for_selector(".recording >> nth=2")
        page.check("#select-all")
        for opener, dialog in ((None, "body"), ("#open-choose", "#choose"), ("#open-export", "#export")):
            if opener:
                # Nothing is chosen yet that could be exported, and the page says so again whenever it asks.
                page.evaluate(
                    "opener => { const it = document.querySelector(opener); it.disabled = false; it.click(); }", opener
                )
                if dialog == "#choose":
                    page.click("#more summary")
                time.sleep(0.3)
            assert page.evaluate(
                "name => [document.querySelector(name)].every(part => part.scrollWidth <= part.clientWidth + 1)",
                dialog,
            ), dialog
            if opener:
                page.click(f"{dialog} [data-close] >> nth=0")


def test_a_page_that_is_zoomed_in_can_be_used(folder, open_page):
    # A window of 1280 x 860 at 400 %: bars that stay in place would cover everything.
    with serving("app", folder.name, cwd=folder.parent) as app:
        page = open_page(app.address, 320, 215)
        page.check(".pick >> nth=2", timeout=10_000)
        page.click("#open-choose")
        page.check('[name="how"][value="total"]', timeout=10_000)
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_500_frames_of_one_recording_are_asked_for_as_they_are_seen(tmp_path, open_page):
    folder, output = tmp_path / "reach", tmp_path / BATCH
    folder.mkdir()
    shutil.copy(ROOT / "sample_data" / "mouse.mp4", folder / "a.mp4")
    keyframes.run_batch(folder, 500, output=output, uniform=True, jobs=1)
    with serving("app", folder.name, cwd=tmp_path) as app:
        name = app.get("round/1/recordings")["recordings"][0]["id"]
        page = open_page(f"{app.address}round/1/review/{name}/")
        page.wait_for_selector("#cards .card >> nth=499")
        until(page, "() => [...document.images].filter(one => one.complete && one.naturalWidth).length >= 12")
        page.wait_for_load_state("networkidle")

        def pictures():
            return {address for address in page.requests if "/picture/" in address}

        assert len(pictures()) < 100
        assert page.evaluate("() => document.querySelectorAll('*').length") < 500 * 12
        page.focus("#cards .card >> nth=499")
        until(page, "() => document.querySelector('#cards li:last-child img').naturalWidth > 0")
        # By the keyboard alone, the other cards are not in the way of the candidates.
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        before = app.get(f"round/1/review/{name}/state")["keyframes"][1]["frame"]
        page.keyboard.press("Enter")
        page.wait_for_selector("#candidates .card")
        for _ in range(6):
            page.keyboard.press("Tab")
            if page.evaluate("() => document.getElementById('candidates').contains(document.activeElement)"):
                break
        page.keyboard.press("Enter")
        page.keyboard.press("s")
        until(page, "() => document.getElementById('status').textContent.startsWith('Swapped')")
        assert before not in {one["frame"] for one in app.get(f"round/1/review/{name}/state")["keyframes"]}
        # Those between were not looked at.
        assert len(pictures()) < 250
        assert page.complaints == []
