"""One contract for both readers, OpenCV and the program FFmpeg; PyAV is the witness of counts, times and pixels."""

import gc
import json
import os
import struct
import subprocess
import sys
import time
import weakref
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from keyframes import Crop, RegionError, VideoError, VideoReader, extract
from keyframes.video.captures import ConversionError
from keyframes.video.inspection import inspect
from tests.conftest import slow_but_for
from tests.test_keyframes.conftest import SCANS, VIDEOS, X264, ffmpeg, read_number

BACKENDS = ("opencv", "ffmpeg")
INTERLACED = ("-flags", "+ilme+ildct", "-g", "12", "-bf", "2")
SVT_AV1 = ("-c:v", "libsvtav1", "-preset", "12", "-crf", "20")
# Name, codec, size: what OpenCV 5 cannot convert (interlaced pictures) or decode (AV1).
FOREIGN = {
    "mpeg2.mpg": (("-c:v", "mpeg2video", "-q:v", "2", *INTERLACED), "720x576"),
    "mpeg2.ts": (("-c:v", "mpeg2video", "-q:v", "2", *INTERLACED), "720x576"),
    "mpeg2.vob": (("-c:v", "mpeg2video", "-q:v", "2", *INTERLACED), "720x576"),
    "mpeg2.mxf": (("-c:v", "mpeg2video", "-q:v", "2", *INTERLACED), "720x576"),
    "dv.avi": (("-c:v", "dvvideo"), "720x576"),
    "dv.mov": (("-c:v", "dvvideo"), "720x576"),
    "camcorder.mts": ((*X264, "-flags", "+ilme+ildct", "-bf", "2", "-f", "mpegts"), "320x240"),
    "mbaff.mp4": ((*X264, "-flags", "+ilme+ildct", "-bf", "2"), "320x240"),
    "interlaced.avi": (("-c:v", "mpeg4", "-q:v", "2", "-flags", "+ilme+ildct"), "320x240"),
    "av1.mp4": (SVT_AV1, "320x240"),
    "av1.webm": (SVT_AV1, "320x240"),
    "av1.mkv": (SVT_AV1, "320x240"),
}
N_FRAMES = 30
# Mean difference in levels: readers round differently, and OpenCV 4 blends the colours of interlaced fields.
ROUNDING, BLENDED = 0.1, 4


@pytest.fixture(scope="session")
def foreign(tmp_path_factory):
    """Path of a file of `FOREIGN`, made from FFmpeg's moving test pattern."""
    folder = tmp_path_factory.mktemp("foreign")

    def get(name):
        path = folder / name
        if not path.exists():
            codec, size = FOREIGN[name]
            source = ("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25", "-frames:v", N_FRAMES)
            ffmpeg(*source, "-pix_fmt", "yuv420p", *codec, path)
        return path

    return get


def witness(path):
    """Times in seconds from the start of the stream, and pictures, as PyAV decodes them on one thread."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        start = stream.start_time or 0
        frames = [(frame.pts, frame.to_ndarray(format="bgr24")) for frame in container.decode(stream)]
        return [float((pts - start) * stream.time_base) for pts, _ in frames], [image for _, image in frames]


@pytest.fixture(params=BACKENDS)
def backend(request):
    return request.param


@pytest.mark.parametrize("name", slow_but_for({*FOREIGN} - {"mpeg2.ts", "mpeg2.vob", "mpeg2.mxf", "dv.avi"}, FOREIGN))
def test_what_opencv_cannot_read_is_what_pyav_decodes(name, foreign):
    path = foreign(name)
    times, images = witness(path)
    with VideoReader(path) as reader:
        frames = list(reader)
        assert reader.damage() == []
    assert [frame.index for frame in frames] == list(range(len(images)))
    np.testing.assert_allclose([frame.time_s for frame in frames], times, atol=1e-6)
    for frame, image in zip(frames, images, strict=True):
        tolerance = BLENDED if reader.header.backend == "opencv" else ROUNDING
        assert np.abs(frame.image - image.astype(np.int16)).mean() < tolerance


@pytest.mark.parametrize("name", sorted(VIDEOS))
def test_both_readers_keep_the_same_promises(name, video_file):
    path = video_file(name)
    read = {}
    for backend in BACKENDS:
        with VideoReader(path, backend=backend) as reader:
            read[backend] = list(reader)
            assert reader.header.backend == backend
            assert reader.damage() == []
            assert reader.reached_end
            headers = (reader.header.width, reader.header.height, reader.header.rotation)
            read[f"{backend} header"] = headers
    assert read["opencv header"] == read["ffmpeg header"]
    ours, theirs = read["ffmpeg"], read["opencv"]
    assert [frame.index for frame in ours] == [frame.index for frame in theirs] == list(range(VIDEOS[name].n_frames))
    np.testing.assert_allclose([frame.time_s for frame in ours], [frame.time_s for frame in theirs], atol=1e-6)
    for one, other in zip(ours, theirs, strict=True):
        # Rounding, and how colours of half the resolution are spread, differ between versions of FFmpeg.
        assert np.abs(one.image - other.image.astype(np.int16)).mean() < 4
        if not VIDEOS[name].rotation:
            assert read_number(one.image) == read_number(other.image) == one.index


@pytest.mark.parametrize(
    ("start_s", "stop_s", "every", "expected"),
    [
        (0.5, 1.0, 1, range(15, 30)),
        (0.0, 0.5, 4, range(0, 15, 4)),
        (0.49, None, 7, range(15, 60, 7)),
        (1.9, 99.0, 1, range(57, 60)),
        (0.0, None, 1000, [0]),
    ],
)
def test_range_stride_and_crop(backend, video_file, start_s, stop_s, every, expected):
    path, crop = video_file("h264_b_frames.mp4"), Crop(0, 0, 160, 50)
    with VideoReader(path, start_s=start_s, stop_s=stop_s, every=every, crop=crop, backend=backend) as reader:
        frames = list(reader)
        assert reader.frames_expected >= len(frames)
        assert reader.damage() == []
    assert [frame.index for frame in frames] == [read_number(frame.image) for frame in frames] == list(expected)
    assert {frame.image.shape for frame in frames} == {(50, 160, 3)}


def test_frames_by_their_indices(backend, video_file):
    with VideoReader(video_file("h264_open_gop.mkv"), backend=backend) as reader:
        frames = list(reader.read_frames([59, 0, 31, 31]))
        assert [frame.index for frame in frames] == [read_number(frame.image) for frame in frames] == [0, 31, 59]
        with pytest.raises(VideoError, match="frame 60 cannot be decoded"):
            list(reader.read_frames([60]))


def test_a_range_outside_the_video_is_refused(backend, video_file):
    with (
        VideoReader(video_file("h264_b_frames.mp4"), start_s=7, backend=backend) as reader,
        pytest.raises(RegionError, match=r"last frame is at 1\.967 s"),
    ):
        list(reader)


def test_it_can_be_read_again_and_left_in_the_middle(backend, video_file):
    with VideoReader(video_file("mpeg4.mp4"), backend=backend) as reader:
        unfinished = iter(reader)
        assert [next(unfinished).index for _ in range(3)] == [0, 1, 2]
        assert len(list(reader)) == len(list(reader)) == 60
        unfinished = iter(reader)
        next(unfinished)
    assert list(unfinished) == []


def test_handed_out_pictures_stay_what_they_are(backend, video_file):
    with VideoReader(video_file("mpeg4.mp4"), backend=backend) as reader:
        assert [read_number(frame.image) for frame in list(reader)] == list(range(60))


@pytest.mark.parametrize("threads", slow_but_for([2], [1, 2, 5]))
@pytest.mark.parametrize("name", ["mpeg2.mpg", "mbaff.mp4", "av1.mkv"])
def test_threads_change_no_pixel(name, threads, foreign):
    path = foreign(name)
    with (
        VideoReader(path, backend="ffmpeg", threads=1) as one,
        VideoReader(path, backend="ffmpeg", threads=threads) as n,
    ):
        for expected, frame in zip(one, n, strict=True):
            assert_array_equal(frame.image, expected.image)


def test_a_file_that_was_cut_off_is_read_up_to_the_break(backend, cut_off):
    with VideoReader(cut_off, backend=backend) as reader:
        numbers = [read_number(frame.image) for frame in reader]
        warnings = reader.damage()
    assert 10 < len(numbers) < 60
    assert numbers[:-4] == list(range(len(numbers) - 4))
    assert warnings


def test_damage_is_reported_alike_on_every_run(damaged):
    seen = []
    for _ in range(3):
        with VideoReader(damaged, backend="ffmpeg", threads=1) as reader:
            list(reader)
            seen.append((reader.damage(), reader.latest_pass.complaints))
    assert seen[0][0]
    assert seen[0][1]
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize("name", ["10:32.mp4", "-y.mp4", "pipe:0", "%d ' “ü” [1].mp4"])
def test_any_name_is_a_name(name, tmp_path, video_file, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(video_file("mpeg4.mp4").read_bytes())
    with VideoReader(name, backend="ffmpeg") as reader:
        assert len(list(reader)) == 60


def children():
    """Processes that this one has started and that are still there, zombies too."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to see processes")
def test_no_process_is_left_behind(video_file):
    before = children()
    path = video_file("mpeg4.mp4")
    with VideoReader(path, backend="ffmpeg") as reader:
        list(reader)
        next(iter(reader))
    reader = VideoReader(path, backend="ffmpeg")
    unfinished = iter(reader)
    next(unfinished)
    assert len(children()) == len(before) + 1
    del unfinished, reader
    gc.collect()
    assert children() == before


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_reader_that_nobody_closed_is_not_left_to_the_garbage_collector(backend, video_file):
    reader = VideoReader(video_file("mpeg4.mp4"), backend=backend)
    walk = reader.walk()
    next(walk)
    gone = weakref.ref(reader)
    gc.disable()
    try:
        del reader, walk
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to see processes")
def test_an_interrupt_ends_the_process(long_video):
    program = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from keyframes import VideoReader\n"
        "with VideoReader(sys.argv[1], backend='ffmpeg') as video:\n"
        "    for frame in video:\n"
        "        print(frame.index, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, long_video], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        process.stdout.readline()
        started = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        process.send_signal(2)
        process.stdout.read()
        error = process.stderr.read().decode()
    assert "KeyboardInterrupt" in error
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in started) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert started
    assert not any(Path(f"/proc/{pid}").exists() for pid in started)


@pytest.mark.parametrize("name", ["notes.txt", "notes.mp4"])
def test_what_is_no_video_is_refused(name, tmp_path):
    path = tmp_path / name
    path.write_text("No video.\n" * 500, encoding="utf-8")
    with pytest.raises(VideoError, match="no video can be opened"):
        VideoReader(path)


def no_program():
    raise RuntimeError("No ffmpeg exe could be found.")


def test_without_ffmpeg_the_remedy_is_named(foreign, monkeypatch):
    path = foreign("av1.mp4")
    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", no_program)
    with pytest.raises(VideoError, match="IMAGEIO_FFMPEG_EXE"):
        VideoReader(path, backend="ffmpeg")
    if cv2.__version__ == "5.0.0":
        with pytest.raises(VideoError, match=r"no frame can be decoded .*; another FFmpeg may read it, but"):
            VideoReader(path)


@pytest.mark.parametrize("program", ["missing", "no program"])
def test_an_ffmpeg_that_cannot_be_started_is_named(foreign, tmp_path, monkeypatch, program):
    (tmp_path / "no program").write_bytes(b"")
    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", lambda: str(tmp_path / program))
    with pytest.raises(VideoError, match=rf"cannot be started \(.*{program}: .*IMAGEIO_FFMPEG_EXE"):
        VideoReader(foreign("av1.mp4"), backend="ffmpeg")


@pytest.mark.parametrize("width", [320, 318])
def test_uncompressed_pictures_whose_last_row_comes_first(tmp_path, width):
    """As MATLAB and Windows write them: OpenCV 4.13 to 5.0 would end the process."""
    path = tmp_path / "matlab.avi"
    source = ("-f", "lavfi", "-i", f"testsrc2=s={width}x240:r=25", "-frames:v", N_FRAMES)
    ffmpeg(*source, "-c:v", "rawvideo", "-pix_fmt", "bgr24", path)
    with VideoReader(path) as reader:
        upright = [frame.image for frame in reader]
    data = bytearray(path.read_bytes())
    # Behind the name and size of the format come its own size and the width of the picture.
    height = data.index(b"strf") + 16
    assert data[height : height + 4] == struct.pack("<i", -240)
    data[height : height + 4] = struct.pack("<i", 240)
    path.write_bytes(data)
    with VideoReader(path) as reader:
        images = [frame.image for frame in reader]
        assert reader.damage() == []
    assert_array_equal(images, [image[::-1] for image in upright])
    if reader.header.backend == "ffmpeg":
        assert "the last row first" in reader.header.backend_reason
        with pytest.raises(VideoError, match="the last row first"):
            VideoReader(path, backend="opencv")


def test_an_extraction_says_what_read_the_file(foreign, tmp_path):
    path = foreign("av1.mkv")
    results = [extract(path, 4, output=tmp_path / name, threads=threads) for name, threads in (("a", 1), ("b", 2))]
    contents = [
        {file.relative_to(result.folder): file.read_bytes() for file in result.folder.rglob("*") if file.is_file()}
        for result in results
    ]
    assert contents[0] == contents[1]
    with VideoReader(path) as reader:
        reason = reader.header.backend_reason
    if reader.header.backend == "ffmpeg":
        assert "because OpenCV" in reason
        assert results[0].manifest["video"]["read_with"] == inspect(path)["read_with"] == reason
    images = {frame.index: frame.image for frame in VideoReader(path)}
    for keyframe, file in zip(results[0].keyframes, results[0].files, strict=True):
        assert_array_equal(cv2.imread(str(file)), images[keyframe.frame_index])


def test_other_manifests_do_not_name_a_reader(video_file, tmp_path):
    result = extract(video_file("mpeg4.mp4"), 2, output=tmp_path / "out")
    assert "read_with" not in result.manifest["video"]
    assert "read_with" not in inspect(video_file("mpeg4.mp4"))


@pytest.fixture(scope="session")
def mixed(tmp_path_factory):
    """MPEG-2 of 40 progressive pictures and 40 interlaced ones."""
    folder = tmp_path_factory.mktemp("mixed")
    source = ("-f", "lavfi", "-i", "testsrc2=s=320x240:r=25", "-frames:v", 40, "-c:v", "mpeg2video", "-q:v", 2)
    ffmpeg(*source, "-g", 10, "-f", "mpegts", folder / "a.ts")
    ffmpeg(*source, *INTERLACED, "-output_ts_offset", 1.6, "-f", "mpegts", folder / "b.ts")
    path = folder / "mixed.ts"
    path.write_bytes((folder / "a.ts").read_bytes() + (folder / "b.ts").read_bytes())
    return path


def test_interlaced_pictures_in_mid_file(mixed):
    with VideoReader(mixed, backend="ffmpeg") as reader:
        expected = list(reader)
    assert len(expected) > 75
    with VideoReader(mixed) as reader:
        frames = list(reader)
        (late,) = reader.read_frames([60])
    for frame, other in zip(frames, expected, strict=True):
        assert (frame.index, frame.time_s) == (other.index, other.time_s)
        assert np.abs(frame.image - other.image.astype(np.int16)).mean() < BLENDED
    with VideoReader(mixed) as reader:
        (fresh,) = reader.read_frames([60])
    assert np.abs(late.image - expected[60].image.astype(np.int16)).mean() < BLENDED
    assert_array_equal(fresh.image, late.image)
    if cv2.__version__ == "5.0.0":
        with VideoReader(mixed, backend="opencv") as reader, pytest.raises(ConversionError):
            list(reader)


@pytest.mark.parametrize("options", SCANS)
def test_an_extraction_of_a_mixed_file_has_one_reader(options, mixed, tmp_path):
    texts = []
    for threads in (1, 2):
        result = extract(mixed, 6, output=tmp_path / str(threads), threads=threads, **options)
        texts.append((result.folder / "manifest.json").read_text(encoding="utf-8"))
    assert texts[0] == texts[1]
    if cv2.__version__ == "5.0.0":
        assert "cannot convert all of it" in json.loads(texts[0])["video"]["read_with"]
    with VideoReader(mixed) as reader:
        for frame, file in zip(reader.read_frames(result.frame_indices), result.files, strict=True):
            assert np.abs(cv2.imread(str(file)) - frame.image.astype(np.int16)).mean() < BLENDED
