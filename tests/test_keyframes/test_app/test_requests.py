"""What a request may ask for, and what it may not."""

import json
import os
import shlex
import shutil
import sys

import pytest

from keyframes import run_batch
from keyframes.app.rounds import Rounds
from keyframes.batch.tasks import state_name
from tests.test_keyframes.odd_names import LATIN
from tests.test_keyframes.test_app.conftest import HOST, PORT, TOKEN

POSTS = (
    "round",
    "round/1/command",
    "round/1/start",
    "round/1/stop",
    "round/1/mark",
    "round/1/plan",
    "round/1/export",
    "note",
)
GETS = ("", "about", "near", "round/1/recordings", "files/app.js")
WISH = {"recordings": "all", "number": "5"}


def test_only_the_page_itself_is_answered(folder, asked):
    before = sorted(folder.parent.rglob("*"))
    page = {"origin": f"http://{HOST}", "content_type": "application/json"}
    with asked(folder) as app:
        for path in GETS:
            status, headers, _ = app.request("GET", path)
            assert status == 200
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            for host in ("evil.example", f"evil.example:{PORT}", "127.0.0.1", f"127.0.0.1:{PORT + 1}", ""):
                assert app.request("GET", path, host=host)[0] == 403
            for token in ("", "toke", "tokens", "%74oken"):
                assert app.request("GET", f"//{token}/{path}")[0] == 403
        for path in POSTS:
            assert app.request("GET", path)[0] == 405
            for origin in ("http://evil.example", "null", f"https://{HOST}", None):
                assert app.request("POST", path, WISH, **{**page, "origin": origin})[0] == 403
            assert app.request("POST", path, WISH, **{**page, "content_type": "text/plain"})[0] == 403
            assert app.request("POST", path, b" " * 70_000, **page)[0] == 403
            assert app.request("POST", path, b"", **page, content_length="x")[0] == 403
            assert app.request("POST", path, WISH, **page, host="evil.example")[0] == 403
    assert sorted(folder.parent.rglob("*")) == before


def test_a_path_names_no_file(folder, asked):
    (folder.parent / "secret.mp4").write_bytes(b"secret")
    with asked(folder) as app:
        for path in (
            "files/../app.py",
            "files/..%2fapp.py",
            "files//etc/passwd",
            "files/review.html",
            "picture/../../secret.mp4/small",
            "picture/..%2fsecret.mp4/small",
            "picture/secret.mp4/small",
            f"picture/{state_name('a.mp4')}/huge",
            f"picture/{state_name('../secret.mp4')}/small",
            "round/1/review/../../secret.mp4/",
            "round/2/recordings",
            "round/0/recordings",
            "round/1/around/x",
            f"round/1/review/{state_name('a.mp4')}/state",
        ):
            status, _, content = app.request("GET", path)
            assert status in (404, 422), (path, status, content)
            assert b"secret" not in content.replace(b"secret.mp4", b"")
        # A review's address without its last slash, as one may type it, leads to the address with it.
        review = f"round/1/review/{state_name('a.mp4')}"
        status, headers, _ = app.request("GET", review)
        assert (status, headers["location"]) == (307, f"http://{HOST}/{TOKEN}/{review}/")


WRONG = [
    {"recordings": []},
    {"recordings": ["../secret.mp4"]},
    {"recordings": [["a"]]},
    {"recordings": {"a": 1}},
    {"number": ""},
    {"number": "0"},
    {"number": "00"},
    {"number": "5 --output=/"},
    {"number": ["5"]},
    {"unlike": ["/etc"]},
    {"unlike": [7]},
    {"predictions": "/etc/passwd"},
    {"encoder": "../a.onnx"},
    {"options": {"start_s": "soon"}},
    {"options": {"crop": "1,2"}},
    {"options": {"start_s": "9", "stop_s": "3"}},
    {"options": {"algorithm": "dec"}},
    {"options": {"keypoints": "x" * 5000}},
    {"options": {"seed": "1\n--output=/"}},
    {"together": True, "number": "auto"},
    {"together": True, "number": "5", "at_least": "-1"},
    {"views": True, "recordings": [state_name("a.mp4")]},
    {"views": True, "together": True},
    {"views": True, "options": {"scan": "sparse"}},
]


def test_what_cannot_be_done_is_refused_with_a_reason(folder, asked):
    with asked(folder) as app:
        for given in WRONG:
            for what in ("command", "start"):
                status, answer = app.post(f"round/1/{what}", {**WISH, **given})
                assert status in (400, 422), (given, answer)
                assert len(answer["error"]) > 10
                # It names options, as the page does.
                assert "`" not in answer["error"]
        assert not app.get("round/1/recordings")["run"]["n"]


def test_a_body_that_is_no_object_is_refused(folder, asked):
    with asked(folder) as app:
        for path in POSTS[1:]:
            for body in (b"", b"[]", b"\xff", b"{", b"null", b'"' + b"x" * 1000 + b'"', b"[" * 30_000):
                if path != "round/1/stop":
                    assert app.post(path, body)[0] in (400, 422)


def test_a_value_is_never_another_option(folder, asked):
    with asked(folder) as app:
        given = {**WISH, "options": {"min_gap_s": "--output=/", "output": "/", "start_s": "1", "k": "9"}}
        assert app.post("round/1/command", given)[0] == 400
        given["options"]["min_gap_s"] = "0.5"
        command = shlex.split(app.post("round/1/command", given)[1]["command"])
        assert command[-2:] == ["--start=1", "--min-gap=0.5"]
        assert command.count("-o") == 1


@pytest.mark.skipif(os.name == "nt", reason="names that Windows refuses")
def test_any_name_is_told_and_quoted(folder, asked):
    names = [
        "<script>alert(1)</script>.mp4".replace("/", "~"),
        'quote\' "double".mp4',
        "[1] %d $HOME `x`.mp4",
        "-o.mp4",
    ]
    names += [] if sys.platform == "darwin" else [f"{LATIN}.mp4"]
    for name in names:
        (folder / name).write_bytes(b"no video")
    with asked(folder) as app:
        status, headers, content = app.request("GET", "round/1/recordings")
        assert (status, headers["content-type"]) == (200, "application/json")
        rows = {row["id"]: row["name"] for row in json.loads(content)["recordings"]}
        for name in names:
            shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            assert rows[state_name(name)] == shown
            command = shlex.split(app.post("round/1/command", {**WISH, "recordings": [state_name(name)]})[1]["command"])
            assert sum(word.startswith("--include=") for word in command) == 1
            assert sum(word.startswith("-o") for word in command) == 1


def test_300_recordings_are_told_without_looking_into_them(tmp_path, asked, monkeypatch):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number:03d}.mp4").touch()
    with asked(folder) as app:
        monkeypatch.setattr(app.app.previews, "look_at", list)
        rows = app.get("round/1/recordings")["recordings"]
        assert [row["name"] for row in rows] == [f"{number:03d}.mp4" for number in range(300)]
        assert {row["status"] for row in rows} == {"new"}
        command = app.post("round/1/command", {**WISH, "recordings": [row["id"] for row in rows[:299]]})[1]["command"]
        assert command.count("--include=") == 299
        assert app.post("round/1/command", WISH)[1]["command"].endswith("-k 5 -o " + str(app.app.rounds.output))


def test_a_round_has_a_folder_of_its_own(folder, asked):
    with asked(folder) as app:
        assert app.post("round", {}) == (200, {"number": 2})
        _, answer = app.post("round/2/command", WISH)
        assert answer["command"].endswith("reach-keyframes-2")
        assert [one["number"] for one in app.get("about")["rounds"]] == [1, 2]


def test_what_an_earlier_round_chose_in_all_subfolders_is_named_once(video_file, asked, tmp_path):
    folder, output = tmp_path / "reach", tmp_path / "out"
    for place in (folder, folder / "cage1"):
        place.mkdir()
        shutil.copy(video_file("h264_b_frames.mp4"), place)
    run_batch(folder, 2, output=output, jobs=1)
    with asked(folder, output) as app:
        app.post("round", {})
        command = shlex.split(app.post("round/2/command", {**WISH, "unlike": [1]})[1]["command"])
    (unlike,) = (part.removeprefix("--unlike=") for part in command if part.startswith("--unlike="))
    assert os.path.samefile(unlike, output)


def test_two_windows_that_begin_a_round_at_once_begin_two(folder, asked, monkeypatch):
    seen = Rounds.all
    with asked(folder) as app:
        first = app.post("round", {})
        # The other one has looked before the first one made its folder.
        looks = iter([lambda rounds: seen(rounds)[:1]])
        monkeypatch.setattr(Rounds, "all", lambda rounds: next(looks, seen)(rounds))
        assert [first, app.post("round", {})] == [(200, {"number": 2}), (200, {"number": 3})]


def test_a_file_where_a_round_should_be_is_told(folder, asked):
    (folder.parent / "reach-keyframes-2").touch()
    with asked(folder) as app:
        status, answer = app.post("round", {})
    assert (status, "cannot be created (File exists)" in answer["error"]) == (422, True)


def test_what_is_in_the_output_folder_is_near_from_the_start(folder, asked):
    output = folder.parent / "out"
    for place in (folder, output):
        (place / "predictions").mkdir(parents=True)
        (place / "predictions" / "a.csv").touch()
    with asked(folder, output) as app:
        near = [(one["use"], one["name"]) for one in app.get("near")["files"]]
    assert near == [("predictions", "reach/predictions"), ("predictions", "out/predictions")]


def test_an_export_to_sleap_is_a_project_and_no_predictions(folder, asked):
    output = folder.parent / "out"
    ours = ("suggestions.slp", "suggestions.pkg.slp", "suggestions-keyframes.slp", "suggestions-keyframes-2.pkg.slp")
    for name in (*(f"for-sleap/{one}" for one in ours), "predicted/suggestions.slp.predictions.slp"):
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        (output / name).touch()
    with asked(folder, output) as app:
        near = {(one["use"], one["name"]) for one in app.get("near")["files"]}
    assert {name for use, name in near if use == "predictions"} == {"out/predicted"}
    assert ("sleap", "out/for-sleap/suggestions.slp") in near


def test_cameras_of_one_scene_are_asked_for_by_the_command(folder, asked):
    with asked(folder) as app:
        two = [state_name(name) for name in ("a.mp4", "cage1/a.mp4")]
        _, answer = app.post("round/1/command", {**WISH, "recordings": two, "views": True})
        command = shlex.split(answer["command"])
        assert "--views" in command
        assert {"--include=a.mp4", "--include=cage1/a.mp4"} <= set(command)


def test_a_note_is_kept_and_no_other_window_loses_its_own(folder, asked):
    name, other = state_name("a.mp4"), state_name("cage1/a.mp4")

    def notes(app):
        return {row["name"]: row["note"] for row in app.get("round/1/recordings")["recordings"]}

    def write(app, words, before, recording=name):
        return app.post("note", {"recording": recording, "note": words, "before": before})

    words = '<script>alert(1)</script> "left" out of focus\nMäuse \udce9'
    with asked(folder) as app:
        assert write(app, f"  {words}\n", "") == (200, {})
        assert write(app, "good", "", other)[0] == 200
        assert notes(app) == {"a.mp4": words.replace("\udce9", "\\xe9"), "b.mp4": "", "cage1/a.mp4": "good"}
        status, answer = write(app, "mine", "what was there before")
        assert (status, "left" in answer["error"]) == (409, True)
        assert write(app, "half of \ud83d", notes(app)["a.mp4"]) == (200, {})
        assert write(app, words, notes(app)["a.mp4"]) == (200, {})
        assert write(app, "x" * 2001, "good", other)[0] == 422
        assert write(app, "x", "", "../a")[0] == 422
        assert write(app, ["x"], "good", other)[0] == 400
    # A server that is started again finds them, and in the next round too.
    with asked(folder) as app:
        assert notes(app)["cage1/a.mp4"] == "good"
        assert write(app, "", "good", other) == (200, {})
        app.post("round", {})
        assert [bool(row["note"]) for row in app.get("round/2/recordings")["recordings"]] == [True, False, False]
    assert not [path for path in folder.parent.rglob("*") if "partial" in path.name]


def test_an_empty_folder_is_told_without_options_of_the_command(tmp_path, asked):
    folder = tmp_path / "a; b"
    folder.mkdir()
    (folder / "notes.txt").touch()
    with asked(folder) as app:
        found = app.get("round/1/recordings")
        what = "a video, a TIFF stack or a folder of images"
        assert (found["recordings"], found["note"]) == ([], f"nothing in it is {what} (left out: 1 file (.txt 1))")


def test_a_result_that_lost_an_image_is_not_called_chosen(video_file, asked, tmp_path):
    (tmp_path / "reach").mkdir()
    shutil.copy(video_file("h264_b_frames.mp4"), tmp_path / "reach")
    run_batch(tmp_path / "reach", 2, output=tmp_path / "out", jobs=1)
    with asked(tmp_path / "reach", tmp_path / "out") as page:
        (before,) = page.get("round/1/recordings")["recordings"]
        image = next((tmp_path / "out").glob("*-keyframes/frames/*"))
        image.unlink()
        (after,) = page.get("round/1/recordings")["recordings"]
    assert before["status"] == "chosen"
    assert after["status"] == "new"
    assert after["reason"] == f"frames/{image.name} of its result is missing; choose its frames again"
