"""What a file says of itself, and whether one picture of it can be decoded at all."""

from pathlib import Path

import cv2

from keyframes.datatypes import VideoHeader
from keyframes.decoder_log import DecoderLog
from keyframes.errors import VideoError
from keyframes.names import with_own_name
from keyframes.video.captures import check_conversion, grab_next, open_capture
from keyframes.video.file_identity import refuse_special
from keyframes.video.images import ImageSequence, image_files, is_image_sequence

# Damaged packets that may come before the first picture.
MOST_DAMAGED = 4096


def read_header(path: Path, threads: int, images: ImageSequence | None = None) -> VideoHeader:
    """Open a file, decode its first picture, and return what the file says of itself.

    Raises
    ------
    VideoError
        Where the file is missing, empty, no video, or has no frame that can be decoded.
    """
    size_bytes, start = _size_and_start(path)
    log = DecoderLog()
    with log:
        capture = open_capture(path, threads, images=images)
        try:
            opened = capture.isOpened()
            found = opened and grab_next(capture, lambda: MOST_DAMAGED)
            decoded, image = capture.retrieve() if found else (False, None)
            rate = capture.get(cv2.CAP_PROP_FPS)
            claimed = capture.get(cv2.CAP_PROP_FRAME_COUNT)
            rotation = capture.get(cv2.CAP_PROP_ORIENTATION_META)
            fourcc = int(capture.get(cv2.CAP_PROP_FOURCC))
        finally:
            capture.release()
    said = f" (FFmpeg: {log.first})" if log.first else ""
    if images is not None and images.reason:
        said = f" ({images.reason})"
    if not opened:
        raise VideoError(
            f"{path}: no video can be opened in this file{said}; it is no video, has no video track, or its "
            "index was never written: copy it again, or convert it with ffmpeg"
        )
    if images is not None and image is None:
        raise VideoError(f"{path}: not one image can be decoded ({images.reason}); copy it again, or convert it")
    if not decoded or image is None:
        raise VideoError(f"{path}: not one frame can be decoded{said}; copy it again, or convert it with ffmpeg")
    check_conversion(path, log)
    return VideoHeader(
        name=with_own_name(path).name,
        width=image.shape[1],
        height=image.shape[0],
        rotation=int(rotation) % 360,
        frame_rate=round(rate, 6) if 0 < rate < 1e6 else 0.0,
        frames_claimed=int(claimed) if 0 < claimed < 1e12 else 0,
        frames_listed=_lists_its_frames(start),
        codec="".join(chr(code) for code in fourcc.to_bytes(4, "little") if 32 <= code < 127),
        size_bytes=size_bytes,
    )


def _size_and_start(path: Path) -> tuple[int, bytes]:
    """Size in bytes and first bytes of a file that can be read, or a VideoError that says why it cannot."""
    if is_image_sequence(path) and path.is_dir():
        return sum(file.stat().st_size for file in image_files(path)), b""
    if path.is_dir():
        raise VideoError(f"{path}: is a directory without images; give the video files in it")
    refuse_special(path)
    try:
        with path.open("rb") as file:
            start = file.read(12)
            size = file.seek(0, 2)
    except FileNotFoundError:
        raise VideoError(f"{path}: no such file; check the name and the folder") from None
    except OSError as error:
        raise VideoError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    if size == 0:
        raise VideoError(f"{path}: is empty (0 bytes); copy it again")
    return size, start


def _lists_its_frames(start: bytes) -> bool:
    """Whether a container that begins so keeps a list of its frames: AVI, or MP4 and MOV."""
    is_avi = start[:4] == b"RIFF" and start[8:] == b"AVI "
    return is_avi or start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free")
