"""All chosen frames on one picture, in time order, with index and time under each."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.report.shrinking import shrunk
from keyframes.video.frames import Frame

TILE_WIDTH = 240
GAP = 8
# A sheet stays within what image viewers open at once, however many frames it shows.
MAX_PIXELS = 40_000_000
BACKGROUND = (250, 250, 250)
INK = (60, 60, 60)
FONT = cv2.FONT_HERSHEY_SIMPLEX


class ContactSheet:
    """A grid of small pictures for so many frames of a size in pixels, filled one by one."""

    def __init__(self, n_frames: int, height: int, width: int) -> None:
        shape = height / width
        self.tile_width = max(16, min(TILE_WIDTH, width, int(math.sqrt(MAX_PIXELS / (n_frames * (shape + 0.2))))))
        self.tile_height = max(1, round(self.tile_width * shape))
        self.caption = max(8, round(self.tile_width * 0.11))
        self.columns = _columns(n_frames, (self.tile_height + self.caption + GAP) / (self.tile_width + GAP))
        rows = math.ceil(n_frames / self.columns)
        sheet_height = rows * (self.tile_height + self.caption + GAP) + GAP
        sheet_width = self.columns * (self.tile_width + GAP) + GAP
        self.image: NDArray[np.uint8] = np.full((sheet_height, sheet_width, 3), BACKGROUND, np.uint8)
        self._filled = 0

    def add(self, frame: Frame) -> None:
        """Put the next frame on the sheet."""
        row, column = divmod(self._filled, self.columns)
        top = GAP + row * (self.tile_height + self.caption + GAP)
        left = GAP + column * (self.tile_width + GAP)
        tile = shrunk(frame.image, self.tile_width, self.tile_height)
        self.image[top : top + self.tile_height, left : left + self.tile_width] = tile
        when = "" if frame.time_s is None else f"   {clock(frame.time_s)}"
        self._write(f"{frame.index}{when}", left, top + self.tile_height)
        self._filled += 1

    def _write(self, text: str, left: int, top: int) -> None:
        (text_width, text_height), _ = cv2.getTextSize(text, FONT, 1.0, 1)
        scale = min(0.62 * self.caption / text_height, (self.tile_width - 2) / text_width)
        baseline = top + round(0.5 * (self.caption + scale * text_height)) + 1
        cv2.putText(self.image, text, (left + 1, baseline), FONT, scale, INK, 1, cv2.LINE_AA)


def _columns(n_frames: int, cell_shape: float) -> int:
    """Choose the columns of a sheet about 3 to 2 wide, as screens are, with few places left empty in its last row."""
    ideal = math.sqrt(1.5 * n_frames * cell_shape)
    near = range(max(1, math.floor(0.8 * ideal)), math.ceil(1.25 * ideal) + 1)
    return min(n_frames, min(near, key=lambda columns: (-n_frames % columns, abs(columns - ideal))))


def clock(time_s: float) -> str:
    """Write a time in seconds as [H:]MM:SS.ss."""
    minutes, seconds = divmod(round(time_s, 2), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{seconds:05.2f}" if hours else f"{minutes:02d}:{seconds:05.2f}"
