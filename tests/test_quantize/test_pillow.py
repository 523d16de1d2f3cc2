"""The Pillow plugin: what Pillow and the programs that use it open, save and refuse."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin, UnidentifiedImageError

import quantize
import quantize.pillow
from quantize.container import chunk
from quantize.images.files import read_image
from quantize.pipeline import encode_picture
from tests.conftest import ROOT
from tests.test_quantize.chunks import chunks_of, file_of
from tests.test_quantize.conftest import photo
from tests.test_quantize.test_golden import GOLDEN, PIXELS

PROFILES = {kind: ImageCms.ImageCmsProfile(ImageCms.createProfile(kind)).tobytes() for kind in ("sRGB", "LAB")}


def saved(image, **options):
    file = io.BytesIO()
    image.save(file, "VQI", **options)
    return file.getvalue()


def opened(data):
    return Image.open(io.BytesIO(data))


def picture(mode, height=75, width=101):
    """A photograph with any alpha."""
    colors = photo(height, width)
    alpha = (np.indices((height, width)).sum(axis=0) % 256).astype(np.uint8)[..., None]
    colors = colors[..., :1] if mode[0] == "L" else colors
    pixels = np.concatenate([colors, alpha], axis=2) if mode[-1] == "A" else colors
    return Image.fromarray(pixels[..., 0] if mode == "L" else pixels)


@pytest.fixture(scope="module")
def data():
    """A photograph of several levels."""
    return quantize.encode(photo(300, 406), profile="multiresolution")


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize(
    "options", [{"quality": 70}, {"tune": "ssim", "bpp": 2}, {"profile": "block", "block": 4}, {"block": 1}, {}]
)
def test_a_file_is_that_of_encode_and_opens_as_that_of_decode(mode, options, tmp_path):
    image = picture(mode, 40, 56)
    image.save(tmp_path / "a.vqi", **options)
    data = (tmp_path / "a.vqi").read_bytes()
    assert data == quantize.encode(np.asarray(image), **options)
    with Image.open(tmp_path / "a.vqi") as again:
        assert (again.format, again.mode, again.size) == ("VQI", mode, image.size)
        assert again.get_format_mimetype() == "image/x-vqi"
        assert np.array_equal(np.asarray(again), quantize.decode(data))


@pytest.mark.parametrize("name", PIXELS)
def test_a_golden_file_opens(name):
    with Image.open(GOLDEN / f"{name}.vqi") as image:
        book = GOLDEN / "shared.vqc" if name.endswith("shared") else None
        if book:
            with pytest.raises(OSError, match="set `codebook` of the image"):
                image.load()
            image.codebook = book
        expected = quantize.decode((GOLDEN / f"{name}.vqi").read_bytes(), codebook=book)
        assert np.array_equal(np.asarray(image), expected)


@pytest.mark.parametrize(
    ("mode", "transparent", "expected"),
    [("1", False, "L"), ("P", False, "RGB"), ("P", True, "RGBA"), ("PA", True, "RGBA"), ("RGBX", False, "RGB")],
)
def test_palettes_and_bits_are_saved_as_what_they_show(mode, transparent, expected):
    drawing = Image.fromarray(photo(60, 80)).quantize(20)
    if transparent:
        drawing.info["transparency"] = 3
    image = drawing if mode == "P" else drawing.convert(mode if mode == "PA" else "RGB").convert(mode)
    # Nothing is lost of so few colours, but for those that are transparent.
    again = opened(saved(image, profile="palette"))
    assert again.mode == expected
    shown, wanted = (np.array(which.convert("RGBA")) for which in (again, image.convert(expected)))
    assert np.array_equal(shown[..., 3], wanted[..., 3])
    assert (wanted[..., 3] == 0).any() == transparent
    seen = wanted[..., 3] > 0
    assert np.array_equal(shown[seen], wanted[seen])


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16"])
def test_a_mode_that_would_lose_something_is_refused(mode, tmp_path):
    with pytest.raises(OSError, match=f"cannot write mode {mode} as VQI"):
        Image.new(mode, (20, 20)).save(tmp_path / "a.vqi")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"quality": 0}, ValueError, "quality=0 must be 1 to 100"),
        ({"quality": 50, "psnr": 30}, ValueError, "only one of"),
        ({"tune": "ears"}, ValueError, "visual or ssim or psnr"),
        ({"psnr": 99, "profile": "multiresolution"}, OSError, "cannot be reached"),
        ({"quality": 1, "min_quality": 99, "profile": "block"}, OSError, "of quality 99"),
        ({"codebook": "missing.vqc"}, OSError, r"missing\.vqc: cannot be read"),
    ],
)
def test_what_cannot_be_made_is_an_error_and_leaves_no_file(options, error, match, tmp_path):
    with pytest.raises(error, match=match):
        picture("RGB").save(tmp_path / "a.vqi", **options)
    assert not list(tmp_path.iterdir())


def test_an_empty_image_is_refused():
    with pytest.raises(ValueError, match="empty"):
        saved(Image.new("RGB", (0, 5)))


def test_options_of_other_formats_are_ignored_as_by_all_of_pillow():
    assert saved(picture("RGB"), optimize=True, progressive=True) == saved(picture("RGB"))


def test_a_shared_codebook_serves_both_ways():
    options = {"codebook": GOLDEN / "shared.vqc"}
    data = saved(picture("RGB"), **options)
    image = opened(data)
    image.codebook = options["codebook"]
    assert np.array_equal(np.asarray(image), quantize.decode(data, **options))


class Watched(io.BytesIO):
    """A file that knows how far it was read."""

    furthest = 0

    def read(self, size=-1):
        found = super().read(size)
        self.furthest = max(self.furthest, self.tell())
        return found


@pytest.mark.parametrize("with_metadata", [False, True])
def test_opening_reads_the_header_only(with_metadata):
    data = saved(
        picture("RGB", 300, 400), **({"icc_profile": PROFILES["sRGB"], "dpi": (72, 72)} if with_metadata else {})
    )
    file = Watched(data)
    image = Image.open(file)
    chunks = chunks_of(data)
    head = 8 + sum(12 + len(body) for kind, body in chunks if kind == b"HEAD" or kind.islower())
    # Pillow reads 16 bytes by itself.
    assert file.furthest <= max(head + 8, 16)
    assert (image.size, image.mode, "icc_profile" in image.info) == ((400, 300), "RGB", with_metadata)
    image.load()
    assert file.furthest == len(data)


def test_opening_compiles_and_decodes_nothing():
    program = (
        "import sys, quantize.pillow\n"
        "from PIL import Image\n"
        "image = Image.open(sys.argv[1])\n"
        "image.draft(None, (10, 10))\n"
        "print('numba' in sys.modules)\n"
        "image.load()\n"
        "print('numba' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, GOLDEN / "levels-rgb.vqi"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]


def test_a_damaged_payload_is_no_matter_until_it_is_loaded(data):
    image = opened(data[:-40] + bytes(40))
    assert image.size == (406, 300)
    for _ in range(2):
        with pytest.raises(OSError, match="damaged"):
            image.load()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_a_draft_is_the_picture_of_a_level(mode, level):
    data = quantize.encode(np.asarray(picture(mode, 150, 203)), profile="multiresolution")
    image = opened(data)
    found, box = image.draft(None, (203 >> level, 150 >> level))
    expected = quantize.decode(data, level=level)
    assert (found, image.size) == (mode, expected.shape[1::-1])
    assert box == (0, 0, 203 / 2**level, 150 / 2**level)
    assert np.array_equal(np.asarray(image), expected)
    assert image.draft(None, (1, 1)) is None


@given(st.integers(1, 450), st.integers(1, 350))
@example(51, 1)
@settings(max_examples=30)
def test_a_draft_is_no_smaller_than_asked_for(data, width, height):
    image = opened(data)
    image.draft("RGB", (width, height))
    assert image.size == (406, 300) or (image.width >= width and image.height >= height)
    # The next level would be too small, or there is none.
    assert image.height < 20 or -(-image.width // 2) < width or -(-image.height // 2) < height


def test_a_file_without_levels_has_no_draft():
    for options in ({"block": 1}, {"profile": "block"}):
        image = opened(saved(picture("RGB"), **options))
        assert image.draft(None, (10, 10)) is None
        image.thumbnail((10, 10))
        assert image.size == (10, 7)


@pytest.mark.parametrize("size", [(90, 50), (64, 64), (30, 30), (10, 10)])
def test_a_thumbnail_is_that_of_the_whole_image(data, size):
    quick, thorough = opened(data), Image.fromarray(quantize.decode(data))
    quick.thumbnail(size)
    thorough.thumbnail(size)
    assert quick.size == thorough.size
    error = np.asarray(quick).astype(int) - np.asarray(thorough)
    # It came from a level: another filter made it smaller, whose samples lie at every second pixel and not between two.
    assert 0 < np.square(error).mean() < 26


def test_a_thumbnail_needs_the_coarse_levels_alone(data):
    ends = np.cumsum([8] + [12 + len(body) for _, body in chunks_of(data)])
    bands = [end for end, (kind, _) in zip(ends[1:], chunks_of(data), strict=True) if kind == b"BAND"]
    cut = opened(data[: bands[-2] + 5])
    cut.thumbnail((30, 30))
    whole = opened(data)
    whole.thumbnail((30, 30))
    assert np.array_equal(np.asarray(cut), np.asarray(whole))
    with pytest.raises(OSError, match="cut off"):
        opened(data[: bands[-2] + 5]).load()


@pytest.mark.parametrize("name", ["palette-rgba", "block-4-rgba", "levels-tuned-rgba"])
def test_every_cut_and_every_flipped_byte_is_an_error_of_pillows_kind(name, rng):
    data = (GOLDEN / f"{name}.vqi").read_bytes()
    ends = [*range(8, 45), *rng.integers(45, len(data), 15), len(data) - 1]
    changed = [bytearray(data) for _ in range(40)]
    for damaged in changed:
        damaged[rng.integers(4, len(data))] ^= 1 << rng.integers(8)
    for damaged in [*(data[:end] for end in ends), *map(bytes, changed)]:
        try:
            image = opened(damaged)
        except UnidentifiedImageError:
            continue
        with pytest.raises(OSError, match=r"\w"):
            image.load()
        with pytest.raises(OSError, match=r"\w"):
            opened(damaged).verify()


def with_head(data, place, value):
    """Another byte in the header, whose checksum is right."""
    (kind, head), *others = chunks_of(data)
    return file_of([(kind, head[:place] + bytes([value]) + head[place + 1 :]), *others], data[:8])


def test_what_is_wrong_with_a_header_is_reported(data):
    for damaged, match in [
        (with_head(data, 0, 9), "version 9"),
        (with_head(data, 1, 77), "invalid header"),
        (data.replace(b"\r\n", b"\n"), "transfer as text"),
        (data[:8], "cut off"),
        (data[:20], "cut off"),
        (file_of(chunks_of(data)[1:], data[:8]), "cut off|header"),
    ]:
        with pytest.raises(UnidentifiedImageError, match=match):
            opened(damaged)
    with pytest.raises(UnidentifiedImageError, match="cannot identify"):
        opened(b"GIF?" + data)


def test_pillows_own_limit_of_pixels_holds(data, monkeypatch):
    huge = data[:8] + chunk(b"HEAD", struct.pack(">BBBII", 1, 3, 3, 60_000, 60_000)) + data[31:]
    with pytest.raises(Image.DecompressionBombError):
        opened(huge)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert opened(huge).size == (60_000, 60_000)


def test_a_chunk_that_claims_gigabytes_is_not_read(data):
    claims = data[:31] + struct.pack(">I4s", 0xFFFFFFF0, b"iccp") + data[31:]
    assert opened(claims).info == {}
    with pytest.raises(OSError, match="cut off"):
        opened(claims).load()


def test_a_good_file_is_verified_without_its_pixels(data):
    opened(data).verify()
    with pytest.raises(OSError, match="cut off"):
        opened(data[:-3]).verify()


def test_metadata_of_a_file_are_there(tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "a mouse"
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", "from afar")
    texts.add_itxt("Author", "Zoë", lang="de")
    source = tmp_path / "a.png"
    picture("RGB").save(source, icc_profile=PROFILES["sRGB"], exif=exif, dpi=(300, 300), pnginfo=texts)
    made = encode_picture(read_image(source, "a"), quantize.Settings(), ".vqi").data
    with Image.open(source) as original, opened(made) as image:
        assert image.info["icc_profile"] == PROFILES["sRGB"]
        assert image.info["dpi"] == original.info["dpi"]
        assert image.text == original.text == {"Title": "from afar", "Author": "Zoë"}
        assert image.info["Title"] == "from afar"
        assert image.getexif()[0x010E] == "a mouse"


def test_metadata_are_saved_as_for_a_png():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "short")
    given = {"icc_profile": PROFILES["sRGB"], "exif": exif, "xmp": b"<x:xmpmeta/>", "dpi": (144, 72), "pnginfo": texts}
    image = opened(saved(picture("RGB"), **given))
    assert image.info["icc_profile"] == PROFILES["sRGB"]
    assert image.info["dpi"] == pytest.approx((144, 72), abs=0.1)
    assert (image.info["xmp"], image.text) == (b"<x:xmpmeta/>", {"Comment": "short"})
    # The pixels are saved as they lie; who reads the orientation may turn them.
    assert dict(image.getexif()) == dict(exif)
    assert opened(saved(picture("RGB"), strip=True, **given)).info == {}
    assert dict(opened(saved(picture("RGB"), exif=exif.tobytes())).getexif()) == dict(exif)


def test_the_profile_of_an_image_is_saved_and_nothing_else_of_it():
    image = picture("RGB")
    image.info |= {"icc_profile": PROFILES["sRGB"], "dpi": (300, 300), "exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}
    assert opened(saved(image)).info == {"icc_profile": PROFILES["sRGB"]}
    assert opened(saved(image, icc_profile=None)).info == {}


def test_a_profile_of_other_colors_is_left_out_with_a_warning():
    for image in (picture("LA"), picture("RGB")):
        image.info["icc_profile"] = PROFILES["LAB" if image.mode == "RGB" else "sRGB"]
        with pytest.warns(UserWarning, match="colour profile"):
            data = saved(image)
        assert opened(data).info == {}


def test_texts_that_pillow_cannot_read_leave_the_image_readable(data):
    broken = zlib.compress(chunk(b"zTXt", b"Title\0\0" + zlib.compress(bytes(1 << 23))))
    head, *others = chunks_of(data)
    image = opened(file_of([head, (b"pngc", broken), *others], data[:8]))
    assert image.info == {}
    assert np.array_equal(np.asarray(image), quantize.decode(data))


def test_registering_again_changes_nothing(data):
    before = list(Image.ID), dict(Image.EXTENSION)
    quantize.pillow.register()
    assert (list(Image.ID), dict(Image.EXTENSION)) == before
    assert opened(data).format == "VQI"
