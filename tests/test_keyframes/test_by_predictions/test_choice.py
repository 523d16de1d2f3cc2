"""The next frames by predictions, through the command, on a real clip with its true poses."""

import csv
import json
import shutil

import cv2
import numpy as np
import pytest

import keyframes
from keyframes import SettingsError
from keyframes.choice.predicted import choose_predicted
from keyframes.choice.predicted_video import PredictedVideo
from keyframes.pipeline import warnings_of_others
from keyframes.predictions import Predictions
from keyframes.settings import Settings
from tests.test_keyframes.result_folders import manifest_of
from tests.test_keyframes.reviewing import reviewing
from tests.test_keyframes.test_by_predictions.conftest import JUMPS, VIDEO


@pytest.fixture(scope="module")
def result(predicted, tmp_path_factory, run_command):
    place = tmp_path_factory.mktemp("result") / "mouse-keyframes"
    done = run_command("keyframes", "extract", VIDEO, "-k", 12, "--predictions", predicted, "-o", place, "-q")
    assert done.returncode == 0, done.stderr
    return place


def test_half_of_the_frames_are_doubtful_and_each_has_a_reason(result):
    manifest = manifest_of(result)
    entries = manifest["keyframes"]
    assert len(entries) == 12
    assert [entry["chosen_for"] for entry in entries].count("doubt") == 6
    assert all(entry["reason"] for entry in entries)
    by_index = {entry["frame_index"]: entry for entry in entries}
    for jump in JUMPS:
        assert by_index[jump]["chosen_for"] == "doubt"
        assert "nose" in by_index[jump]["reason"]
        assert not any(abs(index - jump) <= 3 for index in by_index if index != jump)
    assert manifest["predictions"]["keypoints"][0] == "nose"
    assert manifest["settings"]["predictions"].startswith("mouse.csv sha256:")
    with (result / "keyframes.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["reason"] for row in rows] == [entry["reason"] for entry in entries]


def test_the_images_are_the_frames_and_nothing_is_drawn_on_them(result):
    with keyframes.VideoReader(VIDEO) as video:
        wanted = {entry["frame_index"]: entry for entry in manifest_of(result)["keyframes"]}
        frames = list(video.read_frames(wanted))
        assert [frame.index for frame in frames] == sorted(wanted)
        for frame in frames:
            np.testing.assert_array_equal(cv2.imread(str(result / wanted[frame.index]["file"])), frame.image)
            assert frame.time_s == pytest.approx(wanted[frame.index]["time_s"], abs=1e-6)


def test_the_same_bytes_again(result, predicted, tmp_path):
    again = keyframes.extract(VIDEO, 12, predictions=predicted, output=tmp_path / "again", threads=1)
    for name in ("manifest.json", "keyframes.csv", "report.html", "contact_sheet.jpg"):
        assert (again.folder / name).read_bytes() == (result / name).read_bytes(), name


def test_what_is_labelled_is_not_chosen_again(result, predicted, tmp_path, run_command):
    arguments = ("-k", 8, "--predictions", predicted, "--unlike", result, "-o", tmp_path / "next", "-q")
    done = run_command("keyframes", "extract", VIDEO, *arguments)
    assert done.returncode == 0, done.stderr
    first = {entry["frame_index"] for entry in manifest_of(result)["keyframes"]}
    entries = manifest_of(tmp_path / "next")["keyframes"]
    assert not first & {entry["frame_index"] for entry in entries}
    covering = [entry["reason"] for entry in entries if entry["chosen_for"] == "coverage"]
    assert covering
    assert set(covering) <= {"a posture unlike any labelled", "a place unlike any labelled"}


def test_range_stride_share_and_gap_are_kept(predicted, tmp_path):
    options = {"start_s": 10.0, "stop_s": 20.0, "every": 2, "min_gap_s": 0.2, "doubt": 0.0}
    found = keyframes.extract(VIDEO, 9, predictions=predicted, output=tmp_path / "some", **options)
    times = [keyframe.time_s for keyframe in found.keyframes]
    assert len(times) == 9
    assert 10 <= times[0] <= times[-1] < 20
    assert min(np.diff(times)) >= 0.2 - 1e-6
    assert len({index % 2 for index in found.frame_indices}) == 1
    assert {keyframe.chosen_for for keyframe in found.keyframes} == {"coverage"}


@pytest.mark.parametrize(("k", "gap_s", "doubt"), [(10, 2.0, 1.0), (10, 2.0, 0.5), (16, 1.0, 0.0)])
def test_a_gap_that_was_asked_for_is_kept_while_free_frames_are_left(k, gap_s, doubt, predicted, tmp_path):
    found = keyframes.extract(VIDEO, k, predictions=predicted, output=tmp_path / "apart", min_gap_s=gap_s, doubt=doubt)
    assert min(np.diff([keyframe.time_s for keyframe in found.keyframes])) >= gap_s - 1e-6
    assert found.manifest["guards"] == {"min_gap_s": {"limit": gap_s, "gave_way": 0, "kept": 0}}
    assert not found.warnings


@pytest.mark.parametrize("rests", [False, True])
def test_frames_closer_than_a_gap_that_was_asked_for_are_reported(rests, predicted, predicted_rest, tmp_path):
    table = predicted_rest(0.05) if rests else predicted
    found = keyframes.extract(VIDEO, 20, predictions=table, output=tmp_path / "close", min_gap_s=10.0, doubt=0.3)
    assert ("by_pictures" in found.manifest["predictions"]) == rests
    kept = found.manifest["guards"]["min_gap_s"]["kept"]
    assert 15 <= kept < 20
    told = (
        f"{kept} of the 20 chosen frames lie within 10 s of another chosen one, because too few better ones were left"
    )
    assert f"{told}; ask for fewer frames" in found.warnings


def test_only_predicted_frames_are_chosen_where_a_network_looked_at_some(predicted, tmp_path):
    header, *rows = predicted.read_text(encoding="utf-8").splitlines()
    some = tmp_path / "mouse.csv"
    some.write_text("\n".join([header, *(row for row in rows if int(row.split(",")[0]) % 5 == 3)]), encoding="utf-8")
    for options in ({}, {"every": 2}):
        found = keyframes.extract(VIDEO, 12, predictions=some, output=tmp_path / f"some-{len(options)}", **options)
        assert len(found.keyframes) == 12
        assert {index % 5 for index in found.frame_indices} == {3}


@pytest.mark.parametrize("more", [(4, 7, 901), (1124,)])
def test_a_few_frames_off_the_stride_do_not_make_the_others_predicted(more, predicted, tmp_path):
    header, *rows = predicted.read_text(encoding="utf-8").splitlines()
    frames = {*range(0, 1120, 5), *more}
    some = tmp_path / "mouse.csv"
    some.write_text("\n".join([header, *(row for row in rows if int(row.split(",")[0]) in frames)]), encoding="utf-8")
    found = keyframes.extract(VIDEO, 12, predictions=some, output=tmp_path / "some")
    assert set(found.frame_indices) <= frames


def test_frames_without_an_animal_may_have_no_row(predicted, tmp_path):
    header, *rows = predicted.read_text(encoding="utf-8").splitlines()
    some = tmp_path / "mouse.csv"
    kept = [row for row in rows if int(row.split(",")[0]) not in range(500, 510)]
    some.write_text("\n".join([header, *kept]), encoding="utf-8")
    own = PredictedVideo.of(keyframes.read_predictions(some, VIDEO), Settings(4, predictions=some))
    assert own.eligible.all()
    assert own.doubt.level[500] > np.median(own.doubt.level)


def test_no_predictions_serve_two_videos(predicted, tmp_path, run_command):
    videos = [tmp_path / "videos" / day / "mouse.mp4" for day in ("day1", "day2")]
    for video in videos:
        video.parent.mkdir(parents=True)
        shutil.copy(VIDEO, video)
    for command in (("extract", *videos), ("batch", tmp_path / "videos"), ("extract", *videos, "--views")):
        arguments = ("-k", 4, "--predictions", predicted.parent, "-o", tmp_path / "out", "-q")
        done = run_command("keyframes", *command, *arguments)
        assert done.returncode == 1
        assert "mouse.csv: would be used for both " in done.stderr
        assert "frames" not in done.stdout
    for day, last in (("day1", 500), ("day2", 1000)):
        (tmp_path / "poses" / day).mkdir(parents=True)
        header, *rows = predicted.read_text(encoding="utf-8").splitlines()
        kept = [row for row in rows if int(row.split(",")[0]) <= last]
        (tmp_path / "poses" / day / "mouse.csv").write_text("\n".join([header, *kept]), encoding="utf-8")
    arguments = ("-k", 4, "--predictions", tmp_path / "poses", "-o", tmp_path / "own", "-q")
    done = run_command("keyframes", "extract", *videos, *arguments)
    assert done.returncode == 0, done.stderr
    assert [line.partition(": mouse.csv ")[2][:17] for line in done.stderr.splitlines()] == [
        "ends at frame 500",
        "ends at frame 100",
    ]


def test_body_parts_of_no_animal_are_none(true_poses):
    names, poses = true_poses
    whole = np.full((len(poses), 3, len(names) + 2, 2), np.nan, np.float32)
    whole[:, 0, :-2], whole[:, 1, :-2], whole[:, 2, -2:] = poses, poses[::-1], 50
    nothing = np.zeros(len(poses), bool)
    confidence = np.where(np.isnan(whole[..., 0]), np.nan, 0.9).astype(np.float32)
    given = Predictions(
        VIDEO, np.arange(len(poses)), whole, confidence, (*names, "left", "right"), (), nothing, ("a", "b", "single")
    )
    of_all = PredictedVideo.of(given, Settings(5, predictions=VIDEO))
    assert (of_all.doubt.n_animals, of_all.predictions.animals) == (2, ("a", "b"))
    assert of_all.predictions.names == tuple(names)
    named = PredictedVideo.of(given, Settings(5, predictions=VIDEO, keypoints=("nose", "left")))
    assert named.predictions.names == ("nose", "left")


def test_as_many_as_asked_for_where_nothing_moves(tmp_path):
    path = tmp_path / "mouse.csv"
    rows = [f"{frame},nose,{100 + frame % 2},50" for frame in range(400)]
    path.write_text("\n".join(["frame_index,node,x,y", *rows]), encoding="utf-8")
    found = keyframes.extract(VIDEO, 15, predictions=path, output=tmp_path / "rest")
    assert len(set(found.frame_indices)) == 15
    assert any("ends at frame 399" in warning for warning in found.warnings)
    few = keyframes.extract(VIDEO, 15, predictions=path, output=tmp_path / "few", stop_s=0.2)
    assert few.frame_indices == [0, 1, 2, 3, 4]


def chosen_for_doubt(points, k):
    """Frames that are chosen for doubt by predictions of one animal."""
    n_frames, n_nodes, _ = points.shape
    settings = Settings(k, predictions=VIDEO)
    confidence = np.random.default_rng(4).uniform(0.7, 1, (n_frames, 1, n_nodes)).astype(np.float32)
    keypoints, names = points[:, None].astype(np.float32), tuple(map(str, range(n_nodes)))
    given = Predictions(VIDEO, np.arange(n_frames), keypoints, confidence, names, (), np.zeros(n_frames, bool))
    predicted = PredictedVideo.of(given, settings)
    with keyframes.VideoReader(VIDEO) as video:
        scan = predicted.scan(video, settings)
    selection, _ = choose_predicted([predicted], scan, settings, None, False, np.array([], np.int64))
    return {one.frame_index for one in selection.keyframes if one.chosen_for == "doubt"}


@pytest.mark.parametrize("far_worse", [[900], [*range(50, 1050, 100)]], ids=["one", "as many as are wanted"])
def test_of_many_errors_at_random_frames_are_chosen_that_cover_the_poses(far_worse, true_poses):
    _, poses = true_poses
    rng = np.random.default_rng(3)
    points = poses + rng.normal(0, 1.5, poses.shape)
    # The worse ones are all in the first quarter, but for some that are far worse.
    errors = np.flatnonzero(rng.random(len(poses)) < 0.1)
    points[errors, 0, 0] += np.where(errors < 280, 90, 45)
    points[far_worse, 0, 0] += 1500
    doubtful = chosen_for_doubt(points, 20)
    assert len(doubtful) == 10
    assert {*far_worse} <= doubtful <= {*errors.tolist(), *far_worse}
    assert sum(frame >= 280 for frame in doubtful) >= 5


def test_no_mild_error_at_random_comes_before_one_that_is_left_out(true_poses):
    _, poses = true_poses
    rng = np.random.default_rng(3)
    points = poses + rng.normal(0, 0.5, poses.shape)
    points[rng.random(len(poses)) < 0.1, 0, 0] += 8
    jumps = [*range(50, 1050, 60)]
    points[jumps, 0, 0] += 200
    doubtful = chosen_for_doubt(points, 20)
    assert len(doubtful) == 10
    assert doubtful <= {*jumps}


def test_one_frame_may_show_the_place_of_some_and_the_posture_of_others():
    # Bent here for long, straight there for long, and bent there for a while; straight here is labelled.
    straight, bent = np.array([[0, 0], [30, 0], [60, 0]]), np.array([[0, 0], [30, 40], [60, 0]])
    stretches = [(straight, 60, 20), (bent, 60, 60), (straight, 200, 60), (bent, 200, 20)]
    poses = np.concatenate([np.repeat([shape + np.array((place, 80))], n, axis=0) for shape, place, n in stretches])
    predictions = Predictions(
        source=VIDEO,
        frames=np.arange(len(poses)),
        keypoints=poses[:, None].astype(np.float32),
        confidence=np.ones((len(poses), 1, 3), np.float32),
        names=("nose", "hip", "tail"),
        skeleton=(),
        labelled=np.zeros(len(poses), bool),
    )
    settings = Settings(1, predictions=VIDEO, doubt=0.0)
    predicted = PredictedVideo.of(predictions, settings)
    with keyframes.VideoReader(VIDEO) as video:
        scan = predicted.scan(video, settings)
    selection, _ = choose_predicted([predicted], scan, settings, None, False, np.array([5]))
    assert selection.keyframes[0].frame_index >= 140


@pytest.mark.slow
def test_an_automatic_number(predicted, tmp_path):
    found = keyframes.extract(VIDEO, "auto", predictions=predicted, keypoints=["nose", "hip"], output=tmp_path / "auto")
    assert found.manifest["k_selection"]["k"] == len(found.keyframes)
    assert found.manifest["predictions"]["keypoints"] == ["nose", "hip"]


@pytest.mark.slow
def test_a_batch_finds_the_predictions_of_each_video(predicted, tmp_path, run_command):
    videos = tmp_path / "videos"
    videos.mkdir()
    for name in ("mouse.mp4", "other.mp4"):
        shutil.copy(VIDEO, videos / name)
    arguments = ("-k", 5, "--predictions", predicted.parent, "-o", tmp_path / "out", "--jobs", 1, "-q", "--json")
    done = run_command("keyframes", "batch", videos, *arguments)
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert [row["recording"] for row in told["results"]] == ["mouse.mp4"]
    assert "no predictions of other.mp4" in told["failures"][0]["reason"]
    again = json.loads(run_command("keyframes", "batch", videos, *arguments).stdout)
    assert [row["status"] for row in again["results"]] == ["skipped"]


@pytest.mark.slow
def test_views_get_the_same_frames_and_their_reasons_name_the_view(predicted, tmp_path, run_command):
    header, *rows = predicted.read_text(encoding="utf-8").splitlines()
    # From the side, no point jumps in this frame.
    calm = [header, *(row for row in rows if not row.startswith(f"{JUMPS[0]},nose,"))]
    for view, lines in (("top", [header, *rows]), ("side", calm)):
        (tmp_path / "scene" / view).mkdir(parents=True)
        shutil.copy(VIDEO, tmp_path / "scene" / view / "mouse.mp4")
        (tmp_path / "scene" / view / "mouse.csv").write_text("\n".join(lines), encoding="utf-8")
    arguments = ("-k", 6, "--views", "--predictions", "scene", "-o", "out", "-q")
    done = run_command("keyframes", "batch", "scene", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    top, side = (manifest_of(tmp_path / "out" / view / "mouse-keyframes") for view in ("top", "side"))
    assert [entry["frame_index"] for entry in top["keyframes"]] == [entry["frame_index"] for entry in side["keyframes"]]
    assert set(JUMPS) <= {entry["frame_index"] for entry in top["keyframes"]}
    told = [{entry["frame_index"]: entry["reason"] for entry in own["keyframes"]} for own in (top, side)]
    assert told[0] == told[1]
    assert told[0][JUMPS[0]].startswith("top/mouse.mp4: nose ")


def test_a_keypoint_with_a_comma_in_its_name_is_named_in_quotes(predicted, tmp_path, run_command):
    table = tmp_path / "mouse.csv"
    table.write_text(predicted.read_text(encoding="utf-8").replace(",nose,", ',"nose, tip",'), encoding="utf-8")
    command = (
        "keyframes",
        "extract",
        VIDEO,
        "-k",
        5,
        "--predictions",
        table,
        "-q",
        "-o",
        tmp_path / "out",
        "--keypoints",
    )
    done = run_command(*command, "nose, tip")
    assert done.returncode == 1
    assert """has no keypoint 'nose'; choose from "nose, tip", """ in done.stderr
    done = run_command(*command, '"nose, tip"')
    assert done.returncode == 0, done.stderr
    assert manifest_of(tmp_path / "out")["settings"]["keypoints"] == ["nose, tip"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--keypoints", "nose,beak"), "has no keypoint 'beak'; choose from nose"),
        (("--start", "99999"), "no frame"),
    ],
)
def test_what_cannot_be_is_one_clear_line(arguments, told, predicted, tmp_path, run_command):
    place = tmp_path / "out"
    done = run_command(
        "keyframes", "extract", VIDEO, "-k", 5, "--predictions", predicted, "-o", place, "-q", *arguments
    )
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert told in done.stderr
    assert not place.exists()


def test_a_keypoint_that_is_nowhere(tmp_path, run_command):
    path = tmp_path / "mouse.csv"
    rows = [f"{frame},nose,100,50\n{frame},hip,," for frame in range(1125)]
    path.write_text("\n".join(["frame_index,node,x,y", *rows]), encoding="utf-8")
    arguments = ("-k", 5, "--predictions", path, "--keypoints", "hip", "-o", tmp_path / "out", "-q")
    done = run_command("keyframes", "extract", VIDEO, *arguments)
    assert done.returncode == 1
    assert "every point of hip is missing" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("n_others", "told"),
    [
        (0, ()),
        (1, ("one frame of the projects is of another video, which has no predictions here: it was ignored",)),
        (2, ("2 frames of the projects are of other videos, which have no predictions here: they were ignored",)),
    ],
)
def test_frames_of_other_videos_do_not_count(n_others, told):
    entry = {"project": "a", "frames": 3 + n_others, "of_this_video": 3}
    assert warnings_of_others([entry, {"project": "b", "frames": 2, "of_this_video": 2}]) == told


def test_settings_of_pictures_do_not_go_with_predictions(predicted, tmp_path):
    for options in ({"features": "pca"}, {"uniform": True}, {"width": 32}, {"allow_dark": True}):
        with pytest.raises(SettingsError, match=f"`{next(iter(options))}` is about pictures"):
            keyframes.extract(VIDEO, 3, output=tmp_path / "out", predictions=predicted, **options)


def test_options_of_predictions_need_predictions(tmp_path):
    for options in ({"doubt": 0.2}, {"keypoints": ("nose",)}, {"predictions_offset": (1, 2)}):
        with pytest.raises(SettingsError, match="needs `predictions`; give both, or leave it out"):
            keyframes.extract(VIDEO, 3, output=tmp_path / "out", **options)
    with pytest.raises(SettingsError, match="share of the frames"):
        keyframes.extract(VIDEO, 3, output=tmp_path / "out", predictions=tmp_path, doubt=1.5)
    assert not (tmp_path / "out").exists()


def test_points_are_drawn_over_the_report_and_can_be_hidden(result, open_page):
    page = open_page((result / "report.html").as_uri())
    assert page.locator("svg.points").count() == 12
    assert page.locator("svg.points").first.locator("circle").count() == 13
    assert page.locator("svg.points").first.is_visible()
    # The pointer reaches them: they tell their names.
    page.hover("svg.points >> nth=0 >> circle >> nth=12", timeout=5000)
    page.uncheck("#show-points")
    assert not page.locator("svg.points").first.is_visible()
    page.uncheck("#show-doubt")
    assert page.locator(".reason.doubt").count() == 6
    assert page.complaints == []


def test_the_review_page_says_what_its_colours_show(result, open_page):
    with reviewing(result, cwd=VIDEO.parent) as review:
        page = open_page(review.address)
        page.wait_for_selector("#cards .card")
        assert "Red frames have doubtful predictions." in page.inner_text(".map .hint")
        assert page.complaints == []
