"""Every kind of manifest that is written follows docs/manifest.schema.json."""

import json
from typing import get_args, get_type_hints

import numpy as np
import pytest
import tifffile

from keyframes import manifest as written
from keyframes.choice.selection import PredictionsEntry
from keyframes.settings import OF_PICTURES, Settings
from tests.conftest import ROOT
from tests.test_keyframes.reviewing import reviewing

jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema, of the test extra")
SCHEMA = json.loads((ROOT / "docs" / "manifest.schema.json").read_text(encoding="utf-8"))


def check(folder):
    content = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(SCHEMA).validate(content)
    return content


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        (written.Manifest, SCHEMA),
        (written.VideoEntry, SCHEMA["properties"]["video"]),
        (written.KeyframeEntry, SCHEMA["$defs"]["keyframe"]),
        (written.KEntry, SCHEMA["properties"]["k_selection"]),
        (written.DistanceEntry, SCHEMA["properties"]["distance"]),
        (PredictionsEntry, SCHEMA["properties"]["predictions"]),
        (written.UnlikeEntry, SCHEMA["properties"]["unlike"]["items"]),
        (written.Change, SCHEMA["$defs"]["change"]),
    ],
)
def test_the_types_have_the_keys_of_the_schema(kind, part):
    # As they are written: `NotRequired` is there for type checkers alone.
    hints = kind.__annotations__
    assert set(hints) == set(part["properties"])
    optional = {name for name, hint in hints.items() if "NotRequired" in str(hint)}
    assert set(part["required"]) == set(hints) - optional


def test_the_schema_has_every_setting_and_choice():
    properties = SCHEMA["properties"]["settings"]["properties"]
    hints = get_type_hints(Settings)
    assert set(properties) == set(hints)
    assert set(SCHEMA["properties"]["settings"]["else"]["required"]) == {*OF_PICTURES, "scan"}
    for name in ("features", "algorithm", "scan", "format"):
        assert properties[name]["enum"] == list(get_args(hints[name]))


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    place = tmp_path_factory.mktemp("stack") / "stack.tif"
    tifffile.imwrite(place, np.random.default_rng(0).integers(0, 4096, (12, 40, 60), np.uint16))
    return place


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ((), {"distance", "guards"}),
        (("-k", "auto"), {"k_selection"}),
        (("--uniform", "--crop", "4,4,60,60", "--stop", "1"), set()),
        (("--algorithm", "centnn", "--format", "jpg", "--min-gap", "0.2"), {"guards"}),
        (("--algorithm", "kmeans", "--allow-similar", "--allow-dark", "--allow-blurred", "--min-gap", "0"), set()),
    ],
)
def test_a_video(options, keys, video_file, run_command, tmp_path):
    k = () if "-k" in options else ("-k", 4)
    done = run_command("keyframes", "extract", video_file("mpeg4.avi"), *k, *options, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert keys <= set(check(tmp_path / "out"))


@pytest.mark.parametrize("options", [(), ("--levels", "0,4095", "--rate", "30")])
def test_a_stack(options, stack, run_command, tmp_path):
    done = run_command("keyframes", "extract", stack, "-k", 3, *options, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "levels" in check(tmp_path / "out")["video"]


@pytest.mark.slow
def test_a_choice_by_predictions(video_file, run_command, tmp_path, rng):
    table = tmp_path / "poses.csv"
    rows = [
        f"{index},{node},{rng.normal(60, 9):.2f},{rng.normal(60, 9):.2f},0.9" for index in range(60) for node in "ab"
    ]
    table.write_text("\n".join(("frame_index,node,x,y,confidence", *rows)) + "\n", encoding="utf-8")
    video, out = video_file("mpeg4.avi"), tmp_path / "out"
    done = run_command("keyframes", "extract", video, "-k", 4, "--predictions", table, "-o", out)
    assert done.returncode == 0, done.stderr
    content = check(out)
    assert content["predictions"]["keypoints"] == ["a", "b"]
    assert all(entry["reason"] for entry in content["keyframes"])


def test_a_second_choice_and_views(video_file, run_command, tmp_path):
    video, other = video_file("mpeg4.avi"), video_file("mpeg4.mp4")
    run_command("keyframes", "extract", video, "-k", 3, "-o", tmp_path / "first")
    run_command("keyframes", "extract", video, "-k", 3, "--unlike", tmp_path / "first", "-o", tmp_path / "second")
    assert "unlike" in check(tmp_path / "second")
    run_command("keyframes", "extract", video, other, "-k", 3, "--views", "-o", tmp_path / "both")
    folders = list((tmp_path / "both").iterdir())
    assert len(folders) == 2
    assert all("views" in check(folder) for folder in folders)


@pytest.mark.slow
def test_a_batch_with_a_budget(video_file, run_command, tmp_path):
    (tmp_path / "recordings").mkdir()
    for name in ("mpeg4.avi", "mpeg4.mp4"):
        (tmp_path / "recordings" / name).symlink_to(video_file(name))
    out = tmp_path / "out"
    done = run_command("keyframes", "batch", tmp_path / "recordings", "--total", 6, "--jobs", 1, "-o", out)
    assert done.returncode == 0, done.stderr
    assert ["budget" in check(path.parent) for path in out.rglob("manifest.json")] == [True, True]


@pytest.mark.slow
def test_a_review(video_file, run_command, tmp_path):
    run_command("keyframes", "extract", video_file("mpeg4.avi"), "-k", 4, "-o", tmp_path / "out")
    first, second, *_ = (entry["frame_index"] for entry in check(tmp_path / "out")["keyframes"])
    with reviewing(tmp_path / "out", "--video", video_file("mpeg4.avi")) as review:
        review.change("drop", frame=first)
        review.change("note", frame=second, note="the tail is hidden")
        review.change("add", frame=first)
    content = check(tmp_path / "out")
    assert [change["action"] for change in content["review"]["history"]] == ["drop", "note", "add"]
