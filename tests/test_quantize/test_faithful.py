"""What a file says of its image beside the pixels is kept, converted or reported, and never told falsely."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, TiffImagePlugin

from quantize.container import MOST_METADATA, chunk, pack, unpack
from quantize.datatypes import Picture, Settings
from quantize.errors import ContainerError
from quantize.images.files import png_of_pixels, read_image
from quantize.images.png import SIGNATURE, chunks_of, with_chunks
from quantize.pipeline import decode_picture, encode_picture
from tests.test_quantize.conftest import photo

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def png(pixels, **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", **options)
    return buffer.getvalue()


def raw_png(samples, bits, kind, *chunks):
    """A PNG file of samples (height, width) or (height, width, 3) of any depth; Pillow writes few of them."""
    height, width = samples.shape[:2]
    if bits == 16:
        rows = samples.astype(">u2").view(np.uint8).reshape(height, -1)
    else:
        digits = np.unpackbits(samples.astype(np.uint8)[..., None], axis=-1)[..., 8 - bits :]
        rows = np.packbits(digits.reshape(height, -1), axis=1)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes()))
    return SIGNATURE + header + b"".join(chunks) + body + chunk(b"IEND", b"")


def results(data):
    """The image as a palette's PNG, and as a PNG that was a .vqi file meanwhile."""
    picture = read_image(data, "image")
    palette = encode_picture(picture, Settings.of(block=1), ".png").data
    through = encode_picture(picture, Settings.of(block=1), ".vqi").data
    decoded = decode_picture(through)
    return picture, [palette, png_of_pixels(decoded.pixels, decoded.metadata)]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"gAMA", struct.pack(">I", 100_000)),
        (b"cHRM", struct.pack(">8I", 31270, 32900, 70800, 29200, 17000, 79700, 13100, 4600)),
        (b"cICP", bytes([9, 16, 0, 1])),
        (b"sRGB", b"\0"),
        (b"pHYs", struct.pack(">IIB", 5669, 5669, 1)),
        (b"tEXt", b"Title\0a picture"),
        (b"iTXt", "Titel\0\0\0de\0\0schön".encode()),
        (b"zTXt", b"Comment\0\0" + zlib.compress(b"long" * 50)),
    ],
)
def test_chunks_of_a_png_come_along(kind, body):
    data = with_chunks(png(photo(20, 20)), chunk(kind, body))
    picture, files = results(data)
    assert picture.notes == ()
    for file in files:
        assert (kind, body) in list(chunks_of(file))
        with Image.open(io.BytesIO(file)) as image:
            image.load()
        kinds = [found for found, _ in chunks_of(file)]
        assert kinds.index(kind) < kinds.index(b"IDAT")
    stripped = encode_picture(picture, Settings.of(block=1, strip=True), ".png").data
    assert kind not in [found for found, _ in chunks_of(stripped)]


def test_the_resolution_of_a_jpeg_comes_along():
    buffer = io.BytesIO()
    Image.fromarray(photo(16, 16)).save(buffer, "JPEG", dpi=(144, 72))
    for file in results(buffer.getvalue())[1]:
        assert Image.open(io.BytesIO(file)).info["dpi"] == pytest.approx((144, 72), abs=0.1)


@pytest.mark.parametrize("kind", ["JPEG", "GIF"])
@pytest.mark.parametrize("comment", ["mouse 7, day 3", "Mäuse, 東京", b"M\xe4use", "a\0b", "", "\0"])
def test_a_comment_comes_along(kind, comment):
    data = comment if isinstance(comment, bytes) else comment.encode()
    buffer = io.BytesIO()
    Image.fromarray(photo(16, 16)).save(buffer, kind, comment=data)
    expected = {"M\xe4use"} if isinstance(comment, bytes) else {comment.replace("\0", " ").strip()} - {""}
    for file in results(buffer.getvalue())[1]:
        assert set(filter(None, [Image.open(io.BytesIO(file)).info.get("Comment")])) == expected


def gray_profile():
    """A profile of gray whose tone curve is linear."""
    point = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    curve = b"curv\0\0\0\0" + struct.pack(">I", 0)
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"gray\0" + bytes(78)
    text += bytes(-len(text) % 4)
    tags, place, table = [(b"desc", text), (b"wtpt", point), (b"kTRC", curve)], 132 + 36, b""
    for name, content in tags:
        table += name + struct.pack(">II", place, len(content))
        place += len(content)
    body = struct.pack(">I", len(tags)) + table + b"".join(content for _, content in tags)
    head = struct.pack(">I4sI4s4s4s", 128 + len(body), bytes(4), 0x02100000, b"mntr", b"GRAY", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head + bytes(128 - len(head)) + body


def test_gray_with_a_profile_of_gray_becomes_srgb():
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture, files = results(png(gray, icc_profile=gray_profile()))
    assert any("sRGB" in note for note in picture.notes)
    linear = gray / 255
    expected = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(picture.pixels[..., 0] - expected).max() < 2
    for file in files:
        assert b"iCCP" not in [kind for kind, _ in chunks_of(file)]


def test_gray_with_a_profile_of_colours_is_no_gray_png():
    buffer = io.BytesIO()
    Image.fromarray(photo(16, 16)[..., 0]).save(buffer, "JPEG", icc_profile=SRGB)
    picture = read_image(buffer.getvalue(), "image")
    assert "icc" in picture.metadata
    assert Image.open(io.BytesIO(png_of_pixels(picture.pixels, picture.metadata))).mode == "RGB"


def test_a_profile_that_does_not_fit_is_reported():
    buffer = io.BytesIO()
    Image.fromarray(photo(16, 16)).save(buffer, "JPEG", icc_profile=gray_profile())
    picture = read_image(buffer.getvalue(), "image")
    assert "icc" not in picture.metadata
    assert any("does not fit" in note for note in picture.notes)


def cmyk_profile(colors):
    """Profile of a press whose inks, none or all of each, show these colours: (2, 2, 2, 2, 3) in sRGB.

    A version 2 output profile whose only tag is a table of two points for each ink, in CIELAB.
    """
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    row = Image.fromarray(colors.reshape(1, 16, 3))
    # Of a and b, Pillow has signed bytes, and a table of 8 bits what is 128 more.
    points = np.asarray(ImageCms.profileToProfile(row, srgb, lab, outputMode="LAB")) ^ np.array([0, 128, 128], np.uint8)
    curve = bytes(range(256))
    unit = struct.pack(">9I", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + unit + 4 * curve + points.tobytes() + 3 * curve
    header = struct.pack(">I4sI4s4s4s", 144 + len(table), bytes(4), 0x02400000, b"prtr", b"CMYK", b"Lab ")
    # Relative to the paper, in the light of the D50 white.
    header += bytes(12) + b"acsp" + bytes(24) + struct.pack(">4I", 1, 0xF6D6, 0x10000, 0xD32D)
    return header.ljust(128, b"\0") + struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_converted_through_its_profile(kind, rng):
    colors = rng.integers(40, 220, (2, 2, 2, 2, 3)).astype(np.uint8)
    # Of any profile LittleCMS shows no ink as white.
    colors[0, 0, 0, 0] = 255
    inks = np.stack(np.meshgrid(*[[0, 255]] * 4, indexing="ij"), -1).reshape(4, 4, 4).astype(np.uint8)
    inks = inks.repeat(16, axis=0).repeat(16, axis=1)
    expected = colors.reshape(4, 4, 3).repeat(16, axis=0).repeat(16, axis=1).astype(int)
    found = {}
    for profile in (cmyk_profile(colors), None):
        buffer = io.BytesIO()
        options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
        Image.fromarray(inks, "CMYK").save(buffer, kind, icc_profile=profile, **options)
        picture = read_image(buffer.getvalue(), "image")
        assert any("CMYK" in note and ("through its" in note) == (profile is not None) for note in picture.notes)
        assert "icc" not in picture.metadata
        found[profile is not None] = np.abs(picture.pixels.astype(int) - expected).max()
    assert found[True] <= 8
    assert found[False] > 30


def test_lab_becomes_srgb(tmp_path):
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    pixels = photo(20, 20)
    ImageCms.profileToProfile(Image.fromarray(pixels), srgb, lab, outputMode="LAB").save(tmp_path / "a.tif")
    picture = read_image(tmp_path / "a.tif", "a")
    assert np.abs(picture.pixels.astype(int) - pixels).mean() < 4
    assert any("CIELAB" in note for note in picture.notes)


@pytest.mark.parametrize("form", ['tiff:Orientation="6"', "<tiff:Orientation>6</tiff:Orientation>"])
def test_xmp_does_not_turn_an_image_again(form):
    inner = f"{form}/>" if "<" not in form else f">{form}</rdf:Description>"
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" {inner}</rdf:RDF></x:xmpmeta>'
    )
    pixels = photo(20, 30)
    data = with_chunks(png(pixels), chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp.encode()))
    picture, files = results(data)
    assert (picture.pixels == np.rot90(pixels, -1)).all()
    for file in files:
        assert read_image(file, "again").pixels.shape == (30, 20, 3)


@pytest.mark.parametrize(("bits", "clear"), [(16, 0x1234), (16, 0), (8, 77), (4, 5), (2, 2), (1, 1)])
def test_gray_with_a_clear_sample(bits, clear):
    top = (1 << bits) - 1
    samples = np.arange(30 * 40).reshape(30, 40) * 7919 % (top + 1)
    samples[3:9, 5:12] = clear
    if bits == 16:
        # Alike in 8 bits, and not clear.
        samples[20:25] = clear + 1
    picture = read_image(raw_png(samples, bits, 0, chunk(b"tRNS", struct.pack(">H", clear))), "image")
    assert picture.pixels.shape == (30, 40, 2)
    assert ((picture.pixels[..., 1] == 0) == (samples == clear)).all()
    assert ((picture.pixels[..., 1] == 255) == (samples != clear)).all()
    assert np.abs(picture.pixels[..., 0] - samples * (255 / top)).max() <= 0.51


@pytest.mark.parametrize("bits", [8, 16])
def test_colours_with_a_clear_one(bits):
    samples = photo(20, 20).astype(int) * (257 if bits == 16 else 1)
    clear = [int(sample) for sample in samples[4, 4]]
    picture = read_image(raw_png(samples, bits, 2, chunk(b"tRNS", struct.pack(">3H", *clear))), "image")
    assert ((picture.pixels[..., 3] == 0) == (samples == clear).all(axis=2)).all()


def test_floats_out_of_range_are_spread_and_reported(tmp_path):
    samples = np.linspace(-3, 1200, 600, dtype=np.float32).reshape(20, 30)
    Image.fromarray(samples).save(tmp_path / "a.tif")
    picture = read_image(tmp_path / "a.tif", "a")
    assert np.abs(picture.pixels[..., 0] - (samples + 3) * (255 / 1203)).max() <= 0.51
    assert any("-3 to 1200" in note for note in picture.notes)


def test_floats_that_are_no_numbers_are_reported(tmp_path):
    samples = np.linspace(0, 255, 600, dtype=np.float32).reshape(20, 30)
    samples[3, 4] = np.nan
    Image.fromarray(samples).save(tmp_path / "a.tif")
    assert any("NaN" in note for note in read_image(tmp_path / "a.tif", "a").notes)


def test_whole_floats_are_without_loss(tmp_path):
    samples = np.arange(256, dtype=np.float32).reshape(16, 16)
    Image.fromarray(samples).save(tmp_path / "a.tif")
    picture = read_image(tmp_path / "a.tif", "a")
    assert (picture.pixels[..., 0] == samples).all()
    assert picture.notes == ()


def test_a_ppm_of_16_bits_is_reported():
    header = b"P6\n# made for a test\n5 4\n65535\n"
    picture = read_image(header + np.full((4, 5, 3), 40000, ">u2").tobytes(), "image")
    assert any("8 bits" in note for note in picture.notes)
    assert read_image(b"P6 5 4 255\n" + bytes(60), "image").notes == ()


@pytest.mark.parametrize(("flags", "told"), [(0x00, False), (0x40, True), (0x60, True)])
def test_more_bits_of_an_avif_are_reported(flags, told):
    from PIL import features

    if not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    buffer = io.BytesIO()
    Image.fromarray(photo(32, 32)).save(buffer, "AVIF")
    data = bytearray(buffer.getvalue())
    data[data.index(b"av1C") + 6] |= flags
    from quantize.images.samples import bits_a_sample

    assert (bits_a_sample(bytes(data)) > 8) == told


def test_a_jpeg_with_exif_that_cannot_be_read_is_good():
    buffer = io.BytesIO()
    Image.fromarray(photo(32, 32)).save(buffer, "JPEG")
    # A resolution of kind ASCII, far behind the end.
    entry = struct.pack("<HHII", 0x011A, 5, 1, 0x7FFFFFF0)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + entry + struct.pack("<HHII", 0x0128, 3, 9, 99) + bytes(4)
    plain = buffer.getvalue()
    # Without JFIF's own resolution Pillow looks into EXIF.
    start = 4 + int.from_bytes(plain[4:6], "big")
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[start:]
    assert (read_image(data, "image").pixels == read_image(plain, "image").pixels).all()


def test_too_much_metadata_is_left_out_and_reported(tmp_path):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[700] = b"A" * (MOST_METADATA + 1)
    tags.tagtype[700] = 1
    Image.fromarray(photo(16, 16)).save(tmp_path / "a.tif", tiffinfo=tags)
    picture = read_image(tmp_path / "a.tif", "a")
    assert any("16 MiB" in note for note in picture.notes)
    decode_picture(encode_picture(picture, Settings.of(block=1), ".vqi").data)


def test_the_writer_keeps_the_limits_of_the_reader():
    pixels = np.zeros((1, 1, 1), np.uint8)
    fits = pack("palette", pixels, [], {"xmp": bytes(MOST_METADATA)})
    assert len(unpack(fits, 1).metadata["xmp"]) == MOST_METADATA
    with pytest.raises(ContainerError, match="--strip"):
        pack("palette", pixels, [], {"xmp": bytes(MOST_METADATA + 1)})


def test_large_xmp_can_be_read_again():
    picture = Picture(photo(8, 8), {"xmp": b"<x:xmpmeta>" + b" " * (2 << 20) + b"</x:xmpmeta>"})
    palette = encode_picture(picture, Settings.of(block=1), ".png").data
    for file in (palette, png_of_pixels(picture.pixels, picture.metadata)):
        assert read_image(file, "again").metadata["xmp"] == picture.metadata["xmp"]


def test_a_palette_that_would_grow_is_kept():
    pixels = (np.indices((40, 40)).sum(0) // 7 % 5 * 40).astype(np.uint8)
    image = Image.fromarray(pixels).convert("P")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True, bits=4)
    small = encode_picture(read_image(buffer.getvalue(), "image"), Settings.of(block=1), ".png").data
    # A palette's PNG by ourselves is as small as we can make it: twice made, it must not grow.
    again = encode_picture(read_image(small, "image"), Settings.of(block=1), ".png")
    assert len(again.data) <= len(small)
    picture = read_image(small, "image")
    shrunk = Picture(picture.pixels, picture.metadata, (), small[:-20])
    kept = encode_picture(shrunk, Settings.of(block=1), ".png")
    assert kept.data == small[:-20]
    assert any("copy" in note for note in kept.notes)
