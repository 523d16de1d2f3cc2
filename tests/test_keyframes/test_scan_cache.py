"""A scan that is kept for the next choice."""

from numpy.testing import assert_array_equal

from keyframes.scan.cache import keep_scan, load_scan
from keyframes.scan.first_pass import scan_video
from keyframes.scan.scan import COLUMNS
from keyframes.settings import Settings
from keyframes.video import VideoReader
from tests.conftest import compiled_only


@compiled_only
def test_a_kept_scan_is_the_scan(video_file, tmp_path):
    settings = Settings(k=5, every=2)
    with VideoReader(video_file("h264_b_frames.mp4"), every=2) as reader:
        made = scan_video(reader, settings, False)
        keep_scan(tmp_path / "scan.npz", made, reader)
        seen, damage = reader.latest_pass, reader.damage()
    with VideoReader(video_file("h264_b_frames.mp4"), every=2) as reader:
        kept = load_scan(tmp_path / "scan.npz", reader)
        assert reader.damage() == damage
        assert (reader.frames_decoded, reader.reached_end) == (60, True)
        assert_array_equal(reader.latest_pass.times_ms, seen.times_ms)
    for name in COLUMNS:
        assert_array_equal(getattr(kept, name), getattr(made, name))
    assert (kept.view, kept.warnings, kept.frames_decoded) == (made.view, made.warnings, made.frames_decoded)
    (tmp_path / "scan.npz").write_bytes((tmp_path / "scan.npz").read_bytes()[:1000])
    with VideoReader(video_file("h264_b_frames.mp4"), every=2) as reader:
        assert load_scan(tmp_path / "scan.npz", reader) is None
