"""What can be known of a damaged file is told, and pictures in doubt are the last to be chosen."""

import random
import re
import sys

import av
import cv2
import numpy as np
import pytest

import keyframes
from keyframes import VideoError, VideoHeader
from keyframes.video import Damage, Pass, VideoReader
from keyframes.video.inspection import inspect
from keyframes.video.packets import Packets
from tests.test_keyframes.conftest import X264, encode_images, ffmpeg, read_number


@pytest.fixture
def encoded(encoded_pictures):
    def make(name, n_frames, *codec):
        return encoded_pictures(name, (i % 256 for i in range(n_frames)), *codec)

    return make


def at_25_a_second(frames):
    return 40.0 * np.asarray(frames)


def packets_of(n_frames, keys=(0,), delay=0):
    times_ms = at_25_a_second(range(n_frames))
    return Packets(times_ms, times_ms[list(keys)], 0.0, delay, True)


def header_of(n_frames, listed):
    return VideoHeader("a.mp4", 160, 120, 0, 25.0, n_frames, listed, "h264", 1000)


def pass_over(frames, messages="", complaints=(), reached_end=True):
    times_ms = at_25_a_second(frames)
    longest_gap_s = np.diff(times_ms).max() / 1000
    return Pass(times_ms, times_ms[-1] / 1000, longest_gap_s, reached_end, messages, complaints)


@pytest.mark.parametrize(
    ("n_decoded", "n_packets", "listed", "messages", "told"),
    [
        (60, 60, True, "", ""),
        (40, 40, True, "", "only 40 of the 60 frames"),
        # What a container does not list is an estimate.
        (40, 40, False, "", ""),
        (40, 40, False, "'broken'", "only 40 of the 60 frames"),
        # An edit list leaves frames out; no packet is lacking.
        (40, 60, True, "", ""),
        (40, 60, False, "", "the last packet is at 2.360 s"),
        (60, 60, True, "'broken'", "FFmpeg reported errors"),
    ],
)
def test_a_file_is_cut_off_where_it_lists_more_or_ffmpeg_complains(n_decoded, n_packets, listed, messages, told):
    seen, header, packets = pass_over(range(n_decoded), messages), header_of(60, listed), packets_of(n_packets)
    damage = Damage(seen, header, packets)
    described = damage.described()
    assert len(described) == bool(told)
    assert told in "".join(described)
    assert damage.is_incomplete == (bool(told) and n_decoded < 60)


@pytest.mark.parametrize(
    ("complaints", "delay", "doubtful"),
    [
        ((), 0, ()),
        ((23,), 0, range(23, 25)),
        # The codec may have held back what was broken until after the next key frame.
        ((23,), 2, range(21, 50)),
        ((10, 60), 1, [*range(9, 25), *range(59, 100)]),
    ],
)
def test_doubt_lasts_until_a_key_frame_that_is_far_enough(complaints, delay, doubtful):
    packets = packets_of(100, keys=(0, 25, 50), delay=delay)
    damage = Damage(pass_over(range(100), complaints=complaints), header_of(100, True), packets)
    assert np.flatnonzero(damage.suspects(np.arange(100))).tolist() == list(doubtful)


@pytest.mark.parametrize(
    ("lost", "keys", "doubtful"),
    [
        ((60,), range(0, 400, 40), range(59, 79)),
        # A camera drops frames now and then.
        ((60, 170, 290), range(0, 400, 40), ()),
        ((60,), (0,), ()),
    ],
)
def test_a_single_gap_leaves_its_frames_in_doubt(lost, keys, doubtful):
    left = np.setdiff1d(np.arange(400), lost)
    times_ms = at_25_a_second(left)
    packets = Packets(times_ms, at_25_a_second(keys), 0.0, 0, True)
    suspect = Damage(pass_over(left), header_of(len(left), True), packets).suspects(np.arange(len(left)))
    assert np.flatnonzero(suspect).tolist() == list(doubtful)


def test_an_avi_file_that_counts_at_a_multiple_of_the_rate_is_whole(encoded, tmp_path):
    # FFmpeg copies the clock of an MP4 file: 600 a second, with nothing between the frames.
    clip = encoded("a.mp4", 90, *X264, "-g", "30", "-bf", "0", "-video_track_timescale", "600")
    ffmpeg("-i", clip, "-c", "copy", tmp_path / "a.avi")
    with VideoReader(tmp_path / "a.avi") as video:
        assert video.header.frames_claimed > 900
        assert len(list(video)) == 90
        assert video.damage() == []
    cut = tmp_path / "cut.avi"
    whole = (tmp_path / "a.avi").read_bytes()
    # Behind the frames comes their index.
    cut.write_bytes(whole[: whole.rindex(b"idx1") * 2 // 3])
    with VideoReader(cut) as video:
        n_frames = len(list(video))
        assert n_frames < 80
        assert f"only {n_frames} of the" in video.damage()[0]


def test_damage_of_another_track_is_not_that_of_the_pictures(encoded, tmp_path):
    first, second = encoded("a.mp4", 90, *X264, "-g", "10"), tmp_path / "b.mp4"
    noise = np.random.default_rng(0).integers(0, 256, (60, 90, 122, 3), np.uint8)
    encode_images(second, noise, *X264, "-pix_fmt", "yuv444p")
    both = tmp_path / "both.mp4"
    ffmpeg("-i", first, "-i", second, "-map", "0:v", "-map", "1:v", "-c", "copy", both)
    with av.open(str(both)) as container:
        packets = [packet for packet in container.demux(container.streams.video[1]) if packet.size > 2000]
        place = packets[len(packets) // 2].pos
    data = bytearray(both.read_bytes())
    data[place + 500 : place + 700] = bytes(200)
    both.write_bytes(data)
    with VideoReader(both) as video:
        assert (video.header.width, len(list(video))) == (160, 90)
        assert video.damage() == []


def test_a_gap_in_time_is_told(encoded, tmp_path):
    path = encoded("gap.mkv", 90, *X264, "-vf", "setpts=PTS+if(gte(N\\,40)\\,2/TB\\,0)", "-fps_mode", "passthrough")
    (warning,) = keyframes.extract(path, 5, output=tmp_path / "out").warnings
    assert warning == "no frame from 1.300 to 3.333 s"


def test_frames_from_a_message_to_the_next_key_frame_are_suspect(encoded):
    path = encoded("damaged.ts", 200, *X264, "-bf", "0", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0")
    data = bytearray(path.read_bytes())
    for place in range(2 * len(data) // 5, 9 * len(data) // 20, len(data) // 100):
        data[place : place + 30] = bytes(byte ^ 0x5A for byte in data[place : place + 30])
    path.write_bytes(data)
    intact = encoded("intact.ts", 200, *X264, "-bf", "0", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0")
    with VideoReader(path, threads=1) as damaged, VideoReader(intact, threads=1) as whole:
        # Frames that are lost altogether shift the indices behind them, not the times.
        true = {frame.time_s: frame.image for frame in whole}
        wrong = [frame.index for frame in damaged if not np.array_equal(frame.image, true[frame.time_s])]
        damage = Damage(damaged.latest_pass, damaged.header, damaged.packets)
        suspect = damage.suspects(np.arange(damaged.frames_decoded))
    assert 0 < len(wrong) < 60
    assert suspect[wrong].all()
    assert suspect.sum() < 101
    assert not suspect[:50].any()


@pytest.mark.skipif(sys.platform == "win32", reason="FFmpeg's log level cannot be set in OpenCV for Windows")
def test_pictures_patched_up_without_an_error_are_told_and_the_same_with_any_number_of_threads(encoded, tmp_path):
    """A quarter of one picture is missing: FFmpeg takes what it finds for it, and does not call that an error."""
    raw = encoded("whole.h264", 60, *X264, "-bf", "0", "-g", "20", "-x264-params", "slices=4").read_bytes()
    begins = [match.start() for match in re.finditer(rb"\x00\x00\x01", raw)]
    slices = [number for number, begin in enumerate(begins) if raw[begin + 3] & 31 == 1]
    missing = slices[4 * 30 + 1]
    (tmp_path / "broken.h264").write_bytes(raw[: begins[missing]] + raw[begins[missing + 1] :])
    ffmpeg("-i", tmp_path / "broken.h264", "-c", "copy", tmp_path / "broken.mp4")
    results = [
        keyframes.extract(tmp_path / "broken.mp4", 58, output=tmp_path / f"out{threads}", threads=threads)
        for threads in (1, 2, 4)
    ]
    (warning,) = (text for text in results[0].warnings if "FFmpeg" in text)
    assert "concealing" in warning
    assert "error while" not in warning
    for other in results[1:]:
        assert other.manifest == results[0].manifest
        assert [file.read_bytes() for file in other.files] == [file.read_bytes() for file in results[0].files]


def test_a_file_without_complaints_has_no_suspects(encoded):
    with VideoReader(encoded("a.mp4", 30, *X264)) as video:
        list(video)
        assert not Damage(video.latest_pass, video.header, video.packets).suspects(np.arange(30)).any()


def test_suspects_are_not_written_while_there_are_others(encoded, tmp_path):
    path = encoded("damaged.ts", 200, *X264, "-bf", "2", "-g", "50", "-keyint_min", "50")
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 3, len(data) // 2, len(data) // 30):
        data[place : place + 40] = bytes(byte ^ 0x5A for byte in data[place : place + 40])
    path.write_bytes(data)
    result = keyframes.extract(path, 6, output=tmp_path / "out")
    (warning,) = result.warnings
    assert "FFmpeg" in warning
    with VideoReader(path, threads=1) as video:
        list(video)
        suspect = Damage(video.latest_pass, video.header, video.packets).suspects(np.arange(video.frames_decoded))
    labels = np.load(tmp_path / "out" / "scan.npz")["label"]
    assert 0 < suspect.sum() < len(suspect)
    for keyframe in result.keyframes:
        if suspect[keyframe.frame_index]:
            assert suspect[labels == keyframe.cluster].all()


def test_packets_that_gave_no_frame_are_counted(encoded):
    path = encoded("holes.ts", 200, *X264, "-bf", "0", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0")
    data = bytearray(path.read_bytes())
    # Whole packets of the stream are lost, with their headers: nothing is left to be patched up.
    begin = 188 * (len(data) // 376)
    data[begin : begin + 188 * 12] = b"\x47\x1f\xff\x10" * (47 * 12)
    path.write_bytes(data)
    with VideoReader(path, threads=1) as video:
        n_frames = len(list(video))
        (warning,) = video.damage()
    assert n_frames < 200
    lost = re.search(r"no frame from ([0-9.]+) to ([0-9.]+) s \(([0-9]+) missing\)", warning)
    assert int(lost[3]) == 200 - n_frames
    assert round((float(lost[2]) - float(lost[1])) * 30) == 201 - n_frames


def test_interlaced_video_is_read(encoded):
    path = encoded("interlaced.mp4", 40, *X264, "-flags", "+ildct+ilme")
    with VideoReader(path) as video:
        assert [read_number(frame.image) for frame in video] == list(range(40))
        assert video.damage() == []
    # OpenCV 5 hands out memory as it finds it, and only a message of FFmpeg says so.
    if cv2.__version__ == "5.0.0":
        with pytest.raises(VideoError, match="interlaced"):
            VideoReader(path, backend="opencv")


def with_garbled_packet(path, number):
    """Write over a packet that is neither the first nor the last, and return its time in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packet = [packet for packet in container.demux(stream) if packet.size][number]
        place, size, time_s = packet.pos, packet.size, float(packet.pts * stream.time_base)
    data = bytearray(path.read_bytes())
    data[place + size // 3 : place + size // 2] = random.Random(0).randbytes(size // 2 - size // 3)
    path.write_bytes(data)
    return time_s


@pytest.mark.parametrize("name", ["longer_sound.mkv", "longer_sound.mp4"])
def test_damage_in_the_middle_does_not_cut_a_file_off_whose_sound_is_longer(name, intact, tmp_path):
    path = tmp_path / name
    path.write_bytes((intact / name).read_bytes())
    with_garbled_packet(path, 30)
    report = inspect(path)
    assert report["frames_decoded"] >= 59
    assert not any("cut off" in warning for warning in report["warnings"])


def test_the_cameras_own_gaps_are_not_taken_for_the_damage(encoded):
    """Every 25th frame is missing as it was recorded; one packet is damaged."""
    keep = ("-vf", "select=mod(n\\,25)", "-fps_mode", "vfr")
    path = encoded("own_gaps.mkv", 250, *X264, "-bf", "0", "-g", "25", *keep)
    whole = inspect(path)
    assert whole["warnings"] == []
    time_s = with_garbled_packet(path, 120)
    damaged = re.findall(r"([0-9.]+) to ([0-9.]+) s", " ".join(inspect(path)["warnings"]))
    assert damaged
    for begin, end in damaged:
        assert float(begin) - 0.2 < time_s < float(end) + 0.2


def test_frames_behind_the_damage_are_chosen_only_if_there_are_too_few_before(encoded, tmp_path):
    """In a file with a single key frame, nothing behind the damage is sure to be intact."""
    path = encoded("one_key.mp4", 120, *X264, "-bf", "0", "-g", "1000", "-sc_threshold", "0")
    with_garbled_packet(path, 30)
    few = keyframes.extract(path, 10, output=tmp_path / "few")
    assert max(few.frame_indices) < 30
    assert not any("chosen frames may be damaged" in text for text in few.warnings)
    many = keyframes.extract(path, 60, output=tmp_path / "many")
    n_behind = sum(index >= 30 for index in many.frame_indices)
    assert n_behind > 0
    assert any(text.startswith(f"{n_behind} of the 60 chosen frames may be damaged") for text in many.warnings)
