"""Exports from a review: the choice as the page shows it."""

import json
from pathlib import Path

import pytest

import keyframes
from keyframes.review import Session
from tests.conftest import compiled_only
from tests.test_keyframes.result_folders import contents
from tests.test_keyframes.reviewing import reviewing

pytestmark = compiled_only


@pytest.mark.slow
def test_export_writes_the_choice_as_it_is(folder):
    with reviewing(folder) as review:
        chosen = [one["frame"] for one in review.get("state")["keyframes"]]
        review.change("drop", frame=chosen[0])
        places = [review.post("export", tool="coco", bodyparts="nose, tail")[1]["place"] for _ in range(2)]
        status, answer = review.post("export", tool="photoshop")
        assert (status, "photoshop" in answer["error"]) == (400, True)
    assert [Path(place).name for place in places] == ["v-coco", "v-coco-2"]
    document = json.loads((Path(places[1]) / "annotations.json").read_text(encoding="utf-8"))
    assert [image["frame_index"] for image in document["images"]] == chosen[1:]
    assert document["categories"][0]["keypoints"] == ["nose", "tail"]


def test_an_export_needs_the_video_only_where_the_tool_does(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Session(folder) as session:
        (folder.parent / "v.mp4").rename(tmp_path / "moved.mp4")
        assert session.export("coco", "", "", ("nose",)).n_frames == 6
        with pytest.raises(keyframes.ExportError, match=r"its video v\.mp4 is neither beside it nor in"):
            session.export("deeplabcut", "reach", "anna", ("nose",))


def test_a_second_new_project_of_a_day_gets_a_number(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Session(folder) as session:
        first, second = (session.export("deeplabcut", "reach", "anna", ("nose",)).place for _ in range(2))
    assert second.name == f"{first.name}-2"
    assert contents(first).keys() == contents(second).keys()
