"""TIFFs of more than 8 bits a sample, as microscopes and scientific programs write them."""

import struct

import numpy as np
import pytest
from PIL import Image

from quantize.errors import ImageError
from quantize.images.files import read_image

LEVELS = np.arange(256).reshape(16, 16)


def tiff_of(planes, bits, *, white_is_zero=False, orientation=1):
    """File of one or three planes (height, width) of whole numbers, uncompressed, each plane in a strip of its own."""
    height, width = planes[0].shape
    strips = [packed(plane, bits) for plane in planes]
    n = len(planes)
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: 2 if n == 3 else int(not white_is_zero), 274: orientation}
    tags |= {277: n, 278: height, 279: len(strips[0]), 284: 2 if n == 3 else 1}
    n_tags = len(tags) + 1
    behind = 8 + 2 + 12 * n_tags + 4
    entries = {tag: struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items()}
    first = behind if n == 1 else behind + 6 + 8 * n
    starts = [first + i * len(strips[0]) for i in range(n)]
    tables = b""
    if n == 1:
        entries[273] = struct.pack("<HHII", 273, 4, 1, first)
    else:
        entries[258] = struct.pack("<HHII", 258, 3, n, behind)
        entries[273] = struct.pack("<HHII", 273, 4, n, behind + 6)
        entries[279] = struct.pack("<HHII", 279, 4, n, behind + 6 + 4 * n)
        tables = struct.pack("<3H", *[bits] * n) + struct.pack(f"<{n}I", *starts)
        tables += struct.pack(f"<{n}I", *map(len, strips))
    directory = struct.pack("<H", n_tags) + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    return struct.pack("<2sHI", b"II", 42, 8) + directory + tables + b"".join(strips)


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
        [most - samples if white_is_zero else samples], bits, white_is_zero=white_is_zero, orientation=orientation
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
        assert any("spread over 0 to 255" in note for note in picture.notes)


def test_colours_in_planes_of_16_bits_are_refused():
    planes = [(257 * LEVELS + 99 * i) % 65536 for i in range(3)]
    with pytest.raises(ImageError, match=r"a\.tif: has colours of 16 bits in separate planes; save it with"):
        read_image(tiff_of(planes, 16), "a.tif")


def test_a_kind_that_pillow_does_not_know_is_called_a_tiff():
    with pytest.raises(ImageError, match=r"a\.tif: is a TIFF of a kind that cannot be read; save it with 8 or 16 bits"):
        read_image(tiff_of([LEVELS], 10), "a.tif")


def test_only_tags_that_describe_the_picture_are_kept(tmp_path):
    image = Image.fromarray(LEVELS.astype(np.uint8))
    image.save(tmp_path / "a.tif", tiffinfo={270: "a mouse", 315: "Anna", 37724: b"layers" * 50_000, 271: "Basler"})
    picture = read_image(tmp_path / "a.tif", "a.tif")
    exif = Image.Exif()
    exif.load(picture.metadata["exif"])
    assert {tag: exif[tag] for tag in exif} == {270: "a mouse", 271: "Basler", 315: "Anna"}
