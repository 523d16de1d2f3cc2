"""A frame index means one picture: the one that a plain loop of `cv2.VideoCapture.read()` counts, in any kind of file.

The files are longer than those of the other tests, so that seeking is worth its while.
"""

import dataclasses
import json
import random

import cv2
import pytest

from keyframes import VideoReader
from tests.conftest import slow_but_for
from tests.test_keyframes.conftest import VIDEOS, X264, Encoded, encode, ffmpeg, read_number, skip_unwritten_rows

N_FRAMES = 180
N_CHOSEN = 24
WANTED_AT_ONCE = (1, 3, 20, 1, 1)

# Their times or their claims are not those of the others.
MORE_VIDEOS = {
    video.name: video
    for video in (
        Encoded("h264_b_frames.avi", (*X264, "-bf", "3", "-g", "25")),
        Encoded("mpeg4_b_frames.avi", ("-c:v", "mpeg4", "-q:v", "2", "-bf", "2")),
        Encoded("raw.h264", (*X264, "-bf", "3", "-g", "25")),
        Encoded("raw.m4v", ("-c:v", "mpeg4", "-q:v", "2", "-bf", "2")),
    )
}


def cut_in_a_gop(video, path):
    """What was asked for starts in the middle of a GOP; an edit list hides the frames from its I-frame on."""
    ffmpeg("-ss", 1.3, "-i", video("h264_b_frames.mp4"), "-c", "copy", path)


def cut_with_old_times(video, path):
    ffmpeg("-ss", 1.3, "-i", video("h264_b_frames.mp4"), "-c", "copy", "-copyts", path)


def cut_after_an_i_frame(video, path):
    """The first packets belong to a GOP whose I-frame is gone."""
    ffmpeg("-i", video("h264_b_frames.mp4"), "-ss", 1.3, "-c", "copy", "-copyinkf", path)


def cut_in_a_packet(video, path):
    data = video("h264_transport.ts").read_bytes()
    path.write_bytes(data[len(data) // 3 :])


def start_late(video, path):
    ffmpeg("-itsoffset", 5, "-i", video("h264_b_frames.mp4"), "-c", "copy", path)


def join_two_rates(video, path):
    """One stream, at first 30 frames a second, then 60."""
    folder = path.with_name(f"parts of {path.name}")
    folder.mkdir()
    for name, rate in (("slow.mp4", 30), ("fast.mp4", 60)):
        ffmpeg("-r", rate, "-i", video("raw.h264"), "-c", "copy", folder / name)
    (folder / "list.txt").write_text("file slow.mp4\nfile fast.mp4\n", encoding="utf-8")
    ffmpeg("-f", "concat", "-i", folder / "list.txt", "-c", "copy", path)


def join_bytes(video, path):
    """One file behind another, as a camera's parts are often joined: its times start anew in the middle."""
    path.write_bytes(2 * video("h264_transport.ts").read_bytes())


def fragment(video, path):
    ffmpeg("-i", video("h264_b_frames.mp4"), "-c", "copy", "-movflags", "frag_keyframe+empty_moov", path)


MADE_OF_OTHERS = {
    "cut.mp4": cut_in_a_gop,
    "cut.mov": cut_in_a_gop,
    "cut.mkv": cut_in_a_gop,
    "old_times.mp4": cut_with_old_times,
    "old_times.mkv": cut_with_old_times,
    "no_i_frame.mp4": cut_after_an_i_frame,
    "no_i_frame.mkv": cut_after_an_i_frame,
    "cut.ts": cut_in_a_packet,
    "late.mp4": start_late,
    "late.mkv": start_late,
    "late.ts": start_late,
    "two_rates.mp4": join_two_rates,
    "two_rates.mkv": join_two_rates,
    "two_rates.ts": join_two_rates,
    "joined.ts": join_bytes,
    "fragmented.mp4": fragment,
}
NAMES = sorted({*VIDEOS, *MORE_VIDEOS, *MADE_OF_OTHERS} - {"single_frame.mp4"})
# A few kinds of codecs, containers and clocks; the exhaustive tests look at all.
QUICK = {
    "h264_b_frames.mp4",
    "h264_intra_refresh.mp4",
    "h264_open_gop.mkv",
    "mjpeg.avi",
    "raw.h264",
    "variable_rate.mkv",
    "vp9.webm",
    "fragmented.mp4",
    "joined.ts",
    "two_rates.mp4",
}
EACH_NAME = slow_but_for(QUICK, NAMES, pytest.mark.exhaustive)


@pytest.fixture(scope="module")
def long_file(tmp_path_factory):
    """Path of the longer test video of this name; treat it as read-only."""
    folder = tmp_path_factory.mktemp("long_files")

    def get(name):
        skip_unwritten_rows(name)
        path = folder / name
        if not path.exists():
            if name in MADE_OF_OTHERS:
                MADE_OF_OTHERS[name](get, path)
            else:
                video = VIDEOS.get(name) or MORE_VIDEOS[name]
                encode(path, dataclasses.replace(video, n_frames=N_FRAMES))
        return path

    return get


@pytest.fixture(scope="module")
def plain_loop():
    """Every picture of a file; the latest file's are kept."""
    latest = {}

    def read(path):
        if path not in latest:
            latest.clear()
            capture = cv2.VideoCapture(str(path))
            latest[path] = []
            while (picture := capture.read())[0]:
                latest[path].append(picture[1])
            capture.release()
        return latest[path]

    return read


@pytest.fixture(scope="module")
def extracted(long_file, run_command, tmp_path_factory):
    """Manifest of a file's extraction by this scan; one command makes those of the quick files, or of the rest."""
    made = {}

    def get(scan, name):
        group = [other for other in NAMES if (other in QUICK) == (name in QUICK)]
        key = json.dumps([scan, group])
        if key not in made:
            folder = tmp_path_factory.mktemp("extracted")
            options = [part for option, value in scan.items() for part in (f"--{option}", value)]
            videos = [long_file(other) for other in group]
            done = run_command("keyframes", "extract", *videos, "-k", N_CHOSEN, "-o", folder, "--json", *options)
            document = json.loads(done.stdout)
            assert document["failures"] == []
            made[key] = {result["video"]["path"]: result for result in document["results"]}
        return made[key][name]

    return get


def wrong(frames, pictures):
    """Indices whose picture is another than the one that the plain loop counts."""
    return [index for index, image in frames if index >= len(pictures) or (image != pictures[index]).any()]


@pytest.mark.parametrize(
    "scan", [pytest.param({}, id="exact"), pytest.param({"scan": "sparse"}, id="sparse", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", EACH_NAME)
def test_every_image_written_is_the_frame_of_its_index(name, scan, extracted, long_file, plain_loop):
    result = extracted(scan, name)
    entries = result["keyframes"]
    assert len({entry["frame_index"] for entry in entries}) == N_CHOSEN
    frames = [(entry["frame_index"], cv2.imread(f"{result['folder']}/{entry['file']}")) for entry in entries]
    assert wrong(frames, plain_loop(long_file(name))) == []


@pytest.mark.parametrize("name", EACH_NAME)
def test_frames_read_by_random_indices(name, long_file, plain_loop):
    pictures, draw = plain_loop(long_file(name)), random.Random(name)
    with VideoReader(long_file(name)) as video:
        for n_wanted in WANTED_AT_ONCE:
            wanted = draw.sample(range(len(pictures)), n_wanted)
            frames = [(frame.index, frame.image) for frame in video.read_frames(wanted)]
            assert [index for index, _ in frames] == sorted(wanted)
            assert wrong(frames, pictures) == []


@pytest.mark.parametrize("name", EACH_NAME)
def test_frames_read_by_random_indices_after_a_scan(name, long_file, plain_loop):
    pictures, draw = plain_loop(long_file(name)), random.Random(f"again {name}")
    with VideoReader(long_file(name)) as video:
        times = {frame.index: frame.time_s for frame in video}
        assert sorted(times) == list(range(len(pictures)))
        for n_wanted in WANTED_AT_ONCE:
            wanted = draw.sample(range(len(pictures)), n_wanted)
            frames = list(video.read_frames(wanted))
            assert [(frame.index, frame.time_s) for frame in frames] == [(i, times[i]) for i in sorted(wanted)]
            assert wrong([(frame.index, frame.image) for frame in frames], pictures) == []


@pytest.mark.parametrize(
    "video",
    [
        Encoded("h264_interlaced.mp4", (*X264, "-flags", "+ilme+ildct", "-x264-params", "interlaced=1")),
        Encoded("mpeg2_interlaced.ts", ("-c:v", "mpeg2video", "-q:v", "2", "-bf", "2", "-flags", "+ilme+ildct")),
    ],
    ids=lambda video: video.name,
)
def test_interlaced_pictures_are_shown(video, tmp_path):
    """OpenCV with a new FFmpeg does not convert them, says so in FFmpeg's log alone, and returns memory as it was."""
    path = tmp_path / video.name
    encode(path, video)
    with VideoReader(path) as reader:
        assert [read_number(frame.image) for frame in reader] == list(range(video.n_frames))
