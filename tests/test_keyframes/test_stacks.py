"""TIFF stacks of every kind, whole and damaged, held against tifffile and Pillow."""

import contextlib
import os
import struct

import cv2
import numpy as np
import pytest
import tifffile
from numpy.testing import assert_array_equal
from PIL import Image

import keyframes
from keyframes import VideoError, VideoReader
from tests.test_keyframes.conftest import picture

N = 20
COLORS = np.stack([picture(i, 60, 80) for i in range(N)])
GRAY = np.ascontiguousarray(COLORS[..., 1])


def read(path, **options):
    with VideoReader(path, **options) as video:
        return {frame.index: frame.image for frame in video}, video.damage()


def gray(frames):
    assert all((image == image[..., :1]).all() for image in frames.values())
    return np.stack([image[..., 0] for image in frames.values()])


def by_pillow(path, images, **options):
    first, *others = [Image.fromarray(image) for image in images]
    first.save(path, save_all=True, append_images=others, **options)


def zero(path, page, share=(0.1, 0.9)):
    """Zero a part of a page's data."""
    with tifffile.TiffFile(path) as tiff:
        offset, size = tiff.pages[page].dataoffsets[0], tiff.pages[page].databytecounts[0]
    data = bytearray(path.read_bytes())
    first, last = (offset + int(size * part) for part in share)
    data[first:last] = bytes(last - first)
    path.write_bytes(data)


def cut(path, share=2 / 3):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"imagej": True},
        {"imagej": True, "truncate": True},
        {"truncate": True},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"ome": True},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": True},
        {"rowsperstrip": 7},
        {"tile": (16, 32)},
    ],
    ids=str,
)
def test_every_layout_of_a_gray_stack_is_read(tmp_path, options):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, GRAY, photometric="minisblack", **options)
    frames, damage = read(path)
    assert list(frames) == list(range(N))
    assert_array_equal(gray(frames), GRAY)
    assert damage == []


def test_each_file_of_an_ome_series_is_the_page_that_it_holds(tmp_path):
    """Every file describes the whole recording, as microscopes write one file for each time."""
    names = [f"t{time}.ome.tif" for time in range(N)]
    planes = "".join(
        f'<TiffData FirstT="{time}" IFD="0"><UUID FileName="{name}"/></TiffData>' for time, name in enumerate(names)
    )
    pixels = f'DimensionOrder="XYZCT" Type="uint8" SizeX="80" SizeY="60" SizeZ="1" SizeC="1" SizeT="{N}"'
    image_text = f"<Image><Pixels {pixels}>{planes}</Pixels></Image>"
    text = f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{image_text}</OME>'
    for name, image in zip(names, GRAY, strict=True):
        tifffile.imwrite(tmp_path / name, image, description=text, metadata=None)
    frames, damage = read(tmp_path)
    assert_array_equal(gray(frames), GRAY)
    assert damage == []
    frames, damage = read(tmp_path / names[3])
    assert_array_equal(gray(frames), GRAY[3:4])
    assert damage == []


@pytest.mark.parametrize(
    ("mode", "compression"),
    [
        (mode, compression)
        for mode in ("L", "RGB", "P", "1")
        for compression in ("raw", "tiff_lzw", "tiff_deflate", "packbits", "jpeg")
        # JPEG knows neither palettes nor single bits.
        if compression != "jpeg" or mode in ("L", "RGB")
    ],
)
def test_8_bits_are_what_opencv_makes_of_them(tmp_path, mode, compression):
    path = tmp_path / "stack.tif"
    images = [np.asarray(Image.fromarray(image[..., ::-1]).convert(mode)) for image in COLORS]
    if mode == "P":
        first, *others = [Image.fromarray(image[..., ::-1]).convert(mode) for image in COLORS]
        first.save(path, save_all=True, append_images=others, compression=compression)
    else:
        by_pillow(path, images, compression=compression)
    frames, damage = read(path)
    assert damage == []
    _, expected = cv2.imreadmulti(str(path), flags=cv2.IMREAD_COLOR)
    for index, image in frames.items():
        assert_array_equal(image, expected[index])


def test_pages_in_colour_with_and_without_alpha_or_planes(tmp_path):
    colors = COLORS[..., ::-1]
    for name, data, options in (
        ("rgb", colors, {}),
        ("planes", np.moveaxis(colors, 3, 1), {"planarconfig": "separate"}),
        (
            "alpha",
            np.concatenate([colors, np.full_like(colors[..., :1], 255)], axis=3),
            {"extrasamples": ["unassalpha"]},
        ),
    ):
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, data, photometric="rgb", **options)
        frames, damage = read(path)
        assert damage == []
        assert_array_equal(np.stack(list(frames.values())), COLORS)


@pytest.mark.parametrize("compression", ["zlib", "tiff_lzw", "packbits", "jpeg"])
def test_a_damaged_page_is_named_and_never_used(tmp_path, compression):
    path = tmp_path / "stack.tif"
    noise = np.random.default_rng(0).integers(0, 40, GRAY.shape).astype(np.uint8)
    if compression == "zlib":
        tifffile.imwrite(path, GRAY // 2 + noise, compression=compression, metadata=None)
    else:
        by_pillow(path, GRAY // 2 + noise, compression=compression)
    whole, _ = read(path)
    zero(path, 7)
    frames, damage = read(path)
    assert damage == ["1 of 20 pages could not be decoded and is left out: frame 7"]
    assert set(frames) == set(range(N)) - {7}
    for index, image in frames.items():
        assert_array_equal(image, whole[index])
    result = keyframes.extract(path, N, output=tmp_path / "out")
    assert damage[0] in result.warnings
    assert 7 not in result.frame_indices
    with VideoReader(path) as video, pytest.raises(VideoError, match="frame 7 cannot be decoded"):
        assert [frame.index for frame in video.read_frames([6, 7, 9])] == [6, 9]


def test_a_strip_that_was_never_written_is_no_black_part(tmp_path):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, GRAY, rowsperstrip=20, compression="zlib", metadata=None)
    with tifffile.TiffFile(path) as tiff:
        tag = tiff.pages[3].tags["StripByteCounts"]
        where, kind = tag.valueoffset, {2: "H", 3: "H", 4: "I"}[int(tag.dtype)]
    data = bytearray(path.read_bytes())
    struct.pack_into(f"<{kind}", data, where, 0)
    path.write_bytes(data)
    frames, damage = read(path)
    assert set(frames) == set(range(N)) - {3}
    assert damage == ["1 of 20 pages could not be decoded and is left out: frame 3"]


@pytest.mark.parametrize("layout", ["interleaved", "lzw", "contiguous", "imagej"])
def test_a_stack_that_was_cut_off_says_so_and_gives_what_is_whole(tmp_path, layout, run_command):
    path = tmp_path / "stack.tif"
    if layout == "interleaved":
        with tifffile.TiffWriter(path) as tiff:
            for image in GRAY:
                tiff.write(image, contiguous=False)
    elif layout == "lzw":
        by_pillow(path, GRAY, compression="tiff_lzw")
    else:
        tifffile.imwrite(path, GRAY, imagej=layout == "imagej", truncate=layout == "imagej")
    whole, _ = read(path)
    cut(path)
    frames, damage = read(path)
    assert 12 <= len(frames) <= 14
    assert list(frames) == list(range(len(frames)))
    for index, image in frames.items():
        assert_array_equal(image, whole[index])
    text = "; ".join(damage)
    if layout in ("interleaved", "lzw"):
        assert "the file was cut off" in text
    else:
        n_lost = N - len(frames)
        assert text == (
            f"{n_lost} of 20 pages could not be decoded and are left out: "
            + ", ".join(f"frame {index}" for index in range(len(frames), N))
        )
    done = run_command("keyframes", "extract", str(path), "-k", "4", "-o", str(tmp_path / "out"))
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert lines
    assert all(line.startswith(("warning: ", "note: ")) for line in lines)


def test_pages_of_another_size_are_left_out_and_named(tmp_path):
    path = tmp_path / "stack.tif"
    with tifffile.TiffWriter(path) as tiff:
        for number, image in enumerate(GRAY):
            tiff.write(image[:30, :40] if number in (0, 5) else image, contiguous=False)
    frames, damage = read(path)
    assert set(frames) == set(range(N)) - {0, 5}
    assert damage == ["2 of 20 pages differ in size from most (80 x 60 pixels) and are left out: frame 0, frame 5"]


@pytest.mark.parametrize(
    "data", [np.zeros((3, 40, 50, 7), np.uint8), np.zeros((3, 40, 50), np.complex64)], ids=["7", "complex"]
)
def test_what_is_no_picture_is_an_error_that_says_why(tmp_path, data):
    path = tmp_path / "stack.tif"
    with tifffile.TiffWriter(path) as tiff:
        for image in data:
            tiff.write(image, photometric="minisblack", planarconfig="contig", contiguous=False)
    with pytest.raises(VideoError, match=r"not one image can be decoded .*not a gray or RGB image"):
        VideoReader(path)


@pytest.mark.parametrize(("number", "name"), [(34712, "JPEG2000"), (65123, "65123")])
def test_a_compression_that_cannot_be_read_is_named(tmp_path, number, name):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, GRAY, photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path) as tiff:
        places = [page.tags["Compression"].valueoffset for page in tiff.pages]
    data = bytearray(path.read_bytes())
    for place in places:
        struct.pack_into("<H", data, place, number)
    path.write_bytes(data)
    with pytest.raises(VideoError) as raised:
        VideoReader(path)
    assert str(raised.value) == (
        f"{path}: not one image can be decoded (its compression, {name}, cannot be read); save it uncompressed or with "
        "LZW"
    )


@pytest.mark.parametrize("tag", ["ImageWidth", "BitsPerSample", "RowsPerStrip", "StripByteCounts"])
@pytest.mark.parametrize("n_values", [0, 2, 3])
def test_a_description_with_another_number_of_values_is_damage_and_no_crash(tmp_path, tag, n_values):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, GRAY[:2], photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path) as tiff:
        offset = tiff.pages[0].tags[tag].offset
    data = bytearray(path.read_bytes())
    data[offset + 4 : offset + 8] = struct.pack("<I", n_values)
    path.write_bytes(data)
    with contextlib.suppress(VideoError):
        frames, damage = read(path)
        assert len(frames) == 2 or damage


@pytest.mark.slow
def test_nothing_of_a_damaged_stack_reaches_the_terminal_unexplained(tmp_path, run_installed):
    path = tmp_path / "stack.tif"
    by_pillow(path, GRAY, compression="tiff_lzw")
    zero(path, 4)
    cut(path, 0.9)
    for command in (["info", str(path)], ["extract", str(path), "-k", "3", "-o", str(tmp_path / "out")]):
        done = run_installed("keyframes", *command)
        assert done.returncode == 0
        assert "[ERROR" not in done.stderr + done.stdout
        assert "[ WARN" not in done.stderr + done.stdout
        assert "could not be decoded" in done.stderr + done.stdout


def test_memory_and_handles_are_given_back(tmp_path):
    path = tmp_path / "stack.tif"
    by_pillow(path, GRAY, compression="tiff_lzw")
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    if before is None:
        pytest.skip("no /proc here")
    for _ in range(5):
        read(path)
    assert len(os.listdir("/proc/self/fd")) == before
