"""Frames of a video, fetched exactly and on demand."""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyframes.errors import ReviewError
from keyframes.manifest import Manifest
from keyframes.result.scan_file import SavedScan
from keyframes.scan.scan import make_proof, thumbnailer_of
from keyframes.settings import Crop, Settings
from keyframes.video import DisagreementError, Seeker, VideoReader, View, adopt_packets


class _Prints(Mapping[int, bytes]):
    """Fingerprint of each frame that was looked at."""

    def __init__(self, scan: SavedScan) -> None:
        self._scan = scan

    def __getitem__(self, index: int) -> bytes:
        row = self._scan.row(index)
        if row < 0:
            raise KeyError(index)
        return bytes(self._scan.fingerprint[row].tobytes())

    def __iter__(self) -> Iterator[int]:
        return iter(self._scan.frame_index.tolist())

    def __len__(self) -> int:
        return len(self._scan.frame_index)


class Pictures:
    """Fetches frames that a scan has looked at. One thread does it, so that requests that wait are served in one go.

    A frame comes by a seek where the packets tell the times that the scan saw, and must then have the fingerprint of
    the scan; otherwise by reading the video from its start.
    """

    def __init__(self, path: Path, settings: Settings, scan: SavedScan) -> None:
        self._reader = VideoReader(path, crop=settings.crop, levels=settings.levels, rate=settings.rate)
        self._settings, self._scan = settings, scan
        self._seeker: Seeker | None = None
        self._may_seek: bool | None = None
        self._waiting: dict[int, Future[NDArray[np.uint8]]] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="keyframes-pictures", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Release the video; what still waits fails."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def get(self, frame_index: int) -> NDArray[np.uint8]:
        """Return the picture of a frame, whole: (height, width, 3), uint8, blue, green, red. Waits until it is there.

        A ReviewError says that the scan has not looked at this frame, or that the video has changed since; a
        VideoError, that it cannot be decoded any more.
        """
        if self._scan.row(frame_index) < 0:
            raise ReviewError(f"frame {frame_index} was not scanned; choose one that was")
        with self._changed:
            if self._closed:
                raise ReviewError("the review is being closed")
            future = self._waiting.setdefault(frame_index, Future())
            self._changed.notify()
        return future.result()

    def _work(self) -> None:
        # The packets of ten hours take seconds to read: they are there when the first frame is asked for.
        with suppress(Exception):
            self._seeks()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                wanted, self._waiting = self._waiting, {}
                if self._closed:
                    break
            try:
                for index, image in self._fetched(sorted(wanted)):
                    wanted.pop(index).set_result(image)
            except BaseException as error:
                # Whoever waits learns of a defect too; whoever asks later must not wait for a thread that has ended.
                _fail(wanted, error)
        _fail(wanted, ReviewError("the review is being closed"))
        self._stop_seeking()
        self._reader.close()

    def _fetched(self, wanted: list[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        left = list(wanted)
        try:
            while left and (seeker := self._seeks()) is not None:
                yield left[0], seeker.frame(left[0]).image
                left.pop(0)
        except DisagreementError as error:
            self._stop_seeking()
            self._may_seek = False
            if self._settings.scan == "sparse":
                # Where frames were left out their indices are known by their times alone.
                raise ReviewError(
                    f"{self._reader.path}: frame {left[0]} has changed ({error}); run the extraction again"
                ) from None
        for frame in self._reader.read_frames(left):
            yield frame.index, frame.image

    def _seeks(self) -> Seeker | None:
        """Return what fetches frames by seeks; None where they cannot be proven."""
        if self._may_seek is None:
            header = self._reader.header
            self._may_seek = (
                header.seekable
                and len(self._scan.fingerprint) > 0
                and header.frame_rate > 0
                and adopt_packets(self._reader, self._scan.frame_index, self._scan.time_s)
            )
        if self._may_seek and self._seeker is None:
            levels = self._scan.luma_levels if len(self._scan.luma_levels) else None
            thumbnailer = thumbnailer_of(self._reader, self._settings, levels)
            view = View(luma=levels is not None, excerpts=self._settings.scan == "sparse")
            self._seeker = Seeker(self._reader, make_proof(self._reader, thumbnailer, view, _Prints(self._scan)))
        return self._seeker

    def _stop_seeking(self) -> None:
        if self._seeker is not None:
            self._seeker.close()
            self._seeker = None


def _fail(futures: Mapping[int, Future[Any]], error: BaseException) -> None:
    for future in futures.values():
        future.set_exception(error)


def settings_of(manifest: Manifest) -> Settings:
    """Return the settings that a manifest tells."""
    told = dict(manifest["settings"])
    crop = told.pop("crop", None)
    return Settings(**told, crop=None if crop is None else Crop(**crop))
