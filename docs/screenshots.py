"""Take pictures of the pages, for whoever works on them: python docs/screenshots.py FOLDER.

Needs the dev extra and Chromium. With --docs it takes those of the documentation instead: ``docs/app.png``,
``docs/report.png``, ``docs/review.png`` and ``docs/next_round.png``.
"""

import argparse
import csv
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe
from playwright.sync_api import sync_playwright

import keyframes

ROOT = Path(__file__).resolve().parent.parent
SIZES = {"wide": (1280, 860), "narrow": (390, 844)}


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "docs")
    parser.add_argument("--docs", action="store_true", help="write the documentation's pictures instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        shutil.copy(ROOT / "sample_data" / "mouse.mp4", work)
        result = keyframes.extract(Path(work) / "mouse.mp4", 20, output=Path(work) / "mouse-keyframes")
        with served("review", result.folder) as review, served("app", some_recordings(Path(work))) as app:
            if options.docs:
                take_those_of_the_documentation(browser, work, result.folder, review, app)
                return
            options.folder.mkdir(parents=True, exist_ok=True)
            for size, (width, height) in SIZES.items():
                for scheme in ("light", "dark"):
                    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                    for name in look_at_each(page, result.folder, review, app):
                        page.screenshot(path=options.folder / f"{name}-{size}-{scheme}.png")
                    page.close()


def take_those_of_the_documentation(browser, work, result, review, app):
    """Take the pictures that the documentation shows."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    look_at_app(page, app)
    take(page, "app.png", work)
    look_at_review(page, review)
    take(page, "review.png", work)
    for name, folder in (("report.png", result), ("next_round.png", next_round(Path(work)))):
        look_at_report(page, folder)
        take(page, name, work)


def look_at_each(page, result, review, app):
    """Open one page after the other, and yield its name."""
    look_at_report(page, result)
    if page.viewport_size["width"] == SIZES["wide"][0]:
        page.hover(".card >> nth=5")
        page.wait_for_timeout(300)
    yield "report"
    look_at_review(page, review)
    yield "review"
    look_at_app(page, app)
    yield "app"
    page.click("#open-choose")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)
    yield "choose"


def look_at_report(page, folder):
    """Open the report of a result."""
    page.goto((folder / "report.html").as_uri())
    page.wait_for_timeout(300)


@contextmanager
def served(command, folder):
    """Start a command that opens a page, and give its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "keyframes", command, folder.name, "--no-browser"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder.parent,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def some_recordings(work):
    """Make a folder of recordings: some that are chosen, some that are new, and one that cannot be read."""
    folder = work / "reach"
    for number, name in enumerate(
        ("cage1/day1", "cage1/day2", "cage2/day1", "cage2/day2", "cage2/day3", "cage2/night")
    ):
        path = folder / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        look = "gamma=0.45:saturation=0.2" if name.endswith("night") else f"saturation={1 - 0.12 * number}"
        part = ["-ss", str(7 * number), "-i", str(work / "mouse.mp4"), "-t", str(4 + number)]
        encode = ["-vf", f"eq={look}", "-c:v", "libx264", "-preset", "ultrafast", str(path)]
        subprocess.run([get_ffmpeg_exe(), "-v", "error", *part, *encode], check=True)
    (folder / "cage2" / "day4.mp4").write_bytes((folder / "cage2" / "day3.mp4").read_bytes()[:4000])
    output = folder.with_name("reach-keyframes")
    keyframes.run_batch(folder, 12, output=output, include=["cage1/*", "cage2/day[14].mp4"])
    return folder


def look_at_app(page, address):
    """Open the page of the recordings, one of them selected, another with a note."""
    page.goto(address)
    page.wait_for_selector(".recording")
    page.click(".recording >> nth=2 >> .remark .words")
    page.fill(".remark textarea", "Lamp flickers from 0:03")
    page.keyboard.press("Enter")
    page.wait_for_selector(".remark textarea", state="detached")
    page.check(".pick >> nth=3")
    page.mouse.move(3, 3)
    page.wait_for_load_state("networkidle")
    page.wait_for_function("() => !document.getElementById('recordings').textContent.includes('…')")
    page.wait_for_timeout(500)


def next_round(work):
    """Choose frames by predictions like a network's: the true poses with noise, and now and then a gross error."""
    with (ROOT / "sample_data" / "mouse.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [column.removesuffix("_x") for column in rows[0] if column.endswith("_x")]
    rng = np.random.default_rng(0)
    with (work / "mouse-predictions.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("frame_index", "node", "x", "y", "confidence"))
        for index, row in enumerate(rows):
            for name in names:
                wrong = rng.random() < 0.001
                x, y = rng.normal((float(row[f"{name}_x"]), float(row[f"{name}_y"])), 70 if wrong else 1.5)
                table.writerow((index, name, x, y, rng.beta(2, 3) if wrong else rng.beta(8, 1)))
    predictions = work / "mouse-predictions.csv"
    return keyframes.extract(work / "mouse.mp4", 20, predictions=predictions, output=work / "next").folder


def look_at_review(page, address):
    """Open the page of a review, a chosen frame and a candidate beside it."""
    page.goto(address)
    page.click(".grid .card >> nth=4")
    page.check("#apart")
    page.wait_for_selector("#candidates .card")
    page.click("#candidates .card >> nth=0")
    page.evaluate("scrollTo(0, 0)")
    page.mouse.move(3, 3)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(300)


def take(page, name, work):
    """Take a picture of a page for the documentation, where the recordings lie in a lab's folder, not in ours."""
    page.evaluate(
        "folder => document.querySelectorAll('header *').forEach(element => {"
        "  if (!element.children.length) element.textContent = element.textContent.replace(folder, '/data');"
        "})",
        str(work),
    )
    page.screenshot(path=f"{work}/{name}")
    write_small(cv2.imread(f"{work}/{name}"), ROOT / "docs" / name)


def write_small(image, place):
    """Write a picture as a PNG of 256 colours."""
    from PIL import Image

    colors = Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).quantize(256, dither=Image.Dither.NONE)
    colors.save(place, optimize=True)


if __name__ == "__main__":
    main()
