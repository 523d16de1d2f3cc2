"""``report.html``: what is on it, that it is whole, and how a browser shows it."""

import base64
import json
import os
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

import keyframes
from keyframes.report.batch_index import index_page
from keyframes.report.contact_sheet import clock
from keyframes.report.overview import make_overview
from keyframes.report.report import report_page, summary
from keyframes.report.shrinking import shrunk
from keyframes.report.thumbnails import bytes_of_each, thumbnail
from keyframes.result.recordings import read_manifest
from tests.conftest import ROOT

MOUSE = ROOT / "sample_data" / "mouse.mp4"
STRANGE = """<script>alert(1)<!-- <img src=x onerror=alert(2)> " ' & Mäuse 鼠.mp4"""


class Page(HTMLParser):
    """What an HTML file holds: its elements with their attributes, and its text."""

    def __init__(self, path):
        super().__init__()
        self.elements, self.words = [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def mouse(tmp_path_factory):
    """The result of the sample clip."""
    return keyframes.extract(MOUSE, 12, output=tmp_path_factory.mktemp("report") / "mouse-keyframes", every=3)


@pytest.fixture(scope="module")
def strange(tmp_path_factory, video_file):
    """The result of a video with a name that is no HTML."""
    video = tmp_path_factory.mktemp("strange") / STRANGE
    shutil.copy(video_file("h264_b_frames.mp4"), video)
    return keyframes.extract(video, 5, output=video.parent / "result")


def test_it_shows_every_chosen_frame_with_index_time_and_cluster_size(mouse):
    page = Page(mouse.folder / "report.html")
    cards = [button for button in page.all("button") if button["class"] == "card"]
    assert [int(card["data-frame"]) for card in cards] == mouse.frame_indices
    for card, keyframe in zip(cards, mouse.keyframes, strict=True):
        assert int(card["data-cluster"]) == keyframe.cluster
        assert re.search(rf"Frame {keyframe.frame_index} at .* {keyframe.cluster_size} frames?", card["aria-label"])
    for image, file in zip(page.all("img"), mouse.files, strict=True):
        kind, _, data = image["src"].partition(",")
        assert kind == "data:image/jpeg;base64"
        shown = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
        chosen = cv2.resize(cv2.imread(str(file)), shown.shape[1::-1], interpolation=cv2.INTER_AREA)
        assert np.abs(shown.astype(int) - chosen).mean() < 6
    told = " ".join(page.words)
    for setting in ("min gap s", "every", "seed", "mouse.mp4"):
        assert setting in told


def test_it_holds_all_that_it_needs_and_nothing_of_this_machine(mouse):
    page = Page(mouse.folder / "report.html")
    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            assert attributes.get(name, "data:").startswith("data:"), (tag, attributes)
    content = (mouse.folder / "report.html").read_text(encoding="utf-8")
    assert "url(" not in content
    assert os.fspath(mouse.folder.parent) not in content


def test_warnings_are_on_it(tmp_path, truncated):
    result = keyframes.extract(truncated, 5, output=tmp_path / "out")
    assert result.warnings
    told = " ".join(Page(tmp_path / "out" / "report.html").words)
    assert all(warning in told for warning in result.warnings)


def test_names_are_text_whatever_is_in_them(strange):
    page = Page(strange.folder / "report.html")
    assert strange.manifest["video"]["path"] in page.words
    assert [set(script) for script in page.all("script")] == [{"type", "id"}, set()]


def test_an_overview_is_what_a_plain_count_gives(rng):
    n_frames, k = 5000, 7
    time_s = np.cumsum(rng.uniform(0.01, 0.2, n_frames))
    label = np.repeat(rng.integers(0, k, 100), 50).astype(np.int32)
    place = rng.normal(size=(n_frames, 2)).astype(np.float32)
    chosen = np.sort(rng.choice(n_frames, k, replace=False))
    overview = make_overview(time_s, label, place, chosen)
    span = time_s[-1] - time_s[0]
    for number, found in enumerate(overview.bin_label):
        inside = np.minimum((time_s - time_s[0]) / span * len(overview.bin_label), len(overview.bin_label) - 1)
        members = label[inside.astype(int) == number]
        if len(members):
            counts = np.bincount(members, minlength=k)
            assert counts[found] == counts.max()
        else:
            assert found == overview.bin_label[number - 1]
    assert set(chosen) <= set(overview.dot_row)
    low, side = place.min(axis=0), np.ptp(place, axis=0).max()
    offset = (1 - np.ptp(place, axis=0) / side) / 2
    np.testing.assert_allclose(overview.dot_xy, ((place - low) / side + offset)[overview.dot_row], atol=1e-5)
    # Every frame has a dot no farther than one place of the grid.
    cells = np.minimum((((place - low) / side + offset) * overview.grid).astype(int), overview.grid - 1)
    assert set(map(tuple, cells)) == set(map(tuple, cells[overview.dot_row]))
    assert sorted(overview.hue) == [number * 360 // k for number in range(k)]


def test_ten_hours_have_no_more_dots_than_a_screen_shows(rng):
    n_frames = 1_080_000
    label = (np.arange(n_frames) // 9000 % 150).astype(np.int32)
    place = rng.normal(size=(n_frames, 2)).astype(np.float32)
    overview = make_overview(np.arange(n_frames) / 30, label, place, np.arange(0, n_frames, 7200))
    assert len(overview.bin_label) <= 1200
    assert len(overview.dot_row) <= 24_150
    assert len(json.dumps(overview.as_dict(np.arange(n_frames), np.arange(n_frames) / 30, label))) < 1_000_000


def test_a_thumbnail_keeps_to_its_bytes(rng):
    noise = rng.integers(0, 256, (1080, 1920, 3), np.uint8)
    for most in (700, 5000, 36_000):
        assert len(thumbnail(noise, most)) <= most
    small = cv2.imdecode(np.frombuffer(thumbnail(noise[:40, :50]), np.uint8), cv2.IMREAD_COLOR)
    assert small.shape == (40, 50, 3)


@pytest.mark.parametrize("size", [(360, 270), (240, 180), (101, 67), (640, 480)])
def test_a_small_copy_shows_what_averages_of_areas_do(size, rng):
    picture = cv2.GaussianBlur(rng.integers(0, 256, (480, 640, 3), np.uint8), (0, 0), 6)
    picture = cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX)
    small, averaged = shrunk(picture, *size), cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    assert small.shape == averaged.shape
    assert cv2.absdiff(small, averaged).mean() < 3
    assert cv2.absdiff(small[::-1], averaged).mean() > 9


def test_an_index_leads_to_every_report(tmp_path, mouse, strange):
    folders = [tmp_path / "day 1 #2" / "mouse-keyframes", tmp_path / "b<i>" / "x-keyframes"]
    for folder, result in zip(folders, (mouse, strange), strict=True):
        shutil.copytree(result.folder, folder)
    manifests = {folder: read_manifest(folder) for folder in folders}
    (tmp_path / "index.html").write_text(index_page(tmp_path, manifests), encoding="utf-8")
    page = Page(tmp_path / "index.html")
    assert [link["href"] for link in page.all("a")] == [
        "day%201%20%232/mouse-keyframes/report.html",
        "b%3Ci%3E/x-keyframes/report.html",
    ]
    assert "day 1 #2/mouse-keyframes" in page.words
    assert "b<i>/x-keyframes" in page.words
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in page.all("img"))


def test_one_frame_is_told_in_the_singular(tmp_path):
    result = keyframes.extract(MOUSE, 1, output=tmp_path / "mouse-keyframes", every=50)
    page = Page(result.folder / "report.html")
    label = next(canvas["aria-label"] for canvas in page.all("canvas") if canvas["id"] == "map")
    assert label.endswith("in 1 cluster; the chosen frame is marked.")
    told = index_page(tmp_path, {result.folder: result.manifest})
    assert f"· 1 frame at {clock(result.keyframes[0].time_s)}<" in told


def test_frames_that_a_person_added_count_neither_for_doubt_nor_for_coverage(mouse):
    reasons = ["doubt", "coverage", "coverage", None]
    entries = [
        {**entry, **({"chosen_for": reason} if reason else {})}
        for entry, reason in zip(mouse.manifest["keyframes"], reasons, strict=False)
    ]
    manifest = {**mouse.manifest, "keyframes": entries, "predictions": {"file": "mouse.csv"}}
    assert ("Chosen for doubt / coverage", "1 / 2") in summary(manifest)


@pytest.mark.slow
def test_a_long_name_is_whole_on_an_index(tmp_path, open_page, mouse):
    folder = tmp_path / ("long_name_" * 20)
    shutil.copytree(mouse.folder, folder)
    manifest = read_manifest(folder)
    manifest["video"]["path"] = f"{folder.name}.mp4"
    (tmp_path / "index.html").write_text(index_page(tmp_path, {folder: manifest}), encoding="utf-8")
    page = open_page((tmp_path / "index.html").as_uri(), 600)
    assert page.locator("li.sheet").evaluate("item => item.scrollWidth <= item.clientWidth")


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b""), lambda path: path.write_text("x")])
def test_an_index_does_without_an_image_that_is_gone_or_damaged(damage, tmp_path, mouse):
    folder = tmp_path / "mouse-keyframes"
    shutil.copytree(mouse.folder, folder)
    manifest = read_manifest(folder)
    before = index_page(tmp_path, {folder: manifest})
    damage(folder / manifest["keyframes"][0]["file"])
    assert index_page(tmp_path, {folder: manifest}).count("<img ") == before.count("<img ") - 1


def marked(page, what):
    return page.eval_on_selector_all(what, "cards => cards.map(card => Number(card.dataset.frame))")


def wait_until_drawn(page):
    """What a page wants to draw, it draws before the next frame of the screen."""
    page.evaluate("() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")


def has_color(page, canvas, x, y, radius=4):
    """Whether a canvas shows anything dark within a few pixels of a place, in CSS pixels."""
    return page.evaluate(
        """([id, x, y, r]) => {
            const canvas = document.getElementById(id);
            const ratio = canvas.width / canvas.getBoundingClientRect().width;
            const box = [x - r, y - r, 2 * r, 2 * r].map(value => Math.max(0, Math.round(value * ratio)));
            const levels = [...canvas.getContext("2d").getImageData(...box).data];
            return levels.some((value, i) => i % 4 === 3 && value > 200);
        }""",
        [canvas, x, y, radius],
    )


def test_the_report_opens_from_disk_without_a_complaint_or_a_request(open_page, strange):
    page = open_page((strange.folder / "report.html").as_uri())
    page.wait_for_function("() => document.querySelector('.card img').complete")
    assert page.title().startswith(strange.manifest["video"]["path"])
    assert page.locator("h1").inner_text() == " ".join(strange.manifest["video"]["path"].split())
    assert page.complaints == []
    # Chromium counts what a page holds itself as requests too.
    assert [url for url in page.requests if not url.startswith(("data:", "file:"))] == []
    assert len([url for url in page.requests if url.startswith("file:")]) == 1


def test_pointing_at_one_view_shows_it_in_the_others(open_page, mouse):
    page = open_page((mouse.folder / "report.html").as_uri())
    entries = mouse.manifest["keyframes"]
    last = json.loads(page.locator("#data").text_content())
    box = page.locator("#timeline").bounding_box()
    for number in (2, 9):
        entry = entries[number]
        share = (entry["time_s"] - last["first_s"]) / (last["last_s"] - last["first_s"])
        page.mouse.move(box["x"] + 1 + share * (box["width"] - 2), box["y"] + 8)
        assert marked(page, ".card.tied") == [entry["frame_index"]]
        assert f"Frame {entry['frame_index']} " in page.locator("#told").inner_text()
    page.mouse.move(2, 2)
    assert marked(page, ".card.tied") == []

    # A card shows its mark on the timeline in full height, which others have not.
    entry = entries[5]
    x = 1 + (entry["time_s"] - last["first_s"]) / (last["last_s"] - last["first_s"]) * (box["width"] - 2)
    wait_until_drawn(page)
    assert not has_color(page, "timeline", x, 2, 1)
    page.hover(f'.card[data-frame="{entry["frame_index"]}"]')
    wait_until_drawn(page)
    assert has_color(page, "timeline", x, 2, 1)

    # A click leads to the card, at once where no motion is wanted.
    page.emulate_media(reduced_motion="reduce")
    page.set_viewport_size({"width": 600, "height": 500})
    box = page.locator("#timeline").bounding_box()
    page.mouse.click(box["x"] + box["width"] - 2, box["y"] + 30)
    reached = page.evaluate("scrollY")
    wait_until_drawn(page)
    assert page.evaluate("scrollY") == reached > 0
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 1280, "height": 860})

    # The map's dots lead to the card of their cluster; a click keeps it.
    page.evaluate("scrollTo(0, 0)")
    place = page.evaluate(
        """frame => {
            const data = JSON.parse(document.getElementById("data").textContent);
            const overview = readOverview(data);
            const canvas = document.getElementById("map");
            const box = canvas.getBoundingClientRect();
            const view = new MapView(canvas, overview, {});
            const [x, y] = view.place(view.dotOf.get(frame), box.width, box.height);
            return [box.left + x, box.top + y];
        }""",
        entries[7]["frame_index"],
    )
    page.mouse.move(*place)
    assert marked(page, ".card.tied") == [entries[7]["frame_index"]]
    page.mouse.click(*place)
    page.mouse.move(2, 2)
    assert marked(page, '.card[aria-pressed="true"]') == [entries[7]["frame_index"]]
    page.keyboard.press("Escape")
    assert marked(page, '.card[aria-pressed="true"]') == []


def test_the_report_works_by_keyboard(open_page, mouse):
    page = open_page((mouse.folder / "report.html").as_uri())
    page.focus(".card >> nth=0")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert marked(page, '.card[aria-pressed="true"]') == mouse.frame_indices[1:2]
    page.keyboard.press("End")
    assert page.evaluate("Number(document.activeElement.dataset.frame)") == mouse.frame_indices[-1]
    # What it goes to is not below the timeline, which stays.
    page.set_viewport_size({"width": 500, "height": 600})
    for _ in range(4):
        page.keyboard.press("ArrowUp")
        wait_until_drawn(page)
        box, timeline = page.locator(":focus").bounding_box(), page.locator(".timeline").bounding_box()
        assert box["y"] >= timeline["y"] + timeline["height"]
    names = page.eval_on_selector_all(
        "button, canvas, a", "all => all.map(one => one.getAttribute('aria-label') || one.textContent)"
    )
    assert all(name.strip() for name in names)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_nothing_of_the_report_is_cut_off(open_page, mouse, width, scheme):
    page = open_page((mouse.folder / "report.html").as_uri(), width, 800, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    light = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (min(light) > 200) == (scheme == "light")


def test_five_hundred_frames_are_a_small_file_that_shows_at_once(tmp_path, open_page, rng):
    n_frames, k = 20_000, 500
    label = np.sort(rng.integers(0, k, n_frames)).astype(np.int32)
    time_s, place = np.arange(n_frames) / 30, rng.normal(size=(n_frames, 2)).astype(np.float32)
    chosen = np.searchsorted(label, np.arange(k))
    picture = cv2.resize(rng.integers(0, 256, (270, 480, 3), np.uint8), (1920, 1080))
    entries = [
        {"frame_index": int(row), "time_s": float(time_s[row]), "cluster": number, "cluster_size": 40, "file": "a.png"}
        for number, row in enumerate(chosen)
    ]
    entries[0] |= {"chosen_for": "coverage", "reason": "represents 40 frames"}
    entries[1] |= {"chosen_for": "doubt", "reason": "tail: low confidence (0.2)", "note": "blurred"}
    video = {"path": "a.mp4", "width": 1920, "height": 1080, "frame_rate": 30.0, "frames_decoded": n_frames, "hash": ""}
    manifest = {
        "tool_version": "0",
        "video": video,
        "settings": keyframes.Settings(k=k).as_dict(),
        "keyframes": entries,
        "warnings": [],
    }
    overview = make_overview(time_s, label, place, chosen)
    jpeg = thumbnail(picture, bytes_of_each(k))
    shown = overview.as_dict(np.arange(n_frames), time_s, label)
    # No two are the same file: a browser would load that once.
    pictures = {row: jpeg + number.to_bytes(2, "big") for number, row in enumerate(chosen.tolist())}
    page_text = report_page(manifest, overview, shown, pictures)
    assert 4_000_000 < len(page_text.encode()) < 15_000_000
    (tmp_path / "report.html").write_text(page_text, encoding="utf-8")
    page = open_page((tmp_path / "report.html").as_uri())
    page.wait_for_function(
        "() => document.querySelector('.card img').complete && document.getElementById('map').width > 300"
    )
    assert page.locator(".card").count() == k
    # What was not scrolled to is there, too: a print shows all of it.
    page.wait_for_function("() => [...document.images].every(one => one.naturalWidth)", timeout=20_000)
    # A reason that says how many frames it represents is told once.
    labels = [page.get_attribute(f".card >> nth={number}", "aria-label") for number in range(2)]
    assert labels[0].endswith("represents 40 frames of cluster 0")
    assert labels[1].endswith("represents 40 frames of cluster 1; tail: low confidence (0.2); blurred")
    page.hover(".card >> nth=0")
    assert page.inner_text("#told") == "Frame 0 · 00:00.00 · represents 40 frames · full size"
    painted_ms = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    print(f"first screen of {len(page_text) / 1e6:.1f} MB after {painted_ms:.0f} ms")
