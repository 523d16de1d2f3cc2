"""Blocks of a file that a disk lost: everything that PyAV, an independent witness, can still decode is looked at.

`KEYFRAMES_FUZZ_PLACES=50 pytest -m slow tests/test_keyframes/test_lost_blocks.py` runs in full; `KEYFRAMES_FUZZ_SEED`
repeats the seed that a failed run printed.
"""

import os
import random
import re

import av
import cv2
import numpy as np
import pytest

import keyframes
from keyframes.video import Damage, VideoReader
from keyframes.video.inspection import inspect
from tests.test_keyframes.conftest import X264, encode_images, ffmpeg, picture, read_number

PLACES = int(os.environ.get("KEYFRAMES_FUZZ_PLACES", "2"))
BLOCKS = (4 << 10, 64 << 10)
N_FRAMES = 256
# What two colour conversions may differ by on average, and a picture that is right from one that is not.
CONVERSION = 3.0
FRONT = ("-movflags", "+faststart")
KINDS = {
    "h264.mp4": (*X264, "-bf", "3", "-g", "30", *FRONT),
    "hevc.mp4": ("-c:v", "libx265", "-x265-params", "keyint=30:log-level=error", "-crf", "8", *FRONT),
    "mpeg4.avi": ("-c:v", "mpeg4", "-q:v", "2", "-g", "12"),
    "mjpeg.avi": ("-c:v", "mjpeg", "-q:v", "2"),
    "h264.mkv": (*X264, "-bf", "3", "-g", "30"),
    "h264.ts": (*X264, "-bf", "2", "-g", "30"),
    "wmv2.wmv": ("-c:v", "wmv2", "-q:v", "2"),
}
NO_FRAME = re.compile(r"no frame from ([^;(]+)")
STRETCH = re.compile(r"([0-9.]+) to ([0-9.]+) s")


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    """Path of an intact file of a kind, noisy, so that it is large; each picture carries its number."""
    folder = tmp_path_factory.mktemp("intact")

    def get(name):
        if not (folder / name).exists():
            rng = np.random.default_rng(0)
            noise = rng.integers(-5, 6, (N_FRAMES, 120, 160, 1))
            numbered = np.stack([picture(number, 120, 160) for number in range(N_FRAMES)])
            encode_images(folder / name, np.clip(numbered + noise, 0, 255).astype(np.uint8), *KINDS[name])
        return folder / name

    return get


def witness(path):
    """Time in seconds and picture of every frame that PyAV decodes, going on past damaged packets."""
    seen = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                continue
            for frame in frames:
                time_s = (frame.pts - (stream.start_time or 0)) * float(stream.time_base)
                seen.append((time_s, frame.to_ndarray(format="bgr24")))
    return seen


def with_lost_block(path, damaged, place, size):
    data = bytearray(path.read_bytes())
    data[place : place + size] = bytes(size)
    damaged.write_bytes(data)
    return damaged


def check_reading(damaged, expected):
    """Return the reader's frames, which must be the witness's, one for one."""
    with VideoReader(damaged, threads=1) as video:
        frames = list(video)
        seen = video.latest_pass
        warnings = video.damage()
        suspect = Damage(seen, video.header, video.packets).suspects(np.arange(len(frames)))
    assert [frame.index for frame in frames] == list(range(len(expected)))
    assert np.allclose(seen.times_ms / 1000, [time_s for time_s, _ in expected], atol=1e-6)
    assert np.all(np.diff([frame.time_s for frame in frames]) > 0)
    for frame, (_, image) in zip(frames, expected, strict=True):
        # What a broken JPEG leaves open is whatever memory held.
        if not suspect[frame.index]:
            assert np.abs(frame.image.astype(int) - image).mean() < CONVERSION, frame.index
    return warnings


def check_warnings(warnings, expected, whole):
    """Each stretch that is reported must be one in which the witness has no frame either, and every loss reported."""
    times_s, whole_s = (np.unique([time_s for time_s, _ in seen]) for seen in (expected, whole))
    stretches = [
        (float(begin), float(end))
        for text in warnings
        for places in NO_FRAME.findall(text)
        for begin, end in STRETCH.findall(places)
    ]
    for begin, end in stretches:
        assert not np.any((times_s > begin + 0.001) & (times_s < end - 0.001)), warnings
        assert np.any((whole_s > begin + 0.001) & (whole_s < end - 0.001)), warnings
    if len(expected) < len(whole):
        assert warnings


def check_choice(damaged, expected, whole, folder):
    """Chosen frames are those of their index, and intact: like the ones that the whole file has at their time."""
    result = keyframes.extract(damaged, 8, output=folder, overwrite=True)
    true = {round(time_s, 3): image for time_s, image in whole}
    for keyframe, file in zip(result.keyframes, result.files, strict=True):
        time_s, image = expected[keyframe.frame_index]
        written = cv2.imread(str(file)).astype(int)
        assert np.abs(written - image).mean() < CONVERSION, "another picture than that of the index"
        assert keyframe.time_s == pytest.approx(time_s, abs=1e-5)
        if round(time_s, 3) in true and read_number(written) == read_number(true[round(time_s, 3)]):
            assert np.abs(written - true[round(time_s, 3)]).mean() < CONVERSION, "a damaged picture was chosen"


def check(intact, name, n_places, seed, folder):
    path = intact(name)
    whole, size = witness(path), path.stat().st_size
    assert len(whole) == N_FRAMES
    places = random.Random(f"{seed} {name}")
    for block in BLOCKS:
        for _ in range(n_places):
            place = places.randrange(size // 20, max(size // 20 + 1, size - block - size // 50))
            print(f"{name}: {block} bytes at {place}")
            damaged = with_lost_block(path, folder / name, place, block)
            expected = witness(damaged)
            warnings = check_reading(damaged, expected)
            check_warnings(warnings, expected, whole)
            check_choice(damaged, expected, whole, folder / "out")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["h264.mp4", "mpeg4.avi"])
def test_blocks_lost_at_a_few_places(name, intact, tmp_path):
    check(intact, name, 2, 0, tmp_path)


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("name", KINDS)
def test_blocks_lost_at_random_places(name, intact, tmp_path):
    seed = int(os.environ.get("KEYFRAMES_FUZZ_SEED", int.from_bytes(os.urandom(4), "little")))
    print(f"seed {seed}, {PLACES} places")
    check(intact, name, PLACES, seed, tmp_path)


ONE_PACKET = {
    "h264.mp4": ("-c:v", "libx264", "-g", "50"),
    "hevc.mp4": ("-c:v", "libx265", "-x265-params", "keyint=50:log-level=error"),
    "mpeg4.avi": ("-c:v", "mpeg4", "-g", "12"),
    "mjpeg.avi": ("-c:v", "mjpeg", "-q:v", "4"),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "h264.mp4",
        "mjpeg.avi",
        *(pytest.param(name, marks=pytest.mark.exhaustive) for name in ("hevc.mp4", "mpeg4.avi")),
    ],
)
def test_one_packet_of_zeros_costs_what_refers_to_it_and_every_way_agrees(name, tmp_path):
    path = tmp_path / name
    source = ("-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=8")
    ffmpeg(*source, *ONE_PACKET[name], "-pix_fmt", "yuv420p", path)
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    place, size = packets[len(packets) // 4]
    with_lost_block(path, path, place, size)
    expected = witness(path)
    assert 150 < len(expected) < 200
    report = inspect(path)
    assert report["frames_decoded"] == len(expected)
    assert report["duration_s"] == pytest.approx(8)
    (told,) = report["warnings"]
    ((begin, end),) = [(float(begin), float(end)) for begin, end in STRETCH.findall(told)]
    assert f"({round((end - begin) * 25) - 1} missing)" in told
    check_warnings(report["warnings"], expected, [(number / 25, None) for number in range(200)])
    folder = tmp_path / "recordings"
    folder.mkdir()
    path.rename(folder / name)
    keyframes.run_batch(folder, 6, output=tmp_path / "batch", jobs=1)
    ways = {
        "walk": {"threads": 1},
        "segments": {"threads": 2},
        "sparse": {"scan": "sparse"},
        "uniform": {"uniform": True},
    }
    files = {}
    for way, options in ways.items():
        result = keyframes.extract(folder / name, 6, output=tmp_path / way, **options)
        assert told in result.warnings
        # Evenly spread frames are taken where they lie.
        assert way == "uniform" or not any(" of the 6 chosen frame" in text for text in result.warnings)
        for keyframe, file in zip(result.keyframes, result.files, strict=True):
            image = expected[keyframe.frame_index][1]
            assert np.abs(cv2.imread(str(file)).astype(int) - image).mean() < CONVERSION
        files[way] = [(file.name, file.read_bytes()) for file in result.files]
    (frames,) = (tmp_path / "batch").rglob("frames")
    files["batch"] = [(file.name, file.read_bytes()) for file in sorted(frames.iterdir())]
    assert files["walk"] == files["segments"] == files["batch"]
