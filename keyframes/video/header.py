"""What a file says of itself, whether one picture of it can be decoded at all, and by what: OpenCV, or else FFmpeg."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.errors import RegionError, SettingsError, VideoError
from keyframes.names import with_own_name
from keyframes.settings import Crop
from keyframes.video.captures import (
    UPSIDE_DOWN,
    ConversionError,
    ends_the_process,
    grab_next,
    open_by_backend,
    released,
    unconverted,
)
from keyframes.video.containers import has_sound_beside, lists_frames
from keyframes.video.decoder_log import DecoderLog
from keyframes.video.ffmpeg.capture import TEXT_CODECS, FFmpegCapture
from keyframes.video.ffmpeg.process import ffmpeg_version
from keyframes.video.file_identity import refuse_special
from keyframes.video.frames import Backend, VideoHeader
from keyframes.video.images import ImageSequence, image_files
from keyframes.wording import counted

# What FFmpeg opens and people record. Audio, TypeScript and the like that share an ending fail with their reason.
VIDEO_ENDINGS = frozenset(
    """
    .264 .265 .26l .3g2 .3gp .apng .asf .avc .avi .divx .dv .f4v .flv .gif .gxf .h264 .h265 .hevc .insv .ivf .m1v .m2t
    .m2ts .m2v .m4v .mjpeg .mjpg .mk3d .mkv .mod .mov .mp4 .mpe .mpeg .mpg .mpv .mts .mxf .nut .ogg .ogm .ogv .qt .rm
    .rmvb .tod .trp .ts .vob .webm .wmv .wtv .xvid .y4m
    """.split()  # noqa: SIM905
)
# Damaged packets that may come before the first picture.
MOST_BEFORE_FIRST = 4096


@dataclass(frozen=True)
class _Look:
    """What came of opening a file and decoding its first picture; `said` is what FFmpeg said first."""

    image: NDArray[np.uint8] | None
    rate: float
    claimed: float
    rotation: float
    codec: str
    failed: Literal["", "open", "decode", "convert"]
    said: str
    pixel_format: str = ""


def read_header(
    path: Path,
    threads: int,
    backend: Literal["opencv", "ffmpeg"] | None = None,
    images: ImageSequence | None = None,
) -> VideoHeader:
    """Open a file, or the images that it is, decode its first picture, and return what the file says of itself.

    No backend takes FFmpeg where OpenCV cannot open the file, decode its first picture or convert it. A VideoError says
    what is wrong where the file is missing, empty, no video, or has no frame that can be decoded.
    """
    size_bytes, start = _size_and_start(path)
    chosen: Backend = backend or "opencv" if images is None else "images"
    look, reason = _look(path, threads, chosen, images), ""
    container, frames_listed = look, chosen == "opencv" and lists_frames(path, start[:12])
    if look.failed and chosen == "opencv" and backend is None:
        other = _look_with_ffmpeg(path, threads, look)
        if not other.failed:
            chosen, reason = "ffmpeg", explain(look.failed, look.said)
            # OpenCV counts the frames more closely, if it can open the file.
            container, look = (other if look.failed == "open" else look), other
            frames_listed = frames_listed and container is not look
    if images is not None and images.reason and look.image is None:
        reason, _, advice = images.reason.partition("; ")
        raise VideoError(f"{path}: not one image can be decoded ({reason}); {advice or 'copy it again, or convert it'}")
    if look.failed or look.image is None:
        raise VideoError(_failure(path, look))
    return VideoHeader(
        name=with_own_name(path).name,
        width=look.image.shape[1],
        height=look.image.shape[0],
        rotation=int(container.rotation) % 360,
        frame_rate=round(container.rate, 6) if 0 < container.rate < 1e6 else 0.0,
        frames_claimed=int(container.claimed) if 0 < container.claimed < 1e12 else 0,
        frames_listed=frames_listed,
        codec=look.codec,
        size_bytes=size_bytes,
        backend=chosen,
        backend_reason=reason,
        pixel_format=look.pixel_format,
        avi_with_sound=has_sound_beside(start),
    )


def check_crop(path: Path, crop: Crop | None, header: VideoHeader) -> None:
    """Raise a RegionError where a crop reaches outside the picture."""
    if crop is None:
        return
    if crop.x + crop.width > header.width or crop.y + crop.height > header.height:
        raise RegionError(
            f"{path}: the crop {crop} reaches outside the picture of {header.width} x {header.height} pixels; "
            "choose --crop X,Y,WIDTH,HEIGHT inside it"
        )


def check_image_options(
    path: Path, header: VideoHeader, levels: tuple[float, float] | None, rate: float | None, *, in_seconds: bool
) -> None:
    """Raise a SettingsError where options of images are given for a video, a RegionError where times are for images."""
    if header.backend != "images" and (levels, rate) != (None, None):
        name = "rate" if levels is None else "levels"
        raise SettingsError(f"`{name}` applies to images, and {path} is a video; leave it out")
    if header.backend == "images" and header.frame_rate == 0 and in_seconds:
        raise RegionError(f"{path}: images have no times, so --start and --stop need --rate HZ")


def explain(failed: str, said: str) -> str:
    """Say which FFmpeg reads a file, and why OpenCV does not: what it could not do, and what was said then."""
    return f"FFmpeg {ffmpeg_version()}, because OpenCV {cv2.__version__} cannot {failed} it" + (
        f" ({said.rstrip('.')})" if said else ""
    )


def _look(path: Path, threads: int, backend: Backend, images: ImageSequence | None = None) -> _Look:
    with DecoderLog() as log, released(open_by_backend(path, threads, backend, images)) as capture:
        opened = capture.isOpened()
        found = opened and grab_next(capture, lambda: MOST_BEFORE_FIRST)
        crashes = found and ends_the_process(capture)
        decoded, image = capture.retrieve() if found and not crashes else (False, None)
        rate = capture.get(cv2.CAP_PROP_FPS)
        claimed = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        rotation = capture.get(cv2.CAP_PROP_ORIENTATION_META)
        if isinstance(capture, FFmpegCapture):
            codec, pixel_format = capture.about.codec, ""
        else:
            codec = _four_characters(capture.get(cv2.CAP_PROP_FOURCC))
            pixel_format = _four_characters(capture.get(cv2.CAP_PROP_CODEC_PIXEL_FORMAT))
    shown = np.asarray(image, np.uint8) if decoded and image is not None else None
    failed: Literal["", "open", "decode", "convert"] = ""
    if not opened or codec in TEXT_CODECS:
        failed = "open"
    elif crashes:
        failed = "convert"
    elif shown is None:
        failed = "decode"
    elif unconverted(log):
        failed = "convert"
    said = UPSIDE_DOWN if crashes else log.first
    return _Look(shown, rate, claimed, rotation, codec, failed, said, pixel_format)


def _four_characters(code: float) -> str:
    """Return a code of OpenCV's as text; it is -1 where OpenCV does not know any."""
    return "".join(chr(byte) for byte in (int(code) & 0xFFFFFFFF).to_bytes(4, "little") if 32 <= byte < 127)


def _look_with_ffmpeg(path: Path, threads: int, opencv: _Look) -> _Look:
    """Look with FFmpeg at a file that OpenCV cannot read; where there is no FFmpeg, the VideoError tells of both."""
    try:
        return _look(path, threads, "ffmpeg")
    except VideoError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise VideoError(f"{_failure(path, opencv)}; another FFmpeg may read it, but {reason}") from None


def _failure(path: Path, look: _Look) -> str:
    said = f" (FFmpeg: {look.said})" if look.said else ""
    if look.failed == "open":
        return (
            f"{path}: no video can be opened in this file{said}; it may not be a video, may have no video track, may "
            "be incomplete, or may use a codec that FFmpeg does not know: copy it again, or convert it with the "
            "program that wrote it"
        )
    if look.failed == "convert":
        return str(ConversionError(path, look.said))
    return f"{path}: no frame can be decoded{said}; copy it again, or convert it with ffmpeg"


def _size_and_start(path: Path) -> tuple[int, bytes]:
    """Size in bytes and first bytes of a file that can be read, or a VideoError that says why it cannot."""
    refuse_special(path)
    try:
        if os.path.isdir(path):
            files = image_files(path)
            _refuse_videos(path, len(files))
            return sum(file.stat().st_size for file in files), b""
        with path.open("rb") as file:
            start = file.read(60)
            size = file.seek(0, 2)
    except FileNotFoundError:
        raise VideoError(f"{path}: no such file; check the name and the folder") from None
    except OSError as error:
        raise VideoError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    if size == 0:
        raise VideoError(f"{path}: is empty (0 bytes); copy it again")
    return size, start


def _refuse_videos(folder: Path, n_images: int) -> None:
    """Raise a VideoError where a folder holds no images, or no more images than videos: they are stray ones."""
    n_videos = sum(Path(name).suffix.lower() in VIDEO_ENDINGS and name[0] != "." for name in os.listdir(folder))
    if n_images > n_videos:
        return
    told = f"holds {counted(n_videos, 'video')} beside {counted(n_images, 'image')}"
    if not n_images:
        told = "is a folder without images"
    raise VideoError(f"{folder}: {told}; name the video files in it, or use keyframes batch")
