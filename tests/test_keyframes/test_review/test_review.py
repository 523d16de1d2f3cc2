"""``keyframes review``: what a change does to the folder, and who is refused."""

import csv
import http.client
import json
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import keyframes
from keyframes.review import Session
from keyframes.review.session import SIZES
from tests.conftest import N_KILLS, SCRIPTS, compiled_only
from tests.test_keyframes.conftest import picture, read_number
from tests.test_keyframes.result_folders import contents, manifest_of
from tests.test_keyframes.reviewing import reviewing
from tests.test_keyframes.test_review.conftest import VIDEO, check

pytestmark = compiled_only


@pytest.mark.slow
def test_changes_are_saved_at_once_and_undone_to_the_byte(folder, sequential, video_file):
    video, before = video_file(VIDEO), contents(folder)
    chosen = check(folder, sequential, video)
    with reviewing(folder) as review:
        nearest = review.get(f"candidates?frame={chosen[2]}")["candidates"]
        state = review.change("swap", frame=chosen[2], by=nearest[0]["frame"])
        expected = sorted({*chosen, nearest[0]["frame"]} - {chosen[2]})
        assert check(folder, sequential, video) == expected == [one["frame"] for one in state["keyframes"]]
        review.change("drop", frame=chosen[0])
        assert check(folder, sequential, video) == expected[1:]
        added = next(index for index in range(60) if index not in chosen and index not in expected)
        review.change("add", frame=added)
        assert check(folder, sequential, video) == sorted([*expected[1:], added])
        review.change("note", frame=added, note="  the tail, \u00fc\n")
        assert [record["action"] for record in manifest_of(folder)["review"]["history"]] == [
            "swap",
            "drop",
            "add",
            "note",
        ]
        with (folder / "keyframes.csv").open(encoding="utf-8", newline="") as file:
            notes = {int(row["frame_index"]): row["note"] for row in csv.DictReader(file)}
        assert notes == {**dict.fromkeys(expected[1:], ""), added: "the tail, \u00fc"}
    changed = contents(folder)
    assert f'data-frame="{added}"' in changed["report.html"].decode()
    assert f'data-frame="{chosen[0]}"' not in changed["report.html"].decode()
    assert changed["contact_sheet.jpg"] != before["contact_sheet.jpg"]
    with reviewing(folder) as review:
        assert review.get("state")["n_changes"] == 4
        for _ in range(4):
            review.change("undo")
        assert review.post("change", revision=review.get("state")["revision"], action="undo")[0] == 400
    assert contents(folder) == before


def test_candidates_are_the_rest_of_the_cluster_nearest_first(folder):
    scan, entry = np.load(folder / "scan.npz"), manifest_of(folder)["keyframes"][1]
    with Session(folder) as session:
        found, start = [], 0
        while True:
            answer = session.candidates(entry["frame_index"], start)
            found += answer["candidates"]
            start += len(answer["candidates"])
            if not answer["more"]:
                break
        apart = session.candidates(entry["frame_index"], apart_s=0.2)["candidates"]
    members = scan["frame_index"][scan["label"] == entry["cluster"]]
    assert sorted([entry["frame_index"], *(one["frame"] for one in found)]) == sorted(members.tolist())
    distances = [one["distance"] for one in found]
    assert distances == sorted(distances)
    times = [entry["time_s"], *(one["time"] for one in apart)]
    assert all(abs(a - b) >= 0.2 for i, a in enumerate(times) for b in times[:i])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param("variable_rate.mkv", {}, marks=pytest.mark.slow),
        pytest.param("h264_open_gop.mkv", {"every": 3, "crop": keyframes.Crop(0, 20, 150, 90)}, marks=pytest.mark.slow),
        # With these figures many seeks come to the right time and the wrong picture.
        ("h264_intra_refresh.mp4", {"format": "jpg"}),
        pytest.param("rotated.mp4", {"color": True}, marks=pytest.mark.slow),
    ],
)
def test_frames_are_exact_whatever_the_file(tmp_path, video_file, sequential, name, options):
    video = video_file(name)
    keyframes.extract(video, 4, output=tmp_path / "out", **options)
    looked_at = np.load(tmp_path / "out" / "scan.npz")["frame_index"].tolist()
    with reviewing(tmp_path / "out", "--video", str(video)) as review:
        chosen = {one["frame"] for one in review.get("state")["keyframes"]}
        # From the end, so that each is behind the one before.
        wanted = [index for index in looked_at[::-9] if index not in chosen]
        for index in wanted:
            review.change("add", frame=index)
        small = cv2.imdecode(np.frombuffer(review.request("GET", f"picture/{wanted[0]}")[2], np.uint8), 1)
    for index in wanted:
        (path,) = (tmp_path / "out" / "frames").glob(f"img{index:02d}.*")
        expected = sequential(video)[index]
        if path.suffix == ".jpg":
            expected = cv2.imdecode(cv2.imencode(".jpg", expected)[1], cv2.IMREAD_COLOR)
        assert_array_equal(cv2.imread(str(path)), expected)
    assert np.abs(small.astype(int) - sequential(video)[wanted[0]]).mean() < 8


@pytest.mark.slow
@pytest.mark.parametrize("name", ["b_frames.mp4", "no_pyramid.mp4"])
def test_frames_of_long_files_are_exact(tmp_path, long_file, name):
    """Long enough for luma planes and for seeks."""
    options = {"scan": "sparse"} if name == "no_pyramid.mp4" else {}
    video = long_file(name)
    keyframes.extract(video, 4, output=tmp_path / "out", **options)
    looked_at = np.load(tmp_path / "out" / "scan.npz")["frame_index"].tolist()
    with reviewing(tmp_path / "out", "--video", str(video)) as review:
        chosen = [one["frame"] for one in review.get("state")["keyframes"]]
        wanted = [index for index in (looked_at[2301 % len(looked_at)], looked_at[7]) if index not in chosen]
        for index in wanted:
            review.change("add", frame=index)
    for index in wanted:
        (path,) = (tmp_path / "out" / "frames").glob(f"img{index:04d}.png")
        assert read_number(cv2.imread(str(path))) == index % 60


def test_what_cannot_be_changed_is_refused_and_changes_nothing(folder):
    before, chosen = contents(folder), [entry["frame_index"] for entry in manifest_of(folder)["keyframes"]]
    with reviewing(folder) as review:
        revision = review.get("state")["revision"]
        other = next(index for index in range(60) if index not in chosen)
        for wish in (
            {"action": "drop", "frame": other},
            {"action": "add", "frame": chosen[0]},
            {"action": "add", "frame": 60},
            {"action": "add", "frame": -1},
            {"action": "add", "frame": "../../etc/passwd"},
            {"action": "swap", "frame": chosen[0], "by": chosen[1]},
            {"action": "swap", "frame": chosen[0], "by": chosen[0]},
            {"action": "swap", "frame": chosen[0]},
            {"action": "note", "frame": chosen[0], "note": "x" * 2001},
            {"action": "remove"},
            {},
        ):
            status, answer = review.post("change", revision=revision, **wish)
            assert (status, set(answer)) == (400, {"error"})
        status, answer = review.post("change", revision="", action="drop", frame=chosen[0])
        assert (status, "another page" in answer["error"]) == (409, True)
    assert contents(folder) == before


def test_half_an_emoji_in_a_note_is_saved_as_it_is_shown(folder):
    with Session(folder) as session:
        frame = session.state()["keyframes"][0]["frame"]
        for _ in range(2):
            state = session.change(session.state()["revision"], "note", frame, None, "a\ud83d")
        assert (state["keyframes"][0]["note"], state["n_changes"]) == ("a\\ud83d", 1)


def test_only_the_page_itself_is_answered(folder):
    before = contents(folder)
    with reviewing(folder) as review:
        page = {"Origin": review.origin, "Content_Type": "application/json"}
        wish = {"revision": review.get("state")["revision"], "action": "drop", "frame": 0}
        wish["frame"] = review.get("state")["keyframes"][0]["frame"]
        port, token = review.port, review.token
        # Without the token, with a part of it, with another one.
        for path in ("//", "//state", f"//{token[:-1]}/state", f"//{'a' * len(token)}/state", f"//{token}"):
            assert review.request("GET", path)[0] == 403
            assert review.request("POST", path, wish, **page)[0] == 403
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", ""):
            assert review.request("GET", "state", Host=host)[0] == 403
            assert review.request("POST", "change", wish, **page, Host=host)[0] == 403
        for origin in ("http://evil.example", "null", f"http://127.0.0.1:{port + 1}", f"https://127.0.0.1:{port}"):
            assert review.request("GET", "state", Origin=origin)[0] == 403
            assert review.request("POST", "change", wish, **{**page, "Origin": origin})[0] == 403
        assert review.request("POST", "change", wish, **{**page, "Origin": None})[0] == 403
        # A form of another page can send no JSON.
        assert review.request("POST", "change", wish, **{**page, "Content_Type": "text/plain"})[0] == 403
        assert review.request("POST", "change", b" " * 70_000, **page)[0] == 403
        for path in ("change", "export"):
            assert review.request("GET", f"{path}?action=drop&frame={wish['frame']}")[0] == 405
        for path in (
            "files/../../../../etc/passwd",
            "files/..%2f..%2fmanifest.json",
            "files/%2e%2e/session.py",
            "files//etc/passwd",
            "picture/../manifest.json",
            "picture/..%2f..%2fv.mp4",
            "../v.mp4",
            "manifest.json",
            "frames/img00.png",
        ):
            status, _, content = review.request("GET", path)
            assert status == 404, (path, status, content)
        status, headers, _ = review.request("GET", "")
        assert status == 200
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in headers
    assert contents(folder) == before


@pytest.mark.slow
def test_it_listens_on_this_machine_alone_and_each_token_is_another(folder):
    with reviewing(folder) as review:
        if not Path("/proc/net/tcp").exists():
            pytest.skip("tells what listens on Linux alone")
        listening = {line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines() if " 0A " in line}
        assert f"0100007F:{review.port:04X}" in listening
        assert f"00000000:{review.port:04X}" not in listening
        token = review.token
    with reviewing(folder) as review:
        assert review.token != token
        assert len(review.token) >= 32


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_interrupted_as_soon_as_it_tells_its_address(number, folder):
    for turn in range(3 * N_KILLS):
        command = [str(SCRIPTS / "keyframes"), "review", str(folder), "--no-browser"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8")
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        time.sleep(turn * 0.06 / N_KILLS / 3)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said.strip()) == (128 + number, "interrupted")


@pytest.mark.slow
def test_a_second_review_of_a_folder_says_so(folder, run_installed):
    with reviewing(folder):
        done = run_installed("keyframes", "review", folder, "--no-browser")
        assert done.returncode == 1
        assert "another keyframes review has it open" in done.stderr


def test_a_change_by_another_program_is_neither_lost_nor_exported_unseen(folder):
    chosen = [entry["frame_index"] for entry in manifest_of(folder)["keyframes"]]
    with Session(folder) as session:
        revision = session.state()["revision"]
        text = (folder / "manifest.json").read_text(encoding="utf-8").replace('"warnings": []', '"warnings": ["mine"]')
        (folder / "manifest.json").write_text(text, encoding="utf-8")
        with pytest.raises(keyframes.KeyframesError, match="changed by another program"):
            session.change(revision, "drop", chosen[0], None, "")
        with pytest.raises(keyframes.KeyframesError, match="changed by another program"):
            session.export("coco", "", "", ("nose",))
    assert not list(folder.parent.glob("*-coco"))
    assert (folder / "manifest.json").read_text(encoding="utf-8") == text
    assert len(list((folder / "frames").iterdir())) == len(chosen)


@pytest.mark.slow
def test_what_a_kill_left_is_mended(folder, sequential, video_file):
    """As between the manifest and the images: one is missing, one too many, and a part of one lies there."""
    with reviewing(folder) as review:
        chosen = [one["frame"] for one in review.get("state")["keyframes"]]
        other = review.get(f"candidates?frame={chosen[1]}")["candidates"][0]["frame"]
        review.change("swap", frame=chosen[1], by=other)
        review.process.send_signal(signal.SIGKILL)
        review.process.wait()
    frames = folder / "frames"
    (frames / f"img{other:02d}.png").rename(frames / f"img{chosen[1]:02d}.png")
    (frames / f".img{other:02d}.png.partial-1-ab").write_bytes(b"part")
    (folder / "keyframes.csv").unlink()
    assert f'data-frame="{other}"' not in (folder / "report.html").read_text(encoding="utf-8")
    with reviewing(folder):
        assert other in check(folder, sequential, video_file(VIDEO))
        assert f'data-frame="{other}"' in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.alone
def test_a_kill_at_any_moment_leaves_a_whole_choice(folder, sequential, video_file, rng):
    def ask(review, wish):
        with suppress(OSError, http.client.HTTPException, AssertionError):
            review.change(**wish)

    for _ in range(3 * N_KILLS):
        with reviewing(folder) as review:
            chosen = [one["frame"] for one in review.get("state")["keyframes"]]
            free = [index for index in range(60) if index not in chosen]
            wish = {"action": "swap", "frame": int(rng.choice(chosen)), "by": int(rng.choice(free))}
            asking = threading.Thread(target=ask, args=(review, wish))
            asking.start()
            time.sleep(rng.uniform(0, 0.12))
            review.process.kill()
            asking.join()
        with Session(folder):
            now = check(folder, sequential, video_file(VIDEO))
        assert now in (chosen, sorted({*chosen, wish["by"]} - {wish["frame"]}))
        assert not list(folder.rglob(".*"))


@pytest.mark.slow
def test_images_in_a_folder_are_reviewed_too(tmp_path):
    (tmp_path / "stills").mkdir()
    for number in range(30):
        cv2.imwrite(str(tmp_path / "stills" / f"{number}.png"), picture(number, 120, 160))
    keyframes.extract(tmp_path / "stills", 4, output=tmp_path / "out")
    with Session(tmp_path / "out") as session:
        chosen = [one["frame"] for one in session.state()["keyframes"]]
        other = next(index for index in range(29, 0, -1) if index not in chosen)
        session.change(session.state()["revision"], "add", other, None, "")
    assert_array_equal(cv2.imread(str(tmp_path / "out" / "frames" / f"img{other:02d}.png")), picture(other, 120, 160))


def test_a_failure_in_fetching_a_frame_does_not_stop_the_next_one(folder, monkeypatch):
    def no_memory(*_):
        raise MemoryError("no memory for a picture")

    chosen = {entry["frame_index"] for entry in manifest_of(folder)["keyframes"]}
    # A chosen one would come from its file.
    index = next(index for index in range(60) if index not in chosen)
    with Session(folder) as session:
        with monkeypatch.context() as patched:
            patched.setattr("keyframes.video.Seeker.frame", no_memory)
            with pytest.raises(MemoryError, match="no memory for a picture"):
                session.picture(index, "small")
        assert session.picture(index, "small")


def test_a_folder_that_cannot_be_written_is_free_for_another_try(folder, monkeypatch):
    # Written by hand, so that it is written anew when it is opened.
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(manifest_of(folder)), encoding="utf-8")

    def full(*_):
        raise OSError(28, "No space left on device")

    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr("keyframes.review.folder._write", full)
            with pytest.raises(keyframes.OutputError, match=r"cannot be written \(No space left on device\)"):
                Session(folder)
    with Session(folder) as session:
        assert session.state()["keyframes"]


def test_what_is_missing_is_named(folder, run_installed):
    with pytest.raises(keyframes.KeyframesError, match=r"nothing: no such folder"):
        Session(folder.with_name("nothing"))
    shutil.copytree(folder, folder.parent / "another")
    with pytest.raises(
        keyframes.KeyframesError, match=r"holds results, but is not one itself; name one of them, such as .*another"
    ):
        Session(folder.parent)
    (folder / "scan.npz").unlink()
    with pytest.raises(keyframes.KeyframesError, match=r"scan\.npz: no such file; run the extraction again"):
        Session(folder)
    (folder / "scan.npz").write_bytes(b"PK")
    with pytest.raises(keyframes.KeyframesError, match=r"scan\.npz: cannot be read .* run the extraction again"):
        Session(folder)
    (folder.parent / "v.mp4").unlink()
    done = run_installed("keyframes", "review", folder, "--no-browser", cwd=folder.parent)
    assert done.returncode == 1
    assert "--video" in done.stderr
    assert done.stderr.count("\n") == 1


def test_kept_pictures_fit_into_64_megabytes():
    assert sum(most_bytes * n_kept for _, most_bytes, n_kept in SIZES.values()) <= 64 << 20
