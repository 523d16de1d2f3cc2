"""Where poses hardly tell frames apart, pictures choose."""

import numpy as np
import pytest

import keyframes
from tests.test_keyframes.conftest import ffmpeg
from tests.test_keyframes.test_by_predictions.conftest import JUMPS, VIDEO


@pytest.mark.parametrize(
    ("moves", "doubt", "expected"),
    [(0.05, 0.5, True), (0.05, 1.0, False), (1.0, 0.5, False)],
    ids=["rests", "all for doubt", "moves"],
)
def test_where_poses_hardly_tell_frames_apart_pictures_do(moves, doubt, expected, predicted_rest, tmp_path):
    options = {"predictions": predicted_rest(moves), "doubt": doubt}
    found = keyframes.extract(VIDEO, 10, **options, output=tmp_path / "out")
    assert len(found.keyframes) == 10
    entries = {entry["frame_index"]: entry for entry in found.manifest["keyframes"]}
    doubtful = {index for index, entry in entries.items() if entry["chosen_for"] == "doubt"}
    by_pictures = 10 - len(doubtful)
    told = f"so {by_pictures} of the 10 were chosen by their pictures"
    assert any(told in warning for warning in found.warnings) == expected
    assert found.manifest["predictions"].get("by_pictures") == (by_pictures if expected else None)
    mapped = "components of the pictures" if expected else "components of the predicted poses"
    assert mapped in " ".join((found.folder / "report.html").read_text(encoding="utf-8").split())
    saved = np.load(found.folder / "scan.npz")
    assert len(saved["fingerprint"]) == (1125 if expected else 0)
    assert saved["doubt"].shape == (1125,)
    assert saved["points"].shape[0] == 1125
    assert set(JUMPS) <= doubtful
    if expected:
        assert all(entry["reason"].startswith("represents") for i, entry in entries.items() if i not in doubtful)
        # Where the predictions rest, the mouse in the pictures does not.
        assert sum(index < 1000 for index in set(entries) - doubtful) >= 3
        assert all(entries[index]["cluster_size"] == 1 for index in doubtful)
        assert not any(0 < abs(index - other) <= 3 for index in doubtful for other in entries)
        np.testing.assert_array_equal(saved["label"][[*entries]], [entry["cluster"] for entry in entries.values()])


def test_where_all_frames_are_chosen_no_other_one_looks_like_them(predicted_rest, tmp_path):
    found = keyframes.extract(VIDEO, 23, predictions=predicted_rest(1.0), every=50, output=tmp_path / "out")
    assert len(found.keyframes) == 23
    assert not found.warnings


def test_pictures_are_compared_with_those_of_labelled_and_of_doubtful_frames(predicted_rest, tmp_path):
    options = {"predictions": predicted_rest(0.05), "scan": "sparse"}
    first = keyframes.extract(VIDEO, 10, **options, output=tmp_path / "first")
    labelled = set(first.frame_indices)
    found = keyframes.extract(VIDEO, 10, **options, unlike=[first.folder], output=tmp_path / "next")
    assert found.manifest["scan"]["looked_at"] < 1125
    looked_at = set(np.load(found.folder / "scan.npz")["frame_index"].tolist())
    assert labelled | set(found.frame_indices) <= looked_at
    assert not labelled & set(found.frame_indices)
    covering = {keyframe.reason for keyframe in found.keyframes if keyframe.chosen_for == "coverage"}
    assert covering == {"looks unlike any labelled frame"}


def test_frames_without_predictions_are_not_chosen_by_their_pictures(predicted_rest, tmp_path):
    path = predicted_rest(0.01)
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    some = [row for row in rows if int(row.split(",")[0]) % 5 == 3 and int(row.split(",")[0]) < 1100]
    path.write_text("\n".join([header, *some]), encoding="utf-8")
    found = keyframes.extract(VIDEO, 10, predictions=path, output=tmp_path / "some")
    assert any("by their pictures" in warning for warning in found.warnings)
    assert len(found.keyframes) == 10
    assert {index % 5 for index in found.frame_indices} == {3}
    assert max(found.frame_indices) < 1100


def test_poses_choose_where_pictures_do_not_differ_either(predicted_rest, tmp_path):
    still = tmp_path / "mouse.mkv"
    ffmpeg("-f", "lavfi", "-i", "color=gray:size=640x480:rate=25", "-frames:v", 1125, "-c:v", "ffv1", still)
    found = keyframes.extract(still, 10, predictions=predicted_rest(0.05), output=tmp_path / "still")
    assert len(found.keyframes) == 10
    assert any("too few of their pictures differ" in warning for warning in found.warnings)
    assert not any("--unlike" in warning for warning in found.warnings)
