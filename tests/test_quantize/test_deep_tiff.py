"""TIFFs of more than 8 bits a sample, as microscopes and scientific programs write them."""

import struct

import numpy as np
import pytest
import tifffile
from numpy.testing import assert_array_equal
from PIL import Image

from quantize.errors import ImageError
from quantize.images.files import read_image

LEVELS = np.arange(256).reshape(16, 16)


def tiff_of(samples, bits, *, white_is_zero=False, orientation=1):
    """File of one plane (height, width) of whole numbers, uncompressed, in one strip."""
    height, width = samples.shape
    strip = packed(samples, bits)
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: int(not white_is_zero), 273: 0, 274: orientation}
    tags |= {277: 1, 278: height, 279: len(strip), 284: 1}
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + directory + bytes(4) + strip


def packed(plane, bits):
    if bits == 16:
        return plane.astype("<u2").tobytes()
    digits = (plane[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(digits.reshape(len(plane), -1).astype(np.uint8), axis=1).tobytes()


@pytest.mark.parametrize(("bits", "white_is_zero"), [(12, False), (16, False), (16, True)])
@pytest.mark.parametrize("orientation", [1, 3])
def test_the_depth_and_the_meaning_of_zero_are_those_of_the_file(bits, white_is_zero, orientation):
    most = (1 << bits) - 1
    samples = np.rint(LEVELS / 255 * most).astype(np.int64)
    data = tiff_of(
        most - samples if white_is_zero else samples, bits, white_is_zero=white_is_zero, orientation=orientation
    )
    picture = read_image(data, "a.tif")
    found = picture.pixels[..., 0] if orientation == 1 else picture.pixels[::-1, ::-1, 0]
    assert np.abs(found.astype(int) - LEVELS).max() <= 1
    assert any("8 bits" in note for note in picture.notes)


@pytest.mark.parametrize(("most", "exact"), [(249, True), (7, True), (1000, False)])
def test_labels_of_32_bits_are_kept_where_they_fit_a_byte(most, exact, tmp_path):
    labels = np.linspace(0, most, 256).astype(np.int32).reshape(16, 16)
    Image.fromarray(labels).save(tmp_path / "a.tif")
    picture = read_image(tmp_path / "a.tif", "a.tif")
    if exact:
        assert (picture.pixels[..., 0] == labels).all()
        assert picture.notes == ()
    else:
        assert (picture.pixels.min(), picture.pixels.max()) == (0, 255)
        assert any("scaled to 0 to 255" in note for note in picture.notes)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("n_samples", [3, 4])
def test_planes_of_16_bits_are_colours(compression, order, n_samples, tmp_path):
    levels = np.stack([(LEVELS + 50 * i) % 256 for i in range(n_samples)]).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif",
        levels * 257,
        byteorder=order,
        photometric="rgb",
        planarconfig="separate",
        extrasamples=["unassalpha"] * (n_samples - 3),
        compression=compression,
    )
    picture = read_image(tmp_path / "a.tif", "a.tif")
    assert (picture.pixels == levels.transpose(1, 2, 0)).all()
    assert any("8 bits" in note for note in picture.notes)


@pytest.mark.parametrize(
    ("dtype", "options", "kind"),
    [
        (np.float64, {}, "64-bit floats"),
        (np.float16, {"bigtiff": True}, "16-bit floats"),
        (np.float32, {"photometric": "rgb"}, "32-bit floats, 3 a pixel"),
        (np.uint16, {"photometric": "miniswhite", "byteorder": ">"}, "16-bit integers, white is 0"),
    ],
)
def test_a_kind_that_pillow_does_not_know_is_named(dtype, options, kind, tmp_path):
    samples = np.stack([LEVELS] * 3, 2) if "rgb" in options.values() else LEVELS
    tifffile.imwrite(tmp_path / "a.tif", samples.astype(dtype), **options)
    with pytest.raises(ImageError) as raised:
        read_image(tmp_path / "a.tif", "a.tif")
    assert str(raised.value) == f"a.tif: this kind of TIFF ({kind}) is not supported; save it as PNG"


@pytest.mark.parametrize(
    ("dtype", "n", "photometric", "compression", "kind"),
    [
        (np.uint8, 2, "minisblack", None, "8-bit integers, 2 a pixel in separate planes"),
        (np.uint8, 2, "minisblack", "zlib", "8-bit integers, 2 a pixel in separate planes"),
        (np.uint16, 4, "separated", None, "16-bit integers, 4 a pixel in separate planes"),
    ],
)
def test_planes_that_pillow_would_mix_up_are_named(dtype, n, photometric, compression, kind, tmp_path):
    planes = np.stack([LEVELS] * n).astype(dtype)
    options = {"photometric": photometric, "planarconfig": "separate", "compression": compression}
    tifffile.imwrite(tmp_path / "a.tif", planes, extrasamples=["unassalpha"] * (n == 2), **options)
    with pytest.raises(ImageError, match=rf"a\.tif: this kind of TIFF \({kind}\) is not supported; save it as PNG"):
        read_image(tmp_path / "a.tif", "a.tif")


def test_compressed_planes_of_printing_colors_are_read(tmp_path):
    planes = 257 * np.stack([LEVELS, LEVELS[::-1], LEVELS // 2, LEVELS * 0]).astype(np.uint16)
    options = {"photometric": "separated", "planarconfig": "separate", "compression": "zlib"}
    tifffile.imwrite(tmp_path / "deep.tif", planes, **options)
    tifffile.imwrite(tmp_path / "flat.tif", (planes >> 8).astype(np.uint8), **options)
    deep, flat = (read_image(tmp_path / name, name) for name in ("deep.tif", "flat.tif"))
    assert_array_equal(deep.pixels, flat.pixels)


@pytest.mark.parametrize("bits", [10, 14])
def test_a_depth_that_pillow_does_not_know_is_named(bits):
    with pytest.raises(ImageError, match=rf"a\.tif: this kind of TIFF \({bits}-bit integers\) is not supported; save"):
        read_image(tiff_of(LEVELS, bits), "a.tif")


def test_a_tiff_with_damaged_tags_is_one_line():
    with pytest.raises(ImageError, match=r"^a\.tif: this kind of TIFF \(unknown\) is not supported; [^\n]*$"):
        read_image(b"II*\0" + bytes(12), "a.tif")


def test_only_tags_that_describe_the_picture_are_kept(tmp_path):
    image = Image.fromarray(LEVELS.astype(np.uint8))
    image.save(tmp_path / "a.tif", tiffinfo={270: "a mouse", 315: "Anna", 37724: b"layers" * 50_000, 271: "Basler"})
    picture = read_image(tmp_path / "a.tif", "a.tif")
    exif = Image.Exif()
    exif.load(picture.metadata["exif"])
    assert {tag: exif[tag] for tag in exif} == {270: "a mouse", 271: "Basler", 315: "Anna"}
