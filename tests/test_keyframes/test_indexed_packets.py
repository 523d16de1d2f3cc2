"""Packets by the index of a file are to the last bit those that OpenCV reads one by one, or there are none."""

import struct
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keyframes.video import Excerpts, VideoReader, stretches_to, why_no_excerpts
from keyframes.video.containers import SampleTable, UnusualFileError, find_units, mapped, read_table
from keyframes.video.header import read_header
from keyframes.video.packets import packets_by_index, packets_one_by_one, read_packets
from keyframes.video.shortcuts.matroska import matroska
from tests.test_keyframes.conftest import IRREGULAR, VIDEOS, X264, ffmpeg, skip_unwritten_rows

# More frames than are read both ways before an index is believed.
N_FRAMES = 400
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params")
MPEG4, MJPEG = ("-c:v", "mpeg4", "-q:v", "5"), ("-c:v", "mjpeg", "-q:v", "5", "-pix_fmt", "yuvj420p")
# Files as ordinary cameras and programs write them.
ORDINARY = {
    "b_frames.mp4": (*X264, "-bf", "3", "-g", "25"),
    "b_frames.mov": (*X264, "-bf", "3", "-g", "25"),
    "default.mp4": ("-c:v", "libx264"),
    "no_b_frames.mp4": (*X264, "-bf", "0"),
    "open_gop.mp4": (*X264, "-x264-params", "open-gop=1:keyint=20:min-keyint=10"),
    "slices.mp4": (*X264, "-x264-params", "slices=4"),
    "delimiters.mp4": (*X264, "-x264-params", "aud=1"),
    "own_parameters.mp4": (*X264, "-g", "25", "-x264-params", "repeat-headers=1"),
    "all_key.mp4": (*X264, "-g", "1"),
    "refresh.mp4": (*X264, "-x264-params", "intra-refresh=1:keyint=30"),
    "faststart.mp4": (*X264, "-movflags", "+faststart"),
    "no_edit_list.mp4": (*X264, "-use_editlist", "0"),
    "negative_offsets.mp4": (*X264, "-movflags", "+negative_cts_offsets"),
    "odd_time_scale.mp4": (*X264, "-video_track_timescale", "7919"),
    "irregular.mp4": (*X264, "-bf", "3", *IRREGULAR),
    "hevc.mp4": (*X265, "log-level=error:keyint=25"),
    "hevc_open_gop.mp4": (*X265, "log-level=error:open-gop=1:keyint=20:min-keyint=10:bframes=4"),
    "hevc_tagged.mov": (*X265, "log-level=error:keyint=25", "-tag:v", "hvc1", "-movflags", "+faststart"),
    "hevc_delimiters.mp4": (*X265, "log-level=error:aud=1:keyint=25"),
    "mpeg4.avi": MPEG4,
    "mpeg4_xvid.avi": (*MPEG4, "-vtag", "xvid", "-g", "30"),
    "mpeg4.mp4": MPEG4,
    "mpeg4_b_frames.mp4": (*MPEG4, "-bf", "2"),
    "mjpeg.avi": MJPEG,
    "mjpeg.mov": MJPEG,
    "ntsc.avi": (*MPEG4, "-r", "30000/1001"),
    "ntsc.mp4": (*X264, "-r", "30000/1001"),
}
FRAGMENTED = ("-movflags", "frag_keyframe+empty_moov")
# Copies of another file.
COPIES = {
    "sound.mp4": ("b_frames.mp4", ("-f", "lavfi", "-i", "sine=duration=9"), ("-c:v", "copy", "-c:a", "aac")),
    "sound.avi": ("mpeg4.avi", ("-f", "lavfi", "-i", "sine=duration=9"), ("-c:v", "copy", "-c:a", "pcm_s16le")),
    "rotated.mp4": ("b_frames.mp4", (), ("-c", "copy", "-metadata:s:v", "rotate=90")),
    "to_mov.mov": ("b_frames.mp4", (), ("-c", "copy")),
    "to_mp4.mp4": ("mpeg4.avi", (), ("-c", "copy")),
}
UNUSUAL = {
    "fragmented.mp4": ("b_frames.mp4", (), ("-c", "copy", *FRAGMENTED)),
    "two_tracks.mp4": ("b_frames.mp4", (), ("-map", "0", "-map", "0", "-c", "copy")),
    "two_streams.avi": ("mpeg4.avi", (), ("-map", "0", "-map", "0", "-c", "copy")),
    "other_codec.avi": ("b_frames.mp4", (), ("-c:v", "ffv1")),
    "other_codec.mp4": ("b_frames.mp4", (), ("-c:v", "mpeg2video")),
    "b_frames.avi": ("b_frames.mp4", (), ("-c:v", "mpeg4", "-bf", "2")),
    "left_out.avi": ("mpeg4.avi", (), ("-c:v", "mpeg4", "-vf", "select=not(mod(n\\,3))", "-fps_mode", "passthrough")),
    "h264.avi": ("b_frames.mp4", (), ("-c:v", "libx264")),
    "matroska.mkv": ("b_frames.mp4", (), ("-c", "copy")),
}


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Path of a recording of a name; treat it as read-only."""
    folder = tmp_path_factory.mktemp("indexed")

    def get(name):
        path = folder / name
        if path.exists():
            return path
        if name in ORDINARY:
            source = f"testsrc2=size=96x64:rate=30:duration={N_FRAMES / 30}"
            pixels = () if "-pix_fmt" in ORDINARY[name] else ("-pix_fmt", "yuv420p")
            ffmpeg("-f", "lavfi", "-i", source, *pixels, *ORDINARY[name], path)
        else:
            original, more, options = {**COPIES, **UNUSUAL}[name]
            ffmpeg("-i", get(original), *more, *options, path)
        return path

    return get


def check(path, header=None):
    """By the index, packets are those that are read one by one; whether there are any."""
    header = header or read_header(path, 1)
    packets = packets_by_index(path, header)
    if packets is None:
        return False
    expected = packets_one_by_one(path, header)
    for name in (field.name for field in fields(expected) if field.compare):
        value, read = getattr(packets, name), getattr(expected, name)
        assert type(value) is type(read), name
        if isinstance(read, np.ndarray):
            assert value.dtype == read.dtype, name
            assert value.tobytes() == read.tobytes(), name
        else:
            assert value == read, name
    return True


@pytest.mark.parametrize("name", [*ORDINARY, *COPIES])
def test_ordinary_files_are_read_by_their_index(name, recording):
    assert check(recording(name))


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_files_are_read_one_by_one(name, recording):
    path = recording(name)
    header = read_header(path, 1)
    assert packets_by_index(path, header) is None
    assert len(read_packets(path, header).times_ms) == len(packets_one_by_one(path, header).times_ms) > 100


@pytest.mark.parametrize("name", VIDEOS)
def test_packets_are_the_same_either_way(name, video_file):
    skip_unwritten_rows(name)
    check(video_file(name))


def test_recordings_of_laboratories(shared_data):
    paths = sorted(shared_data.rglob("*.mp4"))
    assert [path.name for path in paths if not check(path)] == []


@pytest.mark.parametrize("name", ["b_frames.mp4", "mpeg4.avi"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("-ss", "3.3"), ("-c", "copy")),
        (("-itsoffset", "1.5"), ("-c", "copy")),
        (("-stream_loop", "1"), ("-c", "copy")),
        ((), ("-t", "7.7", "-c", "copy")),
    ],
)
def test_copies_of_parts(name, before, after, recording, tmp_path):
    path = tmp_path / name
    ffmpeg(*before, "-i", recording(name), *after, path)
    check(path)


@pytest.mark.parametrize("name", ["b_frames.mp4", "hevc.mp4", "mpeg4.avi", "mjpeg.avi", "mpeg4.mp4"])
@pytest.mark.parametrize("seed", range(3))
def test_damage_behind_what_is_read_both_ways(name, seed, recording, tmp_path):
    data, path = bytearray(recording(name).read_bytes()), tmp_path / name
    table = read_table(mapped(recording(name)))
    rng = np.random.default_rng(seed)
    for place in rng.integers(260, N_FRAMES, 3):
        start, size = int(table.offsets[place]), int(table.sizes[place])
        for byte in rng.integers(start, start + size, 8):
            data[byte] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)
    check(path)


@pytest.mark.parametrize("name", ["b_frames.mp4", "hevc.mp4"])
def test_a_lost_block_is_found(name, recording, tmp_path):
    data, path = bytearray(recording(name).read_bytes()), tmp_path / name
    table = read_table(mapped(recording(name)))
    place = 300 + int(table.sizes[300:].argmax())
    assert table.sizes[place] > 90
    start = int(table.offsets[place])
    data[start + 12 : start + 12 + 70] = bytes(70)
    path.write_bytes(data)
    assert check(path)
    assert len(packets_by_index(path, read_header(path, 1)).zeroed_ms) == 1


def test_a_key_frame_that_the_index_does_not_name(recording, tmp_path):
    """FFmpeg takes the key frames of an AVI file from its pictures, whatever the index says."""
    data, path = bytearray(recording("mpeg4.avi").read_bytes()), tmp_path / "mpeg4.avi"
    index = data.rindex(b"idx1") + 8
    data[index + 16 * 300 + 4] ^= 0x10
    path.write_bytes(data)
    assert not check(path)


def test_a_packet_that_does_not_name_itself(recording, tmp_path):
    data, path = bytearray(recording("mjpeg.avi").read_bytes()), tmp_path / "mjpeg.avi"
    table = read_table(mapped(recording("mjpeg.avi")))
    data[int(table.offsets[300]) - 8] ^= 0xFF
    path.write_bytes(data)
    assert not check(path)


@pytest.mark.parametrize("name", ["faststart.mp4", "b_frames.mp4", "mpeg4.avi", "mjpeg.avi"])
def test_a_file_that_is_cut_off_is_read_one_by_one(name, recording, tmp_path):
    data, path = recording(name).read_bytes(), tmp_path / name
    header = read_header(recording(name), 1)
    for n_bytes in (0, 1, 7, 8, 11, 12, 13, 100, 1000, len(data) // 2, len(data) - 100, len(data) - 1):
        path.write_bytes(data[:n_bytes])
        assert packets_by_index(path, header) is None


@pytest.mark.parametrize(
    "name", ["b_frames.mp4", "own_parameters.mp4", "hevc.mp4", "mpeg4.avi", "mjpeg.avi", "sound.mp4"]
)
def test_excerpts_are_cut_from_where_packets_lie(name, recording, monkeypatch):
    """They hold the same bytes as those that OpenCV seeks, and are decoded alike."""
    cut = []

    def recorded(*arguments):
        *first, packets = arguments
        cut.append((first, list(packets)))
        return matroska(*first, cut[-1][1])

    monkeypatch.setattr("keyframes.video.shortcuts.excerpts.matroska", recorded)
    video = VideoReader(recording(name))
    assert why_no_excerpts(video) == ""
    known, pictures = video.packets, []
    for packets in (known, replace(known, layout=None)):
        video.__dict__["packets"] = packets
        excerpts = Excerpts(video, most_pictures=8).results(
            stretches_to(packets, [0, 3, 7, 60, 61, 200, 333, 399]),
            lambda shown: [(index, time_s, picture.tobytes()) for index, time_s, picture in shown],
        )
        pictures.append([one for piece in excerpts for one in piece])
    assert pictures[0] == pictures[1]
    assert len(pictures[0]) == 8
    half = len(cut) // 2
    if known.layout is not None:
        assert cut[:half] == cut[half:]
    assert (known.layout is not None) or name == "hevc.mp4"


def test_a_file_that_has_changed_is_not_cut(recording, tmp_path):
    path = tmp_path / "mjpeg.avi"
    path.write_bytes(recording("mjpeg.avi").read_bytes())
    layout = packets_by_index(path, read_header(path, 1)).layout
    with layout.opened(path) as packet:
        assert packet(0)[:2] == b"\xff\xd8"
    path.write_bytes(path.read_bytes()[:-1])
    with layout.opened(path) as packet:
        assert packet is None
    path.unlink()
    with layout.opened(path) as packet:
        assert packet is None


def chunk(kind, data):
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def opendml(data, n_first):
    """An AVI file of one stream, as OpenDML has it: an index in each of two lists of packets, and no idx1."""
    table = read_table(np.frombuffer(data, np.uint8))
    packets = [data[start : start + size] for start, size in zip(table.offsets, table.sizes, strict=True)]
    # The highest bit of a size says that the packet is no key frame.
    sizes = [len(packet) | (0 if key else 1 << 31) for packet, key in zip(packets, table.keys, strict=True)]
    header = data[data.index(b"avih") : data.index(b"strl") - 8]
    stream = data[
        data.index(b"strh") : data.index(b"strf") + 8 + struct.unpack_from("<I", data, data.index(b"strf") + 4)[0]
    ]

    def indexed(packets, sizes, start):
        """Packets that begin at a place, their index, and its place."""
        chunks = [chunk(b"00dc", packet) for packet in packets]
        starts = np.cumsum([8, *map(len, chunks[:-1])])
        rows = b"".join(struct.pack("<2I", at, size) for at, size in zip(starts, sizes, strict=True))
        index = chunk(b"ix00", b"\2\0\0\1" + struct.pack("<I4sQI", len(packets), b"00dc", start, 0) + rows)
        return b"".join(chunks), index, start + sum(map(len, chunks))

    def whole(places):
        rows = b"".join(struct.pack("<Q2I", place, 0, 0) for place in places)
        indexes = chunk(b"indx", b"\4\0\0\0" + struct.pack("<I4s12x", len(places), b"00dc") + rows)
        lists = chunk(b"LIST", b"hdrl" + header + chunk(b"LIST", b"strl" + stream + indexes))
        first, index, place = indexed(packets[:n_first], sizes[:n_first], 12 + len(lists) + 12)
        front = chunk(b"RIFF", b"AVI " + lists + chunk(b"LIST", b"movi" + first + index))
        second, later_index, later_place = indexed(packets[n_first:], sizes[n_first:], len(front) + 24)
        return front + chunk(b"RIFF", b"AVIX" + chunk(b"LIST", b"movi" + second + later_index)), [place, later_place]

    return whole(whole([0, 0])[1])[0]


@pytest.mark.parametrize("name", ["mjpeg.avi", "mpeg4.avi"])
def test_indexes_of_opendml(name, recording, tmp_path):
    data, path = opendml(recording(name).read_bytes(), 300), tmp_path / name
    path.write_bytes(data)
    assert check(path)
    # Without the second index, its packets are in none.
    last = data.rindex(b"ix00") + 8
    path.write_bytes(data[: last + 4] + struct.pack("<I", 10) + data[last + 8 :])
    assert not check(path)


def test_sound_behind_the_end_of_the_file(recording, tmp_path):
    """FFmpeg reads no picture behind a sample that it cannot find."""
    data, path = bytearray(recording("sound.mp4").read_bytes()), tmp_path / "sound.mp4"
    table = data.rindex(b"stco") + 12 + 4 * 100
    data[table : table + 4] = struct.pack(">I", len(data) + 100)
    path.write_bytes(data)
    assert data.rindex(b"soun") < table
    assert not check(path)


def test_another_file_behind_the_first(recording, tmp_path):
    for name in ("b_frames.mp4", "mpeg4.avi"):
        data, path = recording(name).read_bytes(), tmp_path / name
        path.write_bytes(data + data)
        check(path)


DAMAGE = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4)


@pytest.mark.parametrize(
    "name", ["b_frames.mp4", "hevc.mp4", "mpeg4_b_frames.mp4", "mpeg4.avi", "mjpeg.avi", "sound.avi"]
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=DAMAGE, where=st.sampled_from(["index", "index", "start", "anywhere"]))
def test_damaged_indexes(name, damage, where, recording, tmp_path):
    original = recording(name)
    data, path = bytearray(original.read_bytes()), tmp_path / name
    first, end = {"start": (0, 500), "anywhere": (0, len(data))}.get(where) or index_of(data)
    for place, value in damage:
        data[first + int(place * (end - first))] = value
    path.write_bytes(data)
    check(path, read_header(original, 1))


@pytest.mark.parametrize("name", ["b_frames.mp4", "mpeg4.avi"])
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    damage=DAMAGE,
    n_bytes=st.floats(0, 1),
    value=st.sampled_from([b"\0" * 4, b"\xff" * 4, b"\0\0\0\1", b"moov", b"LIST"]),
)
def test_no_bytes_make_an_index_fail(name, damage, n_bytes, value, recording):
    """Whatever a file holds, its index is read or it is not; one that is lies within the file."""
    data = bytearray(recording(name).read_bytes())
    first, end = index_of(data)
    for place, _ in damage:
        start = first + int(place * (end - first))
        data[start : start + 4] = value
    cut = data if n_bytes > 0.5 else data[: int(2 * n_bytes * len(data))]
    whole = np.frombuffer(bytes(cut), np.uint8)
    try:
        table = read_table(whole)
        units = None if table.units is None else find_units(whole, table, table.units)
    except UnusualFileError:
        return
    assert isinstance(table, SampleTable)
    assert (table.sizes > 0).all()
    assert (table.offsets >= 0).all()
    assert (table.offsets + table.sizes <= len(whole)).all()
    assert len(table.offsets) == len(table.sizes) == len(table.keys) == len(table.times_ms)
    assert units is None or (len(units.first) == len(table.sizes) + 1 and (units.packet_sizes() > 0).all())


@pytest.mark.parametrize("kind", [b"stts", b"ctts", b"stss", b"stsz", b"stsc", b"stco"])
def test_a_table_that_claims_more_than_it_has(kind, recording, tmp_path):
    """The largest count takes neither memory nor time."""
    data, path = bytearray(recording("b_frames.mp4").read_bytes()), tmp_path / "claims.mp4"
    place = data.index(kind) + (12 if kind == b"stsz" else 8)
    header = read_header(recording("b_frames.mp4"), 1)
    data[place : place + 4] = b"\xff" * 4
    path.write_bytes(data)
    assert packets_by_index(path, header) is None
    # The first row claims that many samples, too.
    data[place : place + 4], data[place + 4 : place + 8] = struct.pack(">I", 1), b"\xff" * 4
    path.write_bytes(data)
    assert packets_by_index(path, header) is None


STARTS = [
    b"",
    b"RIFF",
    b"RIFF\0\0\0\0AVI ",
    b"RIFF\4\0\0\0AVI ",
    b"RIFF\x64\0\0\0AVI LIST\x10\0\0\0hdrlLIST\4\0\0\0strlLIST\4\0\0\0movi",
    b"\0\0\0\1moov",
    b"\0\0\0\0moov",
    b"\0\0\0\x08moov",
]


@pytest.mark.parametrize("start", STARTS)
@given(st.binary(max_size=200))
def test_what_is_no_file_has_no_index(start, rest):
    with pytest.raises(UnusualFileError):
        read_table(np.frombuffer(start + rest, np.uint8))


def index_of(data):
    """Where the index of a file lies."""
    if data[:4] == b"RIFF":
        return data.rindex(b"idx1"), len(data)
    start = data.index(b"moov") - 4
    return start, start + int.from_bytes(data[start : start + 4], "big")
