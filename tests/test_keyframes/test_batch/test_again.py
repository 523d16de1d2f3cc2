"""A batch that runs again: what is done anew, what is kept, and what is never replaced."""

import json
import re
import shutil

import pytest

from keyframes import extract, run_batch
from keyframes.batch.states import read_states
from keyframes.review import Session
from keyframes.settings import Crop
from tests.conftest import compiled_only
from tests.test_keyframes.test_batch.conftest import contents, results, scans

pytestmark = compiled_only


@pytest.fixture
def batch_of_few(few, tmp_path):
    """A folder with three recordings of one's own, and the results of a batch."""
    folder = tmp_path / "videos"
    shutil.copytree(few, folder)
    run_batch(folder, 3, output=tmp_path / "out", jobs=1, threads=1)
    return folder, tmp_path / "out"


def without_first_frame(result, video):
    """Drop a frame of a result in a review; return what its folder then holds."""
    with Session(result, video) as session:
        state = session.state()
        session.change(state["revision"], "drop", state["keyframes"][0]["frame"], None, "")
    return contents(result)


@pytest.mark.slow
def test_what_changed_is_done_again_and_nothing_else(batch_of_few, clips, tmp_path):
    folder, output = batch_of_few
    assert sorted(scans(output).values()) == [1, 1, 1]

    # Another number of frames, another algorithm: no second decode, and what a fresh run gives.
    other = run_batch(folder, 5, output=output, seed=3, jobs=1)
    assert [row["status"] for row in other.rows] == ["done"] * 3
    assert sorted(scans(output).values()) == [1, 1, 1]
    run_batch(folder, 5, output=tmp_path / "fresh", seed=3, jobs=2)
    assert results(output) == results(tmp_path / "fresh")

    # A new recording, beside one of its name, and a changed one.
    shutil.copy(clips[1], folder / "0.avi")
    shutil.copy(clips[3], folder / "2.mp4")
    more = run_batch(folder, 5, output=output, seed=3, jobs=1)
    status = {row["recording"]: row["status"] for row in more.rows}
    assert status == {"0.avi": "done", "0.mp4": "skipped", "1.mp4": "skipped", "2.mp4": "done"}
    assert sorted(scans(output).values()) == [1, 1, 1, 2]
    place = {row["recording"]: row["place"] for row in more.rows}
    assert (place["0.mp4"], place["0.avi"]) == ("0-keyframes", "0-avi-keyframes")

    # What became of one that is no longer there is reported, and nothing is removed.
    (folder / "1.mp4").unlink()
    lines = []
    again = run_batch(folder, 5, output=output, seed=3, jobs=1, resume=False, say=lines.append)
    assert {row["status"] for row in again.rows} == {"done"}
    gone = [line for line in lines if "no longer there" in line]
    told = "has an earlier result of 1.mp4, which is no longer there; remove it if you do not need it"
    assert gone == [f"warning: {output} {told}"]
    assert (output / "1-keyframes" / "manifest.json").exists()
    # Whoever follows the advice is not told again, and no summary counts it any more.
    shutil.rmtree(output / "1-keyframes")
    run_batch(folder, 5, output=output, seed=3, jobs=1, say=lines.append)
    assert sum("no longer there" in line for line in lines) == 1
    summary = json.loads((output / "batch.json").read_text(encoding="utf-8"))
    assert (summary["recordings"], summary["frames"]) == (3, 15)
    assert not [
        name for name in ("index.html", "summary.csv") if "1.mp4" in (output / name).read_text(encoding="utf-8")
    ]
    assert sorted(scans(output).values()) == [1, 2, 2, 3]


@pytest.mark.parametrize(
    "options",
    [{"k": 3}, *(pytest.param(more, marks=pytest.mark.slow) for more in ({"total": 6}, {"k": 3, "views": True}))],
)
def test_a_result_that_lost_an_image_is_made_again_from_the_kept_scan(few, tmp_path, options):
    def batch():
        done = run_batch(few, output=tmp_path / "out", exclude=["2.mp4"], jobs=1, **options)
        return [row["status"] for row in done.rows]

    def whole():
        return {path: data for path, data in results(tmp_path / "out").items() if "-keyframes/" in path}

    assert batch() == ["done", "done"]
    before = whole()
    next((tmp_path / "out" / "0-keyframes").glob("frames/*")).unlink()
    # The cameras of a scene are done together.
    assert batch() == ["done", "done" if "views" in options else "skipped"]
    assert whole() == before
    assert set(scans(tmp_path / "out").values()) == {1}
    assert batch() == ["skipped", "skipped"]


@pytest.mark.slow
def test_a_result_that_is_not_whole_is_told_and_made_again(batch_of_few):
    folder, output = batch_of_few
    before = results(output)
    (gone, *_), (damaged, *_) = (sorted((output / f"{number}-keyframes" / "frames").iterdir()) for number in (0, 2))
    gone.unlink()
    damaged.write_bytes(damaged.read_bytes()[:50])
    manifest = output / "1-keyframes" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:1000])

    def statuses(**options):
        batch = run_batch(folder, 3, output=output, jobs=1, threads=1, **options)
        return [row["status"] for row in batch.rows], (output / "index.html").read_text(encoding="utf-8")

    # A run that does not look at them finds them all the same.
    status, page = statuses(include=["2.mp4"])
    assert status == ["skipped"]
    assert page.count('<a href="') == 2
    assert "<b>1.mp4</b>: its result cannot be read; run the command again" in page
    status, page = statuses()
    assert status == ["done", "done", "skipped"]
    assert page.count('<a href="') == 3
    damaged.write_bytes(before[damaged.relative_to(output).as_posix()])
    statuses()
    assert results(output) == before


@pytest.mark.slow
def test_what_is_not_of_the_batch_is_not_overwritten(few, tmp_path):
    place = tmp_path / "out" / "1-keyframes"
    extract(few / "0.mp4", 2, output=place)
    before = contents(place)
    for _ in range(2):
        rows = run_batch(few, 3, output=tmp_path / "out", include=["1.mp4"], jobs=1).rows
        assert [row["status"] for row in rows] == ["failed"]
        assert "--overwrite" in rows[0]["reason"]
        assert contents(place) == before
    rows = run_batch(few, 3, output=tmp_path / "out", include=["1.mp4"], jobs=1, overwrite=True).rows
    assert [row["status"] for row in rows] == ["done"]
    rows = run_batch(few, 2, output=tmp_path / "out", include=["1.mp4"], jobs=1).rows
    assert [row["status"] for row in rows] == ["done"]


@pytest.mark.slow
def test_a_recording_of_the_same_name_in_another_folder_replaces_no_result(few, clips, tmp_path):
    def statuses(folder, **options):
        rows = run_batch(folder, 2, output=tmp_path / "out", jobs=1, threads=1, **options).rows
        return [row["status"] for row in rows], rows[0]["reason"]

    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(clips[3], other / "1.mp4")
    statuses(few)
    before = contents(tmp_path / "out" / "1-keyframes")
    (status,), reason = statuses(other)
    assert (status, f"holds the frames of {few / '1.mp4'}, another recording" in reason) == ("failed", True)
    assert contents(tmp_path / "out" / "1-keyframes") == before
    assert statuses(few)[0] == ["skipped"] * 3
    # A copy of a recording is no other one.
    assert statuses(shutil.copytree(few, tmp_path / "copy", copy_function=shutil.copyfile))[0] == ["done"] * 3
    assert statuses(other, overwrite=True)[0] == ["done"]


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"k": 3}, {"total": 6}])
def test_kept_scans_keep_to_their_limit(few, tmp_path, options):
    def kept(output, **more):
        rows = run_batch(few, output=output, jobs=1, **more).rows
        assert "failed" not in {row["status"] for row in rows}
        return [path.stat().st_size for path in (output / "batch-state" / "scans").iterdir()]

    assert kept(tmp_path / "none", **options, keep_bytes=0) == []
    all_of_them = kept(tmp_path / "some", **options)
    assert len(all_of_them) == 3
    before = results(tmp_path / "some")
    # Nothing is to be done, and another choice needs no new scan.
    for limit, more in ((sum(all_of_them) - 1, options), (0, {"k": 2})):
        assert sum(kept(tmp_path / "some", **more, keep_bytes=limit)) <= limit
    fresh = {name: data for name, data in results(tmp_path / "none").items() if "-keyframes/" in name}
    assert fresh == {name: data for name, data in before.items() if "-keyframes/" in name}


@pytest.mark.slow
def test_an_attempt_that_fails_leaves_the_result_and_what_was_mended_in_it(few, tmp_path):
    def batch(**options):
        return [row["status"] for row in run_batch(few, 3, output=tmp_path / "out", include=["0.mp4"], **options).rows]

    result = tmp_path / "out" / "0-keyframes"
    assert batch() == ["done"]
    mended = without_first_frame(result, few / "0.mp4")
    outside = {"crop": Crop(900, 0, 10, 10), "overwrite": True}
    assert batch(**outside) == ["failed"]
    assert batch(**outside) == ["failed"]
    assert contents(result) == mended
    assert batch() == ["skipped"]
    assert contents(result) == mended
    (state,) = read_states(tmp_path / "out").values()
    assert (state["status"], state["frames"], "earlier" in state) == ("done", 3, False)
    # Broken off after another result was put in its place: that is not the earlier one.
    assert batch(**outside) == ["failed"]
    extract(few / "0.mp4", 2, output=tmp_path / "other")
    shutil.rmtree(result)
    (tmp_path / "other").rename(result)
    other = contents(result)
    assert batch() == ["done"]
    assert contents(result) != other


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"k": 4}, {"k": 3, "resume": False}, {"total": 4}, {"k": 3, "views": True}])
def test_what_was_changed_in_a_review_is_replaced_only_on_request(options, few, tmp_path):
    def batch(**options):
        return run_batch(few, output=tmp_path / "out", exclude=["2.mp4"], jobs=1, **options).rows

    result = tmp_path / "out" / "0-keyframes"
    assert [row["status"] for row in batch(k=3)] == ["done", "done"]
    mended = without_first_frame(result, few / "0.mp4")
    rows = batch(**options)
    assert rows[0]["status"] == "failed"
    assert re.match("was edited in a review.* use --overwrite, or .* -o", rows[0]["reason"])
    assert contents(result) == mended
    assert batch(**options, overwrite=True)[0]["status"] == "done"
    assert contents(result) != mended
