"""``quantize --report``: original, result and error side by side."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

import quantize
from quantize.datatypes import Encoded, Picture
from quantize.report import report_page, report_place
from quantize.report.error_map import RAMP, pixel_errors, scale_of, shades, shrunk
from tests.test_quantize.conftest import photo
from tests.test_quantize.test_browser import shown_pixels


def pictures_of(page):
    """The PNGs that a page holds."""
    found = re.findall(r'<img (?:id="result" )?src="data:image/png;base64,([^"]+)"', page.read_text(encoding="utf-8"))
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")) for data in found]


def test_the_page_shows_original_result_and_error_and_tells_the_figures(run_command, picture, tmp_path):
    done = run_command("quantize", picture, "--quality", "40", "--report", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    data = (tmp_path / "photo.vqi").read_bytes()
    page = tmp_path / "photo.vqi-report.html"
    original, decoded = photo(60, 80), quantize.decode(data)
    shown, errors = pictures_of(page)
    assert (shown == original).all()
    assert base64.b64encode(data).decode() in page.read_text(encoding="utf-8")
    root = np.sqrt(np.mean((original.astype(float) - decoded) ** 2, axis=2))
    scale = int(re.search(r"(\d+) levels or more", page.read_text(encoding="utf-8"))[1])
    assert np.mean(root > scale) <= 0.003
    places = np.clip(np.rint(root * 255 / scale), 0, 255).astype(int)
    assert np.abs(errors - RAMP[places].astype(int)).max() <= 3
    text = page.read_text(encoding="utf-8")
    psnr = 10 * np.log10(255**2 / np.mean((original.astype(float) - decoded) ** 2))
    for figure in (f"{psnr:.2f} dB", f"{8 * len(data) / 4800:.3f} bits per pixel", f"{len(data):,} bytes", "SSIM"):
        assert figure in text
    assert str(tmp_path) not in text


def test_the_same_image_gives_the_same_page_and_nothing_is_written_over(run_command, tmp_path):
    picture = tmp_path / "few.png"
    Image.fromarray((np.indices((20, 20)).sum(0) % 5 * 40).astype(np.uint8)).save(picture)
    for place in ("a", "b"):
        run_command("quantize", picture, "--report", "-o", f"{place}/out.vqi", cwd=tmp_path)
    pages = [(tmp_path / place / "out.vqi-report.html").read_bytes() for place in ("a", "b")]
    assert pages[0] == pages[1]
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "out.vqi-report.html").write_text("mine", encoding="utf-8")
    done = run_command("quantize", picture, "--report", "-o", "c/out.vqi", cwd=tmp_path)
    assert done.returncode == 1
    assert "out.vqi-report.html: already exists" in done.stderr
    assert not (tmp_path / "c" / "out.vqi").exists()
    assert (tmp_path / "c" / "out.vqi-report.html").read_text(encoding="utf-8") == "mine"
    assert run_command("quantize", picture, "--report", "-o", "c/out.vqi", "--force", cwd=tmp_path).returncode == 0
    assert (tmp_path / "c" / "out.vqi-report.html").read_bytes() == pages[0]


def test_it_stands_beside_a_file(run_command, picture, tmp_path):
    for arguments in (("-", "--report"), ("photo.png", "-o", "-", "--report"), ("--info", "photo.vqi", "--report")):
        done = run_command("quantize", *arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert "--report" in done.stderr


def page_of(pixels, decoded, name="a.png"):
    encoded = Encoded(b"12345", decoded, ".png", "palette", {"colors": 2}, 30.0, 0.9)
    return report_page(Picture(pixels), encoded, name, "a.png", 100)


@pytest.mark.parametrize(
    "options",
    [
        ("--profile", "multiresolution"),
        ("--block", "2"),
        ("--block", "1", "-o", "photo.vqi"),
        ("--codebook", "book.vqc"),
    ],
    ids=["levels", "blocks", "palette", "shared"],
)
def test_the_page_decodes_the_result_itself(run_command, picture, tmp_path, open_page, options):
    if "--codebook" in options:
        assert run_command("quantize", picture, "--train-codebook", "book.vqc", cwd=tmp_path).returncode == 0
    done = run_command("quantize", picture, "--report", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    place = tmp_path / "photo.vqi-report.html"
    book = tmp_path / "book.vqc" if "--codebook" in options else None
    decoded = quantize.decode((tmp_path / "photo.vqi").read_bytes(), codebook=book)
    page = open_page(place.as_uri())
    if book is None:
        page.wait_for_selector("#result.whole")
    result = page.locator("#result")
    assert (shown_pixels(result)[..., :3] == decoded).all()
    assert page.complaints == []
    assert [url for url in page.requests if not url.startswith(("data:", "blob:"))] == [place.as_uri()]


def test_a_page_whose_file_was_damaged_says_so(run_command, picture, tmp_path, open_page):
    run_command("quantize", picture, "--report", cwd=tmp_path)
    place = tmp_path / "photo.vqi-report.html"
    data = (tmp_path / "photo.vqi").read_bytes()
    text = place.read_text(encoding="utf-8")
    damaged = base64.b64encode(data[:200] + bytes([data[200] ^ 1]) + data[201:]).decode()
    place.write_text(text.replace(base64.b64encode(data).decode(), damaged), encoding="utf-8")
    page = open_page(place.as_uri())
    assert "checksum" in page.locator(".pane [role=alert]").text_content()


def test_transparent_colors_are_no_error(rng):
    pixels = rng.integers(0, 256, (30, 40, 4), np.uint8)
    pixels[..., 3] = np.where(np.arange(40) < 20, 0, 255)
    decoded = pixels.copy()
    decoded[:, :20, :3] ^= 255
    assert not pixel_errors(pixels, decoded).any()
    decoded[:, 20:, 1] ^= 255
    assert (pixel_errors(pixels, decoded)[:, 20:] > 0).all()


def test_large_images_are_shown_smaller(tmp_path, rng):
    pixels = np.repeat(np.repeat(rng.integers(0, 256, (505, 1010, 1), np.uint8), 4, 0), 4, 1)
    (tmp_path / "page.html").write_bytes(page_of(pixels, pixels))
    shown = pictures_of(tmp_path / "page.html")
    assert all(picture.shape == (1010, 2020, 3) for picture in shown)
    assert "1/2 of their size" in (tmp_path / "page.html").read_text(encoding="utf-8")
    samples = rng.random((7, 11, 2)).astype(np.float32)
    expected = [[samples[3 * y : 3 * y + 3, 3 * x : 3 * x + 3].mean((0, 1)) for x in range(3)] for y in range(2)]
    np.testing.assert_allclose(shrunk(samples, 3), expected, rtol=1e-5)
    assert shrunk(samples[:1], 3).shape == (1, 3, 2)


def test_a_tall_image_is_seen_whole(tmp_path, open_page):
    pixels = photo(400, 20)
    (tmp_path / "page.html").write_bytes(page_of(pixels, pixels))
    page = open_page((tmp_path / "page.html").as_uri(), 1000, 700)
    box = page.locator(".pane >> nth=0").bounding_box()
    assert box["height"] <= 700
    assert box["height"] / box["width"] == pytest.approx(20, rel=0.1)


def test_no_error_is_dark_and_the_scale_covers_nearly_all():
    errors = np.zeros((100, 100), np.float32)
    assert (shades(errors, scale_of(errors)) == 0).all()
    errors[0, :20] = 200
    assert scale_of(errors) == 8
    errors[0, :21] = 200
    assert scale_of(errors) == 200


def test_the_page_opens_from_disk_and_the_three_move_together(tmp_path, open_page):
    name = """<script>alert(1)</script> " ' & Mäuse.png"""
    pixels = photo(60, 80)
    place = report_place(tmp_path / "a.vqi")
    place.write_bytes(page_of(pixels, pixels ^ 3, name))
    page = open_page(place.as_uri(), 1000, 700, "dark")
    assert page.locator("h1").text_content() == name
    assert page.complaints == []
    assert [url for url in page.requests if not url.startswith("data:")] == [place.as_uri()]
    boxes = [page.locator(".pane").nth(number).bounding_box() for number in range(3)]
    assert len({box["y"] for box in boxes}) == 1
    page.click("#more")
    page.focus(".pane >> nth=1")
    page.keyboard.press("ArrowRight")
    moved = page.eval_on_selector_all(".pane img", "images => images.map(image => image.style.transform)")
    assert len(set(moved)) == 1
    assert moved[0].startswith("scale(1.5) translate(-2")
    page.click("#whole")
    assert page.eval_on_selector(".pane img", "image => image.style.transform") == "scale(1) translate(0%, 0%)"
    page.set_viewport_size({"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
