"""Image files of every common kind, and what becomes of damaged ones."""

import io
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, features
from PIL.PngImagePlugin import PngInfo

from quantize.datatypes import Picture
from quantize.errors import ImageError
from quantize.images import files
from quantize.images.files import png_of_pixels, read_image
from quantize.images.png import png_of_palette
from tests.test_quantize.conftest import photo


def read(path, **options):
    return read_image(path, path.name, **options)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
def test_a_png_is_read_as_it_is(mode, write_image):
    image = Image.fromarray(photo(20, 30)).convert(mode)
    if mode.endswith("A"):
        image.putalpha(Image.fromarray(np.arange(600, dtype=np.uint8).reshape(20, 30)))
    expected = np.asarray(image).reshape(20, 30, -1)
    assert (read(write_image("a.png", np.asarray(image))).pixels == expected).all()


def test_alpha_that_hides_nothing_is_left_out(write_image):
    pixels = np.dstack([photo(8, 9), np.full((8, 9), 255, np.uint8)])
    assert read(write_image("a.png", pixels)).pixels.shape == (8, 9, 3)


@pytest.mark.parametrize("mode", ["1", "P"])
def test_bits_and_palettes(mode, write_image):
    path = write_image("a.png", photo(20, 30), mode)
    expected = np.asarray(Image.open(path).convert("L" if mode == "1" else "RGB")).reshape(20, 30, -1)
    assert (read(path).pixels == expected).all()


def test_a_palette_with_transparency(tmp_path):
    image = Image.fromarray((np.arange(12, dtype=np.uint8) % 3).reshape(3, 4), "P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.save(tmp_path / "a.png", transparency=bytes([0, 128, 255]))
    pixels = read(tmp_path / "a.png").pixels
    assert pixels.shape == (3, 4, 4)
    assert pixels[0, :3].tolist() == [[255, 0, 0, 0], [0, 255, 0, 128], [0, 0, 255, 255]]


def test_a_text_that_speaks_of_transparency_hides_none(tmp_path):
    texts = PngInfo()
    texts.add_text("Comment", "made with the tRNS chunk, before IDAT")
    Image.fromarray(np.full((4, 5), 9, np.uint8)).save(tmp_path / "a.png", transparency=9, pnginfo=texts)
    assert (read(tmp_path / "a.png").pixels[..., -1] == 0).all()


def test_sixteen_bits_of_gray_are_rounded_and_told(tmp_path):
    samples = np.array([[0, 127, 129, 257 * 100, 65535]], np.uint16)
    Image.fromarray(samples).save(tmp_path / "a.png")
    picture = read(tmp_path / "a.png")
    assert picture.pixels[..., 0].tolist() == [[0, 0, 1, 100, 255]]
    assert any("8 bits" in note for note in picture.notes)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jp2"])
def test_sixteen_bits_of_colour_are_told(name, tmp_path):
    for depth, told in ((np.uint16, True), (np.uint8, False)):
        cv2.imwrite(str(tmp_path / name), np.full((64, 64, 3), np.iinfo(depth).max // 5 * 3, depth))
        picture = read(tmp_path / name)
        assert picture.pixels.shape == (64, 64, 3)
        assert (np.abs(picture.pixels.astype(int) - 153) <= 1).all()
        assert any("8 bits" in note for note in picture.notes) == told


def test_sixteen_bits_of_gray_in_jpeg_2000_are_told(tmp_path):
    if not features.check("jpg_2000"):
        pytest.skip("this Pillow reads no JPEG 2000")
    ramp = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16
    Image.fromarray(ramp).save(tmp_path / "a.jp2")
    picture = read(tmp_path / "a.jp2")
    assert np.abs(picture.pixels[..., 0] - ramp / 257).max() <= 1
    assert any("8 bits" in note for note in picture.notes)


def test_cmyk_becomes_rgb_and_is_told(tmp_path):
    Image.new("CMYK", (5, 4), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    picture = read(tmp_path / "a.jpg")
    assert np.abs(picture.pixels.astype(int) - (255, 0, 0)).max() < 6
    assert any("CMYK" in note for note in picture.notes)
    assert "icc" not in picture.metadata


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_rotation_is_applied_once(orientation, tmp_path):
    pixels = photo(20, 30)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "camera"
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    from PIL import ImageOps

    expected = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.png")))
    picture = read(tmp_path / "a.png")
    assert (picture.pixels == expected).all()
    again = read_image(png_of_pixels(picture.pixels, picture.metadata), "again")
    assert (again.pixels == expected).all()
    assert Image.open(io.BytesIO(png_of_pixels(picture.pixels, picture.metadata))).getexif()[0x010F] == "camera"


@pytest.mark.parametrize("name", ["a.gif", "a.tif", "a.webp"])
def test_the_first_of_many_frames_is_taken_and_told(name, tmp_path):
    frames = [Image.new("RGB", (6, 5), (value, 0, 0)) for value in (250, 100, 50)]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], lossless=True)
    picture = read(tmp_path / name)
    assert np.abs(picture.pixels.astype(int) - (250, 0, 0)).max() <= 2
    assert any("3 frames or pages" in note for note in picture.notes)


def test_a_colour_profile_comes_along(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(photo(8, 8)).save(tmp_path / "a.jpg", icc_profile=profile)
    metadata = read(tmp_path / "a.jpg").metadata
    assert metadata["icc"] == profile
    files = [
        png_of_pixels(photo(8, 8), metadata),
        png_of_palette(np.zeros((8, 8), np.uint8), np.array([[1, 2, 3, 255]], np.uint8), metadata),
    ]
    for data in files:
        assert Image.open(io.BytesIO(data)).info["icc_profile"] == profile


@pytest.mark.parametrize("n_entries", [1, 2, 3, 4, 5, 16, 17, 256])
@pytest.mark.parametrize("transparent", [False, True])
def test_an_indexed_png_shows_its_pixels(n_entries, transparent, rng):
    palette = rng.integers(0, 256, (n_entries, 4)).astype(np.uint8)
    palette[:, 3] = 255
    if transparent:
        palette[0, 3] = 90
    indices = rng.integers(0, n_entries, (7, 13)).astype(np.uint8)
    image = Image.open(io.BytesIO(png_of_palette(indices, palette, {})))
    assert image.mode == "P"
    assert (np.asarray(image.convert("RGBA")) == palette[indices]).all()


def test_a_drawing_is_compressed_as_well_as_can_be():
    places = np.arange(300)
    indices = (np.hypot(places[:, None] - 140, places - 90) // 9 % 7).astype(np.uint8)
    palette = np.array([[15 * entry, 0, 0, 255] for entry in range(17)], np.uint8)
    best = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 7)
    rows = np.pad(indices, ((0, 0), (1, 0))).tobytes()
    assert best.compress(rows) + best.flush() in png_of_palette(indices, palette, {})
    assert len(zlib.compress(rows, 7)) > len(zlib.compress(rows, 9))


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_a_file_that_is_cut_off_is_an_error(name, write_image):
    path = write_image(name, photo(200, 200))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match=name):
        read(path)


@pytest.mark.parametrize("data", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_an_error(data):
    with pytest.raises(ImageError, match="thing"):
        read_image(data, "thing")


def test_threads_that_read_give_warnings_back_when_the_last_one_is_done(write_image, monkeypatch):
    path, filters = write_image("a.png", photo(8, 9)), list(warnings.filters)
    # The first thread is done while the second one still reads.
    first_reads, second_reads, first_is_done = (threading.Event() for _ in range(3))
    monkeypatch.setattr(files, "_picture", lambda image, data, name, max_pixels: parts[name]())

    def first():
        first_reads.set()
        assert second_reads.wait(20)

    def second():
        second_reads.set()
        assert first_is_done.wait(20)
        warnings.warn("an oddity of metadata", stacklevel=1)

    parts = {"first": first, "second": second}
    with ThreadPoolExecutor(2) as executor:
        one = executor.submit(read_image, path, "first")
        assert first_reads.wait(20)
        other = executor.submit(read_image, path, "second")
        one.result()
        first_is_done.set()
        other.result()
    assert list(warnings.filters) == filters


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(ImageError, match="nothing"):
        read(tmp_path / "nothing.png")


def test_a_large_image_is_refused_before_it_is_decoded(write_image):
    path = write_image("a.png", np.zeros((100, 100, 3), np.uint8))
    assert isinstance(read(path, max_pixels=10_000), Picture)
    with pytest.raises(ImageError, match="--max-pixels"):
        read(path, max_pixels=9_999)


def test_max_pixels_alone_says_what_is_too_large(write_image, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    monkeypatch.setattr(files, "MOST_PIXELS", 2000)
    for name in ("a.tif", "a.webp", "a.png"):
        path = write_image(name, np.zeros((100, 100, 3), np.uint8))
        assert isinstance(read(path, max_pixels=10_000), Picture)
    with pytest.raises(ImageError, match=r"has 100 x 100 pixels, more than 9999; allow them with --max-pixels"):
        read(path, max_pixels=9_999)
    assert Image.MAX_IMAGE_PIXELS == 1000
