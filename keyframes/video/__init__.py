"""The video room: the one place that opens a video. In goes a file; out come its frames, and what is known of them.

From the bottom up:

- the plain data: `frames` (a frame, a header)
- what FFmpeg says: `log_level`, `decoder_log`
- opening a file: `temporary_files`, `openable` (a name that OpenCV can open a file by), `images` (folders of images,
  stacks and animations, read as videos), `ffmpeg` (the program FFmpeg, which reads what OpenCV cannot), `captures`
- packets, without decoding: `containers` (the index of a file), `packets` (their times, sizes and key frames)
- the whole file: `file_identity` (its hash), `header` (what it says of itself), `picture_sizes` (changes of the size)
- a pass: `decoder_threads`, `clock` (times that grow), `passes` (what a pass sees), `damage` (what that shows of the
  file), `reader` (frames in order, by walking), `frame_times` (when each frame is shown)
- `shortcuts`: ways that are quicker than a walk, by seeks, in segments, or by excerpts, which are single frames decoded
  without those between
- for `keyframes info` and `keyframes doctor`: `inspection` and `codecs`
"""

from keyframes.video.captures import PLAIN, ConversionError, View
from keyframes.video.damage import Damage
from keyframes.video.decoder_threads import one_opencv_thread
from keyframes.video.file_identity import file_hash, refuse_special
from keyframes.video.frame_times import frame_times
from keyframes.video.header import VIDEO_ENDINGS
from keyframes.video.passes import DisagreementError, Pass
from keyframes.video.reader import Picture, VideoReader
from keyframes.video.shortcuts.excerpt_frames import (
    N_PROVEN,
    excerpt_pairs,
    excerpts_pay,
    expected_cost,
    fetch_frames,
    prove_excerpts,
)
from keyframes.video.shortcuts.excerpts import (
    Excerpts,
    Stretch,
    needed,
    stored_behind,
    stretches_to,
    why_no_excerpts,
)
from keyframes.video.shortcuts.seeking import Proof, Seeker, adopt_packets, seek_frames, seeking_pays
from keyframes.video.shortcuts.segments import Segment, SegmentedPass, plan_segments
from keyframes.video.shortcuts.side_by_side import side_by_side
from keyframes.video.shortcuts.spread import middle_picture, spread_pairs, spread_pictures
from keyframes.video.temporary_files import temporary_errors, temporary_folder

__all__ = [
    "N_PROVEN",
    "PLAIN",
    "VIDEO_ENDINGS",
    "ConversionError",
    "Damage",
    "DisagreementError",
    "Excerpts",
    "Pass",
    "Picture",
    "Proof",
    "Seeker",
    "Segment",
    "SegmentedPass",
    "Stretch",
    "VideoReader",
    "View",
    "adopt_packets",
    "excerpt_pairs",
    "excerpts_pay",
    "expected_cost",
    "fetch_frames",
    "file_hash",
    "frame_times",
    "middle_picture",
    "needed",
    "one_opencv_thread",
    "plan_segments",
    "prove_excerpts",
    "refuse_special",
    "seek_frames",
    "seeking_pays",
    "side_by_side",
    "spread_pairs",
    "spread_pictures",
    "stored_behind",
    "stretches_to",
    "temporary_errors",
    "temporary_folder",
    "why_no_excerpts",
]
