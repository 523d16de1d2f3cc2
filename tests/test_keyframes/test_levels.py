"""Images deeper than 8 bits: one range of levels for a whole recording, held against a naive twin."""

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

import keyframes
from keyframes import Settings, SettingsError, VideoReader
from keyframes.video.images.levels import Scale, find_range
from tests.test_keyframes.conftest import picture

N = 30
GRAY = np.stack([picture(i, 60, 80)[..., 1] for i in range(N)])


def scaled(image, low, high):
    """Naive twin, a level at a time."""
    told = {value: 255 * min(max((float(value) - low) / (high - low), 0.0), 1.0) for value in np.unique(image)}
    return np.vectorize(told.get)(image)


def read(path, **options):
    with VideoReader(path, **options) as video:
        images = np.stack([frame.image for frame in video])
        assert video.damage() == []
        return images, video.images.levels


@settings(deadline=None)
@given(
    arrays(np.uint16, (3, 5)),
    st.integers(0, 60000).flatmap(lambda low: st.tuples(st.just(low), st.integers(low + 1, 65535))),
)
def test_levels_between_low_and_high_are_spread_over_8_bits(image, levels):
    for kind in (np.uint16, np.int32, np.float32, np.float64):
        shown = Scale(*levels)(image.astype(kind))
        assert shown.dtype == np.uint8
        assert np.abs(shown - scaled(image, *levels)).max() <= 0.5 + 1e-9
    assert_array_equal(Scale(*levels)(image), Scale(*levels)(image.astype(np.float64)))


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_every_depth_is_as_bright_as_the_8_bits_that_it_came_from(tmp_path, bits):
    path = tmp_path / "stack.tif"
    deep = GRAY.astype(np.uint16) << (bits - 8)
    tifffile.imwrite(path, deep)
    images, levels = read(path)
    low, high = int(deep.min()), int(deep.max())
    assert levels == (low, high)
    assert_array_equal(images, np.repeat(Scale(low, high)(deep)[..., None], 3, axis=3))
    assert images.min() == 0
    assert images.max() == 255


NUMBERS = [
    (np.uint16, 100, 13),
    (np.int16, -3000, 20),
    (np.int32, -70000, 300),
    (np.uint32, 10, 1_000_000),
    (np.float16, 0, 0.25),
    (np.float32, 0, 1 / 255),
    (np.float64, -1e6, 3.7),
    (np.int8, -100, 0.5),
]


@pytest.mark.parametrize(
    ("kind", "offset", "unit", "holder"),
    [
        (*numbers, holder)
        for numbers in NUMBERS
        for holder in ("stack", "folder", "imagej")
        if holder != "imagej" or numbers[0] in (np.uint16, np.float32)  # ImageJ knows no others.
    ],
)
def test_every_kind_of_number_is_read(tmp_path, kind, offset, unit, holder):
    deep = (offset + GRAY.astype(np.float64) * unit).astype(kind)
    path = tmp_path / "stack"
    if holder == "folder":
        path.mkdir()
        for number, image in enumerate(deep):
            tifffile.imwrite(path / f"f{number:02d}.tif", image, compression="zlib")
    else:
        path = tmp_path / "stack.tif"
        tifffile.imwrite(path, deep, imagej=holder == "imagej")
    images, (low, high) = read(path)
    # Percentiles of even samples, in few digits: near the ends, not beyond them.
    width = float(deep.max()) - float(deep.min())
    assert abs(low - float(deep.min())) <= 0.01 * width + 1
    assert abs(high - float(deep.max())) <= 0.01 * width + 1
    assert_array_equal(images[..., 0], Scale(low, high)(deep))


def pack_bits(path, images, **options):
    """Write a stack that is compressed with PackBits, which tifffile does not write by itself."""
    height, width, *n_colors = images.shape[1:]
    with tifffile.TiffWriter(path, **options) as tiff:
        for image in images:
            parts = (image.tobytes()[first : first + 128] for first in range(0, image.nbytes, 128))
            packed = b"".join(bytes([len(part) - 1]) + part for part in parts)
            # A byte of 128 stands for nothing: whole pixels of them can be written as if they were the picture.
            packed += b"\x80" * (-len(packed) % image[0, 0].nbytes)
            photometric = "rgb" if n_colors else "minisblack"
            pixels = np.frombuffer(packed, image.dtype).reshape(1, -1, *n_colors)
            tiff.write(pixels, photometric=photometric, metadata=None, contiguous=False)
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        for page in tiff.pages:
            for tag, value in (("ImageWidth", width), ("ImageLength", height), ("RowsPerStrip", height)):
                page.tags[tag].overwrite(value)
            page.tags["Compression"].overwrite(tifffile.COMPRESSION.PACKBITS)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("kind", ["i1", "u2", "i2", "i4", "f4", "f8"])
def test_compressed_numbers_are_those_that_are_not_compressed(tmp_path, kind, byteorder):
    numbers = (GRAY // 2).astype(byteorder + kind)
    tifffile.imwrite(tmp_path / "plain.tif", numbers, byteorder=byteorder, photometric="minisblack")
    pack_bits(tmp_path / "packed.tif", numbers, byteorder=byteorder)
    images, levels = read(tmp_path / "packed.tif")
    expected, expected_levels = read(tmp_path / "plain.tif")
    assert levels == expected_levels
    assert_array_equal(images, expected)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_compressed_colours_keep_their_depth(tmp_path, kind, byteorder):
    colors = np.stack([picture(i, 60, 80) for i in range(N)]).astype(byteorder + kind)
    pack_bits(tmp_path / "packed.tif", colors[..., ::-1], byteorder=byteorder)
    images, levels = read(tmp_path / "packed.tif")
    assert levels == (int(colors.min()), int(colors.max()))
    assert_array_equal(images, Scale(*levels)(colors.astype(kind)))


def test_16_bit_png_and_colour_are_scaled_by_one_range(tmp_path):
    colors = np.stack([picture(i, 60, 80) for i in range(N)]).astype(np.uint16) * 16
    for number, image in enumerate(colors):
        cv2.imwrite(str(tmp_path / f"f{number:02d}.png"), image)
    images, levels = read(tmp_path)
    assert levels == (int(colors.min()), int(colors.max()))
    assert_array_equal(images, Scale(*levels)(colors))
    tifffile.imwrite(tmp_path / "stack.tif", colors[..., ::-1], photometric="rgb")
    again, _ = read(tmp_path / "stack.tif")
    assert_array_equal(again, images)


def test_one_deep_image_among_many_of_8_bits_gives_the_levels(tmp_path):
    for number in range(101):
        image = picture(number, 60, 80)
        cv2.imwrite(str(tmp_path / f"f{number:03d}.png"), image if number != 50 else image.astype(np.uint16) * 16)
    images, levels = read(tmp_path)
    deep = picture(50, 60, 80).astype(np.uint16) * 16
    assert levels == (int(deep.min()), int(deep.max()))
    assert_array_equal(images[50], Scale(*levels)(deep))
    assert_array_equal(images[49], picture(49, 60, 80))


def test_the_factor_is_the_same_for_every_image(tmp_path):
    """A light that goes on, an image of one level, a bright spot: what they change are their own pixels."""
    deep = GRAY.astype(np.uint16) * 10
    deep[10] *= 2
    deep[11] = 777
    deep[12, 5:7, 5:7] = 60000
    tifffile.imwrite(tmp_path / "stack.tif", deep)
    images, levels = read(tmp_path / "stack.tif")
    table = {}
    for level, shown in zip(deep.reshape(-1), images[..., 0].reshape(-1), strict=True):
        assert table.setdefault(int(level), int(shown)) == shown
    assert levels[1] < 6000


def test_hot_pixels_do_not_darken_the_rest_and_a_small_animal_keeps_its_levels(tmp_path):
    deep = np.random.default_rng(0).integers(500, 600, (N, 200, 300)).astype(np.uint16)
    deep[:, 20::50, 20::50] = 65535
    deep[:, 100:106, 50:56] = np.linspace(1000, 3000, 36).reshape(6, 6).astype(np.uint16)
    tifffile.imwrite(tmp_path / "stack.tif", deep)
    _, (low, high) = read(tmp_path / "stack.tif")
    assert 500 <= low <= 540
    assert 2000 <= high <= 3000


def test_nan_and_infinity_are_no_levels(tmp_path):
    deep = GRAY.astype(np.float32)
    deep[:, :10] = np.nan
    deep[3, 20, 20] = np.inf
    deep[4] = np.nan
    tifffile.imwrite(tmp_path / "stack.tif", deep)
    images, (low, high) = read(tmp_path / "stack.tif")
    assert (low, high) == (float(GRAY.min()), float(GRAY.max()))
    assert images[3, 20, 20, 0] == 255
    assert not images[:, :10].any()
    assert find_range([np.full((5, 5), np.nan)]) == (0.0, 1.0)
    assert find_range([np.full((5, 5), 7, np.uint16)]) == (7.0, 8.0)


def test_levels_by_hand_are_used_told_and_kept(tmp_path, run_command):
    path = tmp_path / "stack.tif"
    deep = GRAY.astype(np.uint16) * 16
    tifffile.imwrite(path, deep)
    images, _ = read(path, levels=(1000, 3000))
    assert_array_equal(images[..., 0], Scale(1000, 3000)(deep))
    done = run_command("keyframes", "extract", path, "-k", "4", "--levels", "1000,3000", "-o", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    done = run_command("keyframes", "extract", path, "-k", "4", "-o", tmp_path / "found")
    assert done.stderr == (
        f"note: {path}: levels {deep.min()} to {deep.max()} are shown as black to white; --levels changes that\n"
    )
    result = keyframes.extract(path, 4, output=tmp_path / "again", levels=(1000, 3000))
    assert result.manifest["settings"]["levels"] == [1000.0, 3000.0]
    assert result.manifest["video"]["levels"] == [1000.0, 3000.0]
    for index, file in zip(result.frame_indices, result.files, strict=True):
        assert_array_equal(cv2.imread(str(file)), images[index])
    for name in ("manifest.json", "report.html", "scan.npz"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    # An export that decodes again shows the same levels.
    done = run_command(
        *("keyframes", "export", tmp_path / "out", "--to", "lightning-pose", "--bodyparts", "nose", "--video", path),
        *("-o", tmp_path / "pose"),
    )
    assert done.returncode == 0, done.stderr
    for file in (tmp_path / "pose" / "labeled-data" / "stack").glob("*.png"):
        assert_array_equal(cv2.imread(str(file)), images[int(file.stem[3:])])


def test_8_bits_stay_as_they_are_unless_levels_are_given(tmp_path):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, GRAY // 2)
    images, levels = read(path)
    assert levels is None
    assert_array_equal(images[..., 0], GRAY // 2)
    result = keyframes.extract(path, 4, output=tmp_path / "out")
    assert "levels" not in result.manifest["video"]
    assert "levels" not in result.manifest["settings"]
    images, _ = read(path, levels=(0, 127))
    assert_array_equal(images[..., 0], Scale(0, 127)(GRAY // 2))


@pytest.mark.parametrize("levels", [(5, 5), (6, 5), (0, float("nan")), (0, float("inf")), (1, 2, 3), (1,)])
def test_levels_that_are_no_range_are_refused(levels):
    with pytest.raises(SettingsError, match="levels"):
        Settings(k=5, levels=levels)


@pytest.mark.parametrize(
    "arguments", [("--levels", "5"), ("--levels", "5,5"), ("--levels", "a,b"), ("--rate", "0"), ("--rate", "x")]
)
def test_the_command_refuses_them_as_wrong_usage(arguments, tmp_path, run_command):
    done = run_command("keyframes", "extract", tmp_path / "a.tif", "-k", "3", *arguments)
    assert done.returncode == 2
