"""Real encoded files, each made once a session, whose every picture carries its own number."""

import os
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from tests.test_keyframes.odd_names import LATIN

# Ways to scan, as options of `keyframes.extract`; whatever the way, an index means the same picture.
SCANS = ({}, {"scan": "sparse"})
# OpenCV refuses damaged packets and goes on behind them; this many in a row are the end of a test file.
MOST_REFUSED = 300
N_BITS = 8
BARCODE_HEIGHT = 24


def picture(number, height, width):
    """A picture (height, width, 3) with its number as a bar code on top and a square that wanders below."""
    image = np.full((height, width, 3), (70, 90, 110), np.uint8)
    edges = np.linspace(0, width, N_BITS + 1).astype(int)
    for bit in range(N_BITS):
        level = 235 if number >> bit & 1 else 20
        image[:BARCODE_HEIGHT, edges[bit] : edges[bit + 1]] = level
    x = round((width - 30) * (0.5 + 0.5 * np.sin(0.37 * number)))
    y = BARCODE_HEIGHT + round((height - BARCODE_HEIGHT - 30) * (0.5 + 0.5 * np.cos(0.21 * number)))
    image[y : y + 30, x : x + 30] = (40, 160, 220)
    return image


def read_number(image):
    """Number that the bar code of a decoded picture carries."""
    strip = image[6 : BARCODE_HEIGHT - 6].mean(axis=(0, 2))
    edges = np.linspace(0, len(strip), N_BITS + 1).astype(int)
    middles = (edges[:-1] + edges[1:]) // 2
    return sum(1 << bit for bit in range(N_BITS) if strip[middles[bit] - 2 : middles[bit] + 3].mean() > 128)


@dataclass(frozen=True)
class Encoded:
    """A test video: how it is encoded and what it shows."""

    name: str
    codec: tuple[str, ...]
    n_frames: int = 60
    height: int = 120
    width: int = 160
    rotation: int = 0


X264 = ("-c:v", "libx264", "-crf", "12")
X265_OPEN_GOP = "log-level=error:open-gop=1:keyint=20:min-keyint=10"
# Every third slot of time is left out, so that the gaps between the frames are 1, 2, 1, 2 … slots.
IRREGULAR = ("-vf", "setpts=(N+floor(N/2))/30/TB", "-fps_mode", "passthrough")

VIDEOS = {
    video.name: video
    for video in (
        Encoded("h264_b_frames.mp4", (*X264, "-bf", "3", "-g", "25")),
        Encoded("h264_open_gop.mkv", (*X264, "-bf", "3", "-x264-params", "open-gop=1:keyint=20:min-keyint=10")),
        Encoded("h264_444_odd.mp4", (*X264, "-pix_fmt", "yuv444p"), height=121, width=161),
        Encoded("h264_gray.mp4", (*X264, "-pix_fmt", "gray")),
        Encoded("h264_transport.ts", (*X264, "-bf", "2", "-g", "25")),
        Encoded("mpeg4.mp4", ("-c:v", "mpeg4", "-q:v", "2", "-bf", "2")),
        Encoded("mpeg4.avi", ("-c:v", "mpeg4", "-q:v", "2")),
        Encoded("mjpeg.avi", ("-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj422p")),
        Encoded(
            "vp9.webm", ("-c:v", "libvpx-vp9", "-crf", "15", "-b:v", "0", "-deadline", "realtime", "-cpu-used", "8")
        ),
        Encoded(
            "vp9.mkv", ("-c:v", "libvpx-vp9", "-crf", "15", "-b:v", "0", "-deadline", "realtime", "-cpu-used", "8")
        ),
        Encoded("single_frame.mp4", X264, n_frames=1),
        Encoded("variable_rate.mp4", (*X264, "-bf", "3", *IRREGULAR)),
        Encoded("variable_rate.mkv", (*X264, "-bf", "3", *IRREGULAR)),
        Encoded("rotated.mp4", (*X264, "-bf", "3"), rotation=90),
        Encoded("odd_name ' “ü” [1] %d.mp4", X264),
        # With these figures many seeks come to the right time and the wrong picture.
        Encoded("h264_intra_refresh.mp4", (*X264, "-x264-params", "intra-refresh=1:keyint=40:bframes=0")),
        Encoded("h264_10_bit.mkv", (*X264, "-bf", "3", "-g", "25", "-pix_fmt", "yuv420p10le")),
        Encoded("h264_422.mov", (*X264, "-bf", "3", "-g", "25", "-pix_fmt", "yuv422p")),
        Encoded("h264_full_range.mp4", (*X264, "-bf", "3", "-g", "25", "-pix_fmt", "yuvj420p")),
        Encoded("h264.flv", (*X264, "-bf", "3", "-g", "25")),
        Encoded("hevc_open_gop.mp4", ("-c:v", "libx265", "-crf", "12", "-x265-params", X265_OPEN_GOP)),
        Encoded("rotated.mov", (*X264, "-bf", "3", "-g", "25"), rotation=90),
        Encoded("mpeg2.mpg", ("-c:v", "mpeg2video", "-q:v", "2", "-bf", "2")),
        Encoded("wmv2.wmv", ("-c:v", "wmv2", "-q:v", "2")),
        Encoded("prores.mov", ("-c:v", "prores_ks", "-pix_fmt", "yuv422p10le")),
        Encoded("ffv1_gray_16_bit.mkv", ("-c:v", "ffv1", "-pix_fmt", "gray16le")),
    )
}

# How often the 60 pictures of a long file come: enough of them for the luma plane to pay.
TURNS = 26
# Files that must be longer: a segment of theirs begins within a refresh, or a sparse scan looks at more frames.
MORE_TURNS = dict.fromkeys(("b_frames.mp4", "no_pyramid.mp4", "refresh.mp4", "mpeg4.mp4", "hevc.mkv"), 40)
PYRAMID = ("-bf", "3", "-b_strategy", "0", "-x264-params", "b-pyramid=none")
LONG_KINDS = {
    "b_frames.mp4": (*X264, "-bf", "3", "-g", "25"),
    "no_pyramid.mp4": (*X264, *PYRAMID, "-g", "25"),
    "open_gop.mkv": (*X264, "-bf", "3", "-x264-params", "open-gop=1:keyint=20:min-keyint=10"),
    "transport.ts": (*X264, "-bf", "2", "-g", "25"),
    "refresh.mp4": (*X264, "-bf", "0", "-g", "25", "-x264-params", "intra-refresh=1"),
    "full_range.mp4": (*X264, "-pix_fmt", "yuvj420p", "-g", "25"),
    "full_color.mp4": (*X264, "-pix_fmt", "yuv444p", "-g", "25"),
    "ten_bits.mp4": (*X264, "-pix_fmt", "yuv420p10le", "-g", "25"),
    "mpeg4.mp4": ("-c:v", "mpeg4", "-q:v", "2", "-bf", "2"),
    "mpeg4_b.avi": ("-c:v", "mpeg4", "-q:v", "2", "-bf", "2"),
    "mpeg4.avi": ("-c:v", "mpeg4", "-q:v", "2", "-g", "12"),
    "wmv.wmv": ("-c:v", "wmv2", "-q:v", "2"),
    "mjpeg.mov": ("-c:v", "mjpeg", "-q:v", "3"),
    "vp9.webm": ("-c:v", "libvpx-vp9", "-crf", "15", "-b:v", "0", "-deadline", "realtime", "-cpu-used", "8"),
    "hevc.mkv": ("-c:v", "libx265", "-preset", "superfast", "-x265-params", "log-level=error", "-g", "25"),
}


def skip_unwritten_rows(name):
    """Skip files of whose pictures OpenCV 4 leaves the last rows as memory was, so that two plain loops differ."""
    if name in ("h264_10_bit.mkv", "ten_bits.mp4") and cv2.__version__.startswith("4."):
        pytest.skip("OpenCV 4 leaves the last rows of 10-bit pictures as memory was: two plain loops differ")


def ffmpeg(*arguments, stdin=b""):
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)], input=stdin, check=True
    )


def encode_images(path, images, *codec):
    """Write a video of images (height, width, 3), blue, green, red, at 30 a second; in yuv420p by default."""
    images = np.array(list(images))
    size = f"{images.shape[2]}x{images.shape[1]}"
    source = ("-f", "rawvideo", "-pix_fmt", "bgr24", "-s", size, "-r", "30", "-i", "-")
    pixels = () if "-pix_fmt" in codec else ("-pix_fmt", "yuv420p")
    ffmpeg(*source, *pixels, *codec, path, stdin=images.tobytes())


def encode(path, video):
    """Write a test video."""
    images = (picture(i, video.height, video.width) for i in range(video.n_frames))
    if not video.rotation:
        encode_images(path, images, *video.codec)
        return
    straight = path.with_name(f"straight-{path.name}")
    encode_images(straight, images, *video.codec)
    ffmpeg("-display_rotation", video.rotation, "-i", straight, "-c", "copy", path)
    straight.unlink()


def shared_folder(tmp_path_factory, name):
    """A folder that all the processes of this test run share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    return folder


def made_once(folder, make, name):
    """Path of a file of this name, made by `make(name, path)` where no process of this test run has made it yet."""
    skip_unwritten_rows(name)
    path = folder / name
    if not path.exists():
        # Two processes may make one at once; whichever is renamed last stays.
        with tempfile.TemporaryDirectory(dir=folder) as unfinished:
            make(name, Path(unfinished) / name)
            os.replace(Path(unfinished) / name, path)
    return path


@pytest.fixture(scope="session")
def video_file(tmp_path_factory):
    """Path of the test video of this name; treat it as read-only."""
    return partial(made_once, shared_folder(tmp_path_factory, "videos"), lambda name, path: encode(path, VIDEOS[name]))


@pytest.fixture
def encoded_pictures(tmp_path):
    """Encode pictures of these numbers into a file: `encoded_pictures("a.mp4", [1, 1, 2], "-c:v", "mpeg4")`."""

    def encode_numbers(name, numbers, *codec):
        encode_images(tmp_path / name, (picture(number, 120, 160) for number in numbers), *codec)
        return tmp_path / name

    return encode_numbers


@pytest.fixture(scope="session")
def sequential():
    """Every picture of a file, by the plain loop that defines a frame index and goes on past damaged packets."""
    known = {}

    def read(path):
        if path not in known:
            capture = cv2.VideoCapture(str(path))
            images, n_refused = [], 0
            while n_refused < MOST_REFUSED:
                ok, image = capture.read()
                n_refused = 0 if ok else n_refused + 1
                if ok:
                    images.append(image)
            capture.release()
            known[path] = images
        return known[path]

    return read


@pytest.fixture(scope="session")
def truncated(tmp_path_factory, video_file):
    """An MP4 with its index in front, cut off in the middle of its pictures."""
    return copy_cut_off(video_file("h264_b_frames.mp4"), tmp_path_factory.mktemp("truncated") / "cut.mp4")


@pytest.fixture(scope="session", params=["h264_b_frames.mp4", "mpeg4.avi", "vp9.webm", "h264_open_gop.mkv"])
def cut_off(request, tmp_path_factory, video_file):
    """A file of each kind of container, cut off in the middle; an MP4 has its index in front."""
    return copy_cut_off(video_file(request.param), tmp_path_factory.mktemp("cut_off") / request.param)


def copy_cut_off(video, cut):
    """Copy the first part of a video, an MP4 with its index in front."""
    whole = cut.with_name(f"whole-{cut.name}")
    ffmpeg("-i", video, "-c", "copy", "-movflags", "+faststart", whole)
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) * 6 // 10])
    return cut


@pytest.fixture(scope="session")
def intact(tmp_path_factory, video_file):
    """Intact files that claim more frames than can be decoded, by name."""
    folder = tmp_path_factory.mktemp("intact")
    video, sound = video_file("h264_b_frames.mp4"), ("-f", "lavfi", "-i", "sine=duration=9")
    # A copy from the middle of a GOP starts at the I-frame before; an edit list hides what was not asked for.
    ffmpeg("-ss", 1.3, "-i", video, "-c", "copy", folder / "edit_list.mp4")
    # Here, a whole GOP is hidden, of which FFmpeg reads no packet.
    trimmed = ("-c", "copy", "-avoid_negative_ts", "disabled", folder / "trimmed.mov")
    ffmpeg("-itsoffset", -1.3, "-i", video, *trimmed)
    ffmpeg("-i", video, *sound, "-c:v", "copy", "-c:a", "aac", folder / "longer_sound.mkv")
    ffmpeg("-i", video, *sound, "-c:v", "copy", "-c:a", "aac", folder / "longer_sound.mp4")
    ffmpeg("-i", video, "-c", "copy", "-movflags", "frag_keyframe+empty_moov", folder / "fragmented.mp4")
    return folder


@pytest.fixture(scope="session")
def damaged(tmp_path_factory, video_file):
    """Stretches of flipped bytes: every frame decodes, many pictures are wrong, and only FFmpeg's log says so."""
    path = tmp_path_factory.mktemp("damaged") / "damaged.ts"
    data = bytearray(video_file("h264_transport.ts").read_bytes())
    for place in range(len(data) // 4, len(data), len(data) // 8):
        data[place : place + 30] = bytes(byte ^ 0x5A for byte in data[place : place + 30])
    path.write_bytes(data)
    return path


@pytest.fixture(scope="session")
def long_video(tmp_path_factory, video_file):
    """Three minutes of video: long enough to be interrupted in the middle."""
    folder = tmp_path_factory.mktemp("long")
    path = folder / "long.mp4"
    ffmpeg("-stream_loop", 89, "-i", video_file("h264_b_frames.mp4"), "-c", "copy", path)
    return path


@pytest.fixture(scope="session")
def long_file(tmp_path_factory):
    """Files in which the luma plane, segments and seeks pay, or of a number of turns; each is encoded once."""
    raw = tmp_path_factory.mktemp("pictures") / "pictures.mkv"

    def make(turns, name, path):
        if not raw.exists():
            encode_images(raw, (picture(i, 120, 160) for i in range(60)), "-c:v", "ffv1", "-pix_fmt", "bgr0")
        codec = LONG_KINDS[name]
        pixels = () if "-pix_fmt" in codec else ("-pix_fmt", "yuv420p")
        ffmpeg("-stream_loop", turns - 1, "-i", raw, *pixels, *codec, path)

    def get(name, turns=None):
        turns = turns or MORE_TURNS.get(name, TURNS)
        return made_once(shared_folder(tmp_path_factory, f"files_of_{turns}_turns"), partial(make, turns), name)

    return get


@pytest.fixture
def run_under(run_command, run_installed):
    """Run a command under a locale, `{}` being this one: `run_under(ASCII, "keyframes", "info", path)`."""

    def run(locale, *arguments, cwd=None):
        # A locale is read at the start of a process.
        return run_installed(*arguments, cwd=cwd, env=locale) if locale else run_command(*arguments, cwd=cwd)

    return run


@pytest.fixture
def odd(tmp_path):
    """A folder whose file system takes any bytes for a name."""
    try:
        (tmp_path / LATIN).mkdir()
        (tmp_path / LATIN).rmdir()
    except (OSError, UnicodeError):
        pytest.skip("this file system takes names in UTF-8 alone")
    return tmp_path


@pytest.fixture
def run_on_a_small_disk(tmp_path):
    """Runs a command in a folder on a disk that it fills: one line says so; what `after` prints there is returned.

    The disk is a tmpfs in a mount namespace of its own, which goes away with the process. It holds a copy of `held`.
    """

    def run(command, size, after, held=None):
        disk = tmp_path / "disk"
        disk.mkdir()
        copy = "" if held is None else f'cp -r {shlex.quote(str(held))} "$2" && '
        script = (
            f'mount -t tmpfs -o "size=$1" tmpfs "$2" && {copy}cd "$2" || exit 77\n'
            f'shift 2; "$@"; status=$?; {after}; exit $status'
        )
        done = subprocess.run(
            ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "-", str(size), disk, *command],
            capture_output=True,
            text=True,
            env={**os.environ, "TMPDIR": str(disk)},
        )
        if done.returncode == 77 or "unshare" in done.stderr:
            pytest.skip("this user may not mount a small disk")
        (line,) = done.stderr.splitlines()
        assert done.returncode == 1, done.stderr
        assert line.startswith("error: ")
        assert "(No space left on device); free up space" in line
        return done.stdout

    return run


needs_unshare = pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare to mount a small disk")


def one_error_line(done):
    """The message, after checking that it is the only thing said."""
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert "Traceback" not in line
    return line
