"""What is of another video, or of no use, is an error; a shorter tail is a warning. With plain tables."""

import numpy as np
import pytest

from keyframes import PredictionsError, VideoReader, read_predictions
from keyframes.predictions import tables
from tests.test_keyframes.test_predictions.conftest import NODES, assert_same


def write(points, path, frames=None):
    frames = range(len(points)) if frames is None else frames
    lines = ["frame_index,animal,node,x,y,confidence"]
    for frame, animals in zip(frames, points, strict=True):
        for animal, nodes in enumerate(animals):
            for node, values in zip(NODES, nodes, strict=True):
                x, y, confidence = ("" if np.isnan(value) else repr(float(value)) for value in values)
                lines.append(f'{frame},mouse{animal},"{node}",{x},{y},{confidence}')
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def table(tmp_path):
    return tmp_path / "poses.csv"


@pytest.mark.parametrize("n_animals", [1, 2])
def test_a_plain_table_gives_what_was_written(n_animals, table, video, poses):
    points = poses(n_animals)
    read = read_predictions(write(points, table), video)
    assert_same(read, points)
    assert (read.names, read.warnings) == (NODES, ())


def test_columns_may_have_any_order_and_some_may_be_left_out(table, video):
    table.write_text("y,node,frame_index,x,comment\n3,nose,7,2,\n5,tail,7,4,a\n9,nose,3,8,\n")
    read = read_predictions(table, video)
    np.testing.assert_array_equal(read.frames, [3, 7])
    np.testing.assert_array_equal(read.keypoints[:, 0], [[[8, 9], [np.nan, np.nan]], [[2, 3], [4, 5]]])
    assert np.isnan(read.confidence).all()


def test_a_table_is_read_in_pieces(table, video, poses, monkeypatch):
    monkeypatch.setattr(tables, "PIECE", 200)
    points = poses(2)
    text = write(points, table).read_text()
    assert_same(read_predictions(table, video), points)
    table.write_text(text.replace("\n", "\r\n").removesuffix("\r\n"))
    assert_same(read_predictions(table, video), points)
    lines = text.splitlines()
    lines[300] = lines[300].replace(",", ";")
    table.write_text("\n".join(lines))
    with pytest.raises(PredictionsError, match=r"line 301 has fewer cells \(1\) than the header \(6\)"):
        read_predictions(table, video)


def test_the_last_cell_may_be_empty(table, video):
    table.write_text("frame_index,node,x,y,confidence\n0,nose,1,2,\n1,nose,3,4,")
    assert_same(read_predictions(table, video), np.array([[[[1, 2, np.nan]]], [[[3, 4, np.nan]]]]))


def test_an_animal_without_a_name_has_none(table, video):
    table.write_text("frame_index,animal,node,x,y\n0,,nose,1,2\n0,b,nose,3,4\n1,,nose,1,2\n1,b,nose,3,4\n")
    read = read_predictions(table, video)
    np.testing.assert_array_equal(read.keypoints[:, :, 0], [[[1, 2], [3, 4]]] * 2)
    assert read.animals == ("", "b")


@pytest.mark.parametrize("nothing", ['""', "NA", '"NA"', ""])
def test_every_empty_cell_is_a_missing_value(nothing, table, video):
    rows = (f'0,{nothing},"a ""b""",1,2,{nothing}', f'1,{nothing},"a ""b""",{nothing},4,1')
    table.write_text("\n".join(["frame_index,animal,node,x,y,confidence", *rows]))
    read = read_predictions(table, video)
    assert (read.names, read.animals) == (('a "b"',), ())
    np.testing.assert_array_equal(read.keypoints[:, 0, 0], [[1, 2], [np.nan, np.nan]])
    assert np.isnan(read.confidence).all()


@pytest.mark.parametrize("nothing", ['""', "NA", '"NA"', ""])
def test_the_columns_may_come_in_any_order(nothing, table, video):
    rows = (f"{nothing},2,0,nose,a", "3,4,1,nose,a", f"{nothing},5,2,nose,{nothing}")
    table.write_text("\n".join(["x,y,frame_index,node,animal", *rows]))
    read = read_predictions(table, video)
    np.testing.assert_array_equal(read.keypoints[:, 0, 0], [[np.nan, np.nan], [3, 4], [np.nan, np.nan]])


@pytest.mark.parametrize("far", ["1e30", "-1e18", "1e300"])
def test_a_point_that_is_absurdly_far_off_is_missing(far, table, video):
    table.write_text(f"frame_index,node,x,y\n0,nose,{far},2\n1,nose,3,4\n2,nose,5,6\n")
    np.testing.assert_array_equal(read_predictions(table, video).keypoints[:, 0, 0], [[np.nan] * 2, [3, 4], [5, 6]])


def test_animals_that_never_meet_share_a_place(table, video, poses):
    points = poses(1, 40, missing=0)
    text = write(points, table).read_text()
    lines = text.splitlines()
    table.write_text("\n".join([*lines[:61], *(line.replace("mouse0", "again") for line in lines[61:])]))
    assert_same(read_predictions(table, video), points)


def test_a_point_has_one_row(table, video, poses):
    text = write(poses(), table).read_text()
    table.write_text(text + text.splitlines()[10] + "\n")
    with pytest.raises(PredictionsError, match="frame 3 has two rows of one point"):
        read_predictions(table, video)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"is empty \(0 bytes\); copy it again"),
        (
            "frame_index,node,x\n0,nose,1\n",
            "has no column y; give a table with the columns frame_index, node, x, y and",
        ),
        ("frame_index,node,x,y\n", "a header and no rows"),
        ("frame_index,node,x,y\n0.5,nose,1,2\n1,nose,1,2\n", "no frame index"),
        ("frame_index,node,x,y\n-1,nose,1,2\n1,nose,1,2\n", "no frame index"),
        ("frame_index,node,x,y\n,nose,1,2\n1,nose,1,2\n", "line 2 cannot be read"),
        ("frame_index,node,x,y\n0,nose,1,2\n\n1,nose,1,?\n", "line 4 cannot be read"),
        ("frame_index,node,x,y\n0,nose,1,2\n1,,1,2\n", "frame 1 has a row without a node; write the name"),
        ("node,frame_index,x,y\nnose,0,1,2\nNA,1,1,2\n", "frame 1 has a row without a node; write the name"),
        ("frame_index,node,x,y\n0,nose,1,2\n1,nose,1,5,2,5\n", r"line 3 has more cells \(6\) than the header \(4\)"),
        ("frame_index,node,x,y\n1e300,nose,1,2\n1,nose,1,2\n", "no frame index"),
        pytest.param(
            f'frame_index,node,x,y\n0,nose,1,2\n1,"{"n" * 140_000}",1,2\n',
            "line 3 cannot be read .field larger than",
            id="a cell without an end",
        ),
        ("frame_index,node,x,y\n0,nose,1,2\n", "holds 1 frame;"),
        ("frame_index,node,x,y\n0,nose,0.4,0.2\n1,nose,0.5,1\n", "in pixels, not as shares of the picture"),
        ("frame_index;node;x;y\n0;nose;1;2\n", "x and y, and commas between them"),
        ("frame_index,node,x,y\n0,nose,,\n1,nose,nan,nan\n", "every point is missing"),
        ("frame_index,node,x,y\n0,nose,1e300,2\n1,nose,-1,-1\n", "every point is missing"),
        ("frame_index,node,x,y,x\n0,nose,1,2,3\n1,nose,1,2,3\n", "has two columns x; keep one"),
        ("frame_idx,inst0.nose.x,inst0.nose.y\n0,1,2\n1,1,2\n", "has one row for each frame; export it with one"),
        ("a,b\n1,2\n", "is not a table of predictions; give one that"),
    ],
)
def test_a_table_of_no_use_is_one_line(text, message, table, video):
    table.write_text(text)
    with pytest.raises(PredictionsError, match=message) as caught:
        read_predictions(table, video)
    assert str(table) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_video_itself_holds_no_predictions(video):
    with pytest.raises(PredictionsError, match=r"mouse\.mp4: is not a .*; give the file that the network's tool wrote"):
        read_predictions(video, video)


@pytest.mark.parametrize("ending", [".csv", ".h5", ".slp", ".pickle", ".json", ""])
@pytest.mark.parametrize("content", [b"", b"\x00" * 1000, b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, b"hello\n"])
def test_other_files_are_one_line(ending, content, tmp_path, video):
    path = tmp_path / f"mouse{ending}"
    path.write_bytes(content)
    with pytest.raises(PredictionsError) as caught:
        read_predictions(path, video)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file_is_one_line(tmp_path, video):
    with pytest.raises(PredictionsError, match="no such file"):
        read_predictions(tmp_path / "none.csv", video)
    with pytest.raises(PredictionsError, match=r"no predictions of mouse\.mp4"):
        read_predictions(tmp_path, video)


def test_more_frames_than_the_video_are_refused(table, video, poses):
    with pytest.raises(PredictionsError, match=r"up to frame 60, but the frames of mouse\.mp4 are 0 to 59"):
        read_predictions(write(poses(1, 61, 0), table), video)


def test_empty_rows_behind_the_end_are_left_out(table, video, poses):
    points = poses(1, 63, 0)
    points[60:] = np.nan
    read = read_predictions(write(points, table), video)
    assert_same(read, points[:60])
    assert read.warnings == ()


def test_a_shorter_tail_is_a_warning(table, video, poses):
    read = read_predictions(write(poses(1, 50), table), video)
    assert read.warnings == ("poses.csv ends at frame 49: the last 10 of 60 frames have no predictions",)
    read = read_predictions(write(poses(1, 59), table), video)
    assert read.warnings == ("poses.csv ends at frame 58: the last one of 60 frames has no predictions",)
    read = read_predictions(write(poses(1, 40), table, range(15, 55)), video)
    assert read.warnings == (
        "poses.csv begins at frame 15: the first 15 of 60 frames have no predictions",
        "poses.csv ends at frame 54: the last 5 of 60 frames have no predictions",
    )
    points = poses(1, 60, missing=0)
    points[50:] = np.nan
    read = read_predictions(write(points, table), video)
    assert read.warnings == ("poses.csv ends at frame 49: the last 10 of 60 frames have no predictions",)


def test_a_tail_as_empty_as_other_stretches_is_none(table, video, poses):
    frames = [*range(10), *range(20, 50)]
    assert read_predictions(write(poses(1, 40), table, frames), video).warnings == ()


def test_points_outside_the_picture_are_refused(table, video, poses):
    points = poses(2)
    read_predictions(write(points + np.array([8, -6, 0]), table), video)
    # One that is far off is the network's fault.
    points[5, 0, 0] = (900, -300, 0.1)
    read_predictions(write(points, table), video)
    with pytest.raises(PredictionsError, match=r"of its points lie outside the picture of mouse\.mp4 \(160 x 120"):
        read_predictions(write(points * (2, 2, 1), table), video)
    with pytest.raises(PredictionsError, match="100% of its points"):
        read_predictions(write(points + np.array([900, 900, 0]), table), video)


def test_an_offset_moves_all_points(table, video, poses):
    points = poses(missing=0)
    assert_same(read_predictions(write(points - (40, 30, 0), table), video, offset=(40, 30)), points)


def test_an_open_video_stays_open(table, video, poses):
    write(poses(), table)
    with VideoReader(video) as reader:
        read_predictions(table, reader)
        assert len(list(reader)) == 60


@pytest.mark.parametrize("ending", ["h5", "slp"])
def test_an_empty_file_is_told(ending, tmp_path, video):
    path = tmp_path / f"mouse.{ending}"
    path.touch()
    with pytest.raises(PredictionsError, match=r"is empty \(0 bytes\); copy it again"):
        read_predictions(path, video)
