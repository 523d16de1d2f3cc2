"""The contact sheet: every frame in its place, with its time."""

import numpy as np
import pytest

from keyframes import Frame
from keyframes.report.contact_sheet import GAP, ContactSheet, clock


@pytest.mark.parametrize("n_frames", [1, 2, 7, 150])
@pytest.mark.parametrize("size", [(480, 640), (31, 33), (1000, 90)])
def test_a_contact_sheet_shows_every_frame_in_order(n_frames, size):
    sheet = ContactSheet(n_frames, *size)
    for number in range(n_frames):
        level = 40 + number
        sheet.add(Frame(number, number / 30, np.full((*size, 3), level, np.uint8)))
    for number in range(n_frames):
        row, column = divmod(number, sheet.columns)
        y = GAP + row * (sheet.tile_height + sheet.caption + GAP)
        x = GAP + column * (sheet.tile_width + GAP)
        tile = sheet.image[y : y + sheet.tile_height, x : x + sheet.tile_width]
        assert (tile == 40 + number).all()
        caption = sheet.image[y + sheet.tile_height : y + sheet.tile_height + sheet.caption, x : x + sheet.tile_width]
        assert caption.min() < 200


def test_a_contact_sheet_of_very_many_frames_stays_small():
    assert ContactSheet(20_000, 1080, 1920).image.size < 3 * 60_000_000


def test_clock():
    assert [clock(0), clock(61.239), clock(3725.5), clock(59.999)] == ["00:00.00", "01:01.24", "1:02:05.50", "01:00.00"]
