"""Changes of the picture's size in mid-file: OpenCV gives no sign of them, so FFmpeg decodes the key frames.

OpenCV 5 and FFmpeg scale every picture to the size of the first one. OpenCV 4 does not, and its pictures are rubbish.
"""

import math
from functools import lru_cache
from pathlib import Path

import cv2

from keyframes.errors import VideoError
from keyframes.video.ffmpeg.log import Shown, read_log
from keyframes.video.ffmpeg.process import start_ffmpeg, stop_ffmpeg
from keyframes.video.frames import VideoHeader
from keyframes.video.packets import Packets

# Time in seconds, width and height of the first picture and of each one whose size is another than that before it.
Sizes = tuple[tuple[float, int, int], ...]

# With fewer frames for each key frame, decoding the key frames takes too long. Such pictures stand alone, as a camera
# compresses them, and their size does not change.
FEWEST_FRAMES_A_KEY = 4
# MP4, MOV and AVI, which list their frames, give one size for the whole track. Joined files need not keep to it; mostly
# their packets say so.
FEWEST_IF_LISTED = 50
MOST_NAMED = 4
OPENCV_SCALES = int(cv2.__version__.partition(".")[0]) >= 5


def sizes_of_key_frames(path: Path, header: VideoHeader, packets: Packets, until_s: float = math.inf) -> Sizes:
    """Find the sizes of the pictures of a file that OpenCV reads, up to a time.

    Empty where they are not known, or where the packets say that they do not change.
    """
    n_packets, n_keys = len(packets.times_ms), len(packets.key_times_ms)
    fewest = FEWEST_IF_LISTED if header.frames_listed else FEWEST_FRAMES_A_KEY
    unlikely = n_packets < fewest * n_keys and not packets.changes
    if packets.same_parameters or unlikely or not header.seekable or n_keys < 2:
        return ()
    try:
        modified_ns = path.stat().st_mtime_ns
        return _sizes_of_key_frames(path.absolute(), modified_ns, until_s)
    except (VideoError, OSError):
        return ()


@lru_cache(maxsize=64)
def _sizes_of_key_frames(path: Path, modified_ns: int, until_s: float) -> Sizes:
    sizes: list[tuple[float, int, int]] = []
    process = start_ffmpeg(path, ("-discard", "nokey", "-skip_frame", "nokey", "-threads", "1"), ("-f", "null", "-"))
    try:
        assert process.stderr is not None
        for said in read_log(iter(process.stderr)):
            if isinstance(said, Shown):
                if said.time_ms > 1000 * until_s:
                    break
                add_size(sizes, said.time_ms / 1000, said.width, said.height)
    finally:
        stop_ffmpeg(process)
    return tuple(sizes)


def add_size(sizes: list[tuple[float, int, int]], time_s: float, width: int, height: int) -> None:
    """Note the size of a picture if it is another than that of the picture before it."""
    if not sizes or sizes[-1][1:] != (width, height):
        sizes.append((round(time_s, 6), width, height))


def describe_sizes(sizes: Sizes, last_time_s: float) -> list[str]:
    """Return a warning if the size of the picture changes up to a time; an empty list if not."""
    changes = [size for size in sizes[1:] if size[0] <= last_time_s]
    if not changes:
        return []
    first = f"{sizes[0][1]} x {sizes[0][2]}"
    named = ", ".join(f"{width} x {height} from {time_s:.3f} s" for time_s, width, height in changes[:MOST_NAMED])
    more = f" and {len(changes) - MOST_NAMED} more changes" if len(changes) > MOST_NAMED else ""
    return [f"the picture size changes: {first}, {named}{more}; all pictures were scaled to {first}"]
