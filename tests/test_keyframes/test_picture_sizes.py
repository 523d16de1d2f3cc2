"""A change of the picture's size in mid-file is reported, with its time and both sizes."""

import cv2
import numpy as np
import pytest

from keyframes import VideoReader, extract
from keyframes.video.picture_sizes import describe_sizes
from tests.conftest import slow_but_for
from tests.test_keyframes.conftest import X264, ffmpeg

N_FRAMES = 50
MPEG2 = ("-c:v", "mpeg2video", "-q:v", "2", "-g", "12")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M", "-g", "25")
VP8 = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M", "-g", "25")
KINDS = {
    "h264.ts": (*X264, "-g", "25", "-bf", "0"),
    "hevc.ts": ("-c:v", "libx265", "-x265-params", "log-level=error:keyint=25:bframes=0"),
    "mpeg2.ts": MPEG2,
    "vp8.webm": VP8,
    "vp9.webm": VP9,
    "vp9.mkv": VP9,
}


def joined(folder, name, sizes):
    """A file of one stream whose picture changes its size every 50 frames."""
    parts = []
    for number, size in enumerate(sizes):
        part = folder / f"{number}-{name}.{'ts' if name.endswith('.ts') else 'ivf'}"
        source = ("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25", "-frames:v", N_FRAMES, "-pix_fmt", "yuv420p")
        offset = ("-output_ts_offset", 2 * number, "-f", "mpegts") if name.endswith(".ts") else ()
        ffmpeg(*source, *KINDS[name], *offset, part)
        parts.append(part.read_bytes())
    path = folder / name
    if name.endswith(".ts"):
        path.write_bytes(b"".join(parts))
        return path
    # IVF: a header of 32 bytes, then 12 bytes before each packet, with its size and its time.
    stream, time = bytearray(parts[0][:32]), 0
    for part in parts:
        place = 32
        while place < len(part):
            size = int.from_bytes(part[place : place + 4], "little")
            stream += part[place : place + 4] + time.to_bytes(8, "little") + part[place + 12 : place + 12 + size]
            place, time = place + 12 + size, time + 1
    raw = folder / f"{name}.ivf"
    raw.write_bytes(stream)
    ffmpeg("-i", raw, "-c", "copy", path)
    return path


@pytest.mark.parametrize("backend", [None, "ffmpeg"])
@pytest.mark.parametrize("name", slow_but_for(["h264.ts"], KINDS))
def test_a_change_is_reported_with_its_time_and_both_sizes(name, backend, tmp_path):
    path = joined(tmp_path, name, ["320x240", "240x240"])
    with VideoReader(path, backend=backend) as reader:
        images = {frame.index: frame.image for frame in reader}
        warnings = reader.damage()
    (warning,) = [warning for warning in warnings if "size" in warning]
    assert "320 x 240, 240 x 240 from " in warning
    assert "scaled to 320 x 240" in warning
    change = float(warning.split("from ")[1].split(" s")[0])
    assert change == pytest.approx(2, abs=0.1)
    # The last picture is that of the smaller stream, stretched and nothing else.
    alone = tmp_path / "alone.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=240x240:r=25", "-frames:v", N_FRAMES, "-c:v", "ffv1", alone)
    with VideoReader(alone) as reader:
        (expected,) = reader.read_frames([N_FRAMES - 1])
    stretched = cv2.resize(expected.image, (320, 240), interpolation=cv2.INTER_CUBIC)
    assert np.abs(images[max(images)] - stretched.astype(np.int16)).mean() < 12


@pytest.mark.parametrize(("ending", "codec"), [("mp4", X264), ("mov", X264), ("avi", ("-c:v", "mpeg4")), ("mkv", X264)])
def test_a_change_is_reported_where_recordings_were_joined_by_ffmpeg(ending, codec, tmp_path):
    """However short the groups of pictures are: MP4, MOV and AVI give one size for the whole track."""
    parts = [tmp_path / f"{number}.{ending}" for number in range(2)]
    for part, size in zip(parts, ("320x240", "240x240"), strict=True):
        source = ("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25", "-frames:v", N_FRAMES, "-pix_fmt", "yuv420p")
        ffmpeg(*source, *codec, "-g", "10", part)
    (tmp_path / "parts.txt").write_text("".join(f"file '{part.name}'\n" for part in parts), encoding="utf-8")
    ffmpeg("-f", "concat", "-i", tmp_path / "parts.txt", "-c", "copy", tmp_path / f"joined.{ending}")
    with VideoReader(tmp_path / f"joined.{ending}") as reader:
        list(reader.walk())
        (warning,) = [warning for warning in reader.damage() if "size" in warning]
    assert "320 x 240, 240 x 240 from 2." in warning
    with VideoReader(parts[0]) as reader:
        assert reader.packets.same_parameters
        list(reader.walk())
        assert not reader.damage()


@pytest.mark.parametrize("name", ["vp9.mkv", "mpeg2.ts"])
def test_a_file_of_one_size_is_not_called_changing(name, tmp_path):
    path = joined(tmp_path, name, ["320x240", "320x240"])
    for backend in (None, "ffmpeg"):
        with VideoReader(path, backend=backend) as reader:
            list(reader.walk())
            assert not [warning for warning in reader.damage() if "size" in warning]


def test_an_extraction_reports_it_for_the_part_that_was_looked_at(tmp_path):
    path = joined(tmp_path, "vp9.webm", ["320x240", "240x240"])
    whole = extract(path, 3, output=tmp_path / "whole")
    part = extract(path, 3, output=tmp_path / "part", stop_s=1.5)
    longer = extract(path, 3, output=tmp_path / "longer", start_s=1, stop_s=3)
    assert [warning for warning in whole.warnings if "picture size changes" in warning]
    assert [warning for warning in longer.warnings if "picture size changes" in warning]
    assert not [warning for warning in part.warnings if "picture size changes" in warning]


def test_many_changes_are_counted():
    sizes = tuple((float(i), 100 + i % 2, 50) for i in range(9))
    (warning,) = describe_sizes(sizes, 99.0)
    assert warning.startswith("the picture size changes: 100 x 50, 101 x 50 from 1.000 s, ")
    assert "and 4 more changes; all pictures were scaled to 100 x 50" in warning
    assert describe_sizes(sizes, 0.5) == describe_sizes((), 9.0) == []
