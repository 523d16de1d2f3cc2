"""Names that are not UTF-8, an ASCII locale, names as long as a file system allows, and what is no file at all."""

import csv
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import keyframes
from keyframes.names import entry_shown_as, is_utf8, plain, restored, shown, shown_in, stored
from keyframes.whole_files import LONGEST_HIDDEN, hidden_start, unused_name
from tests.conftest import ROOT, SCRIPTS
from tests.test_keyframes.odd_names import ASCII, LATIN, LOCALES, texts
from tests.test_keyframes.reviewing import reviewing


def frames(folder):
    """Bytes of the exported images by name."""
    return {path.name: path.read_bytes() for path in (folder / "frames").iterdir()}


@given(st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name))
def test_any_bytes_are_shown_as_text_and_found_again(name):
    given_name = os.fsdecode(name)
    text = shown(given_name)
    assert text.encode("utf-8").decode("utf-8") == shown(text) == text
    assert (text == given_name) == is_utf8(given_name)
    assert restored(json.loads(json.dumps(stored(given_name)))) == given_name
    assert shown_in({given_name: [given_name, 1, None]}) == {text: [text, 1, None]}
    assert plain(given_name) == plain(text) == text.replace("\\", "_")


def test_a_file_is_found_by_the_name_that_is_shown(odd):
    (odd / LATIN).touch()
    (odd / "Mäuse").touch()
    assert entry_shown_as(odd, r"caf\xe9") == odd / LATIN
    assert entry_shown_as(odd, "Mäuse") == odd / "Mäuse"
    assert entry_shown_as(odd, "other") is None
    assert entry_shown_as(odd / "missing", "other") is None


def make_recording(path, video):
    """Make a video, a TIFF stack or a folder of images, by the ending of its name."""
    if path.suffix == ".mp4":
        shutil.copy(video, path)
        return
    made = keyframes.extract(video, 12, output=path.with_name("made"))
    if path.suffix == ".tif":
        first, *others = [Image.open(file) for file in made.files]
        first.save(path, save_all=True, append_images=others)
    else:
        shutil.copytree(made.folder / "frames", path)


@LOCALES
@pytest.mark.parametrize(
    "name", [b"caf\xe9.mp4", b"lat\xe9/rec/base.mp4", b"imgs\xe9", b"stack\xe9.tif", "Mäuse 鼠.mp4".encode()]
)
def test_any_name_is_opened_and_written_down(name, locale, odd, video_file, run_under, monkeypatch):
    source, plain = odd / os.fsdecode(name), (odd / "plain").with_suffix(Path(os.fsdecode(name)).suffix)
    source.parent.mkdir(parents=True, exist_ok=True)
    make_recording(plain, video_file("h264_b_frames.mp4"))
    (shutil.copytree if plain.is_dir() else shutil.copy)(plain, source)
    temporary = odd / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    told = shown(source.name)

    done = run_under(locale, "keyframes", "info", source, "--json")
    assert (done.returncode, json.loads(done.stdout)["file"]) == (0, told)
    done = run_under(locale, "keyframes", "extract", source, "-k", 4, "--min-gap", 0, cwd=odd)
    assert (done.returncode, done.stderr) == (0, "")
    # The folder keeps the bytes of the name.
    result = odd / f"{source.stem}-keyframes"
    assert json.loads((result / "manifest.json").read_text(encoding="utf-8"))["video"]["path"] == told
    assert frames(result) == frames(keyframes.extract(plain, 4, min_gap_s=0, output=odd / "of plain").folder)
    assert f"<title>{told}" in texts(result)[result / "report.html"]
    assert list(temporary.iterdir()) == []

    done = run_under(locale, "keyframes", "extract", source, "-k", 4, "--json", cwd=odd)
    assert done.returncode == 1
    assert "already exists" in json.loads(done.stdout)["failures"][0]["error"]
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_a_folder_for_the_link_to_such_a_name_is_missing(odd, video_file, monkeypatch):
    source = odd / f"{LATIN}.mp4"
    shutil.copy(video_file("mpeg4.mp4"), source)
    monkeypatch.setattr("tempfile.tempdir", str(odd / "gone"))
    with pytest.raises(keyframes.OutputError, match=r"temporary files cannot be written in .*gone \(No such .*TMPDIR"):
        keyframes.extract(source, 4, output=odd / "out")


@pytest.mark.slow
def test_every_way_to_read_a_long_file_works_by_such_a_name(odd, long_file):
    """Segments, packets and seeks open the file again and again, long after it was opened first."""
    source = odd / f"{LATIN}.mp4"
    shutil.copy(long_file("b_frames.mp4"), source)
    for options in ({"threads": 2}, {"threads": 2, "scan": "sparse"}):
        plain = keyframes.extract(long_file("b_frames.mp4"), 10, output=odd / "plain", overwrite=True, **options)
        result = keyframes.extract(source, 10, output=odd / "odd", overwrite=True, **options)
        assert result.frame_indices == plain.frame_indices
        assert frames(result.folder) == frames(plain.folder)


@pytest.mark.slow
def test_a_review_shows_any_name(odd, video_file):
    shutil.copy(video_file("h264_b_frames.mp4"), odd / f"{LATIN}.mp4")
    result = keyframes.extract(odd / f"{LATIN}.mp4", 3, output=odd / f"{LATIN}-keyframes")
    with reviewing(result.folder) as review:
        state = review.get("state")
        assert state["video"] == r"caf\xe9.mp4"
        after = review.change("drop", frame=state["keyframes"][0]["frame"])
        assert len(after["keyframes"]) == 2
        status, done = review.post("export", tool="coco", task="", scorer="", bodyparts="nose")
        assert (status, Path(done["place"]).name) == (200, r"caf\xe9-coco")
    assert len(json.loads((result.folder / "manifest.json").read_text(encoding="utf-8"))["keyframes"]) == 2


@pytest.mark.slow
def test_a_batch_goes_on_under_another_locale(odd, video_file, run_under):
    recordings = odd / "recordings"
    names = [b"a.mp4", "Mäuse.mp4".encode(), b"lat\xe9/caf\xe9.mp4", b"z.mp4"]
    for name in names:
        path = recordings / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(video_file("h264_b_frames.mp4"), path)
    told = sorted(shown(os.fsdecode(name)) for name in names)
    ways = [({}, "done"), (ASCII, "skipped"), ({}, "skipped")]
    for number, (locale, status) in enumerate(ways):
        arguments = ("keyframes", "batch", recordings, "-k", 3, "-o", odd / "out")
        done = run_under(locale, *arguments, *(["--json"] if number else []))
        assert "Traceback" not in done.stderr
        assert done.returncode == 0
        if number:
            rows = json.loads(done.stdout)["results"]
            assert {row["status"] for row in rows} == {status}
            assert sorted(row["recording"] for row in rows) == told
    out = texts(odd / "out")
    with (odd / "out" / "summary.csv").open(encoding="utf-8", newline="") as file:
        assert sorted(row["recording"] for row in csv.DictReader(file)) == told
    assert [row["recording"] for row in json.loads(out[odd / "out" / "batch.json"])["results"]] == sorted(
        told, key=lambda name: os.fsencode(name)
    )
    assert r"lat\xe9/caf\xe9-keyframes" in out[odd / "out" / "index.html"]
    assert (odd / "out" / os.fsdecode(b"lat\xe9") / f"{LATIN}-keyframes" / "manifest.json").is_file()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell that closes descriptors")
@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_change_nothing(closed, tmp_path, video_file):
    command = SCRIPTS / "keyframes"
    video = video_file("h264_b_frames.mp4")
    keyframes.extract(video, 3, output=tmp_path / "plain")
    line = f'"{command}" extract "{video}" -k 3 -o result {closed}'
    done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert frames(tmp_path / "result") == frames(tmp_path / "plain")
    # An error goes nowhere else, not into the JSON document either.
    line = f'"{command}" extract "{video}" missing.mp4 -k 3 -o results --json {closed}'
    done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        b"" if "2>&-" in closed else b"error: missing.mp4: no such file; check the name and the folder\n"
    )
    (folder,) = (tmp_path / "results").iterdir()
    assert frames(folder) == frames(tmp_path / "plain")
    if closed == "2>&-":
        document = json.loads(done.stdout)
        assert len(document["results"]) == 1
        assert "no such file" in document["failures"][0]["error"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes that have names")
def test_what_is_no_file_is_refused_at_once(tmp_path, run_installed, run_command):
    (tmp_path / "in").mkdir()
    names = ("pipe.mp4", "pipe.tif", "s.avi")
    for name in names[:2]:
        os.mkfifo(tmp_path / "in" / name)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "in" / "s.avi"))
        paths = [tmp_path / "in" / name for name in names]
        errors = [f"error: {path}: is not a file but a pipe, a socket or a device" for path in paths]
        done = run_installed("keyframes", "extract", *paths, "-k", 3, cwd=tmp_path, timeout=60)
        assert done.returncode == 1
        assert all(map(str.startswith, done.stderr.splitlines(), errors))
        assert len(done.stderr.splitlines()) == 3
        for path, error in zip(paths, errors, strict=True):
            done = run_command("keyframes", "info", path)
            assert done.returncode == 1
            assert done.stderr.startswith(error)
        done = run_installed("keyframes", "batch", tmp_path / "in", "-k", 3, "--json", cwd=tmp_path, timeout=60)
    failures = {row["recording"]: row["reason"] for row in json.loads(done.stdout)["failures"]}
    assert set(failures) == set(names)
    assert all(reason.startswith("is not a file but") for reason in failures.values())


@pytest.mark.slow
@pytest.mark.parametrize("letter", ["n", "鼠"])
def test_names_as_long_as_the_file_system_allows(letter, tmp_path, video_file, run_command):
    (tmp_path / "in").mkdir()
    lengths = (225, 245, 251)
    names = [letter * (length // len(letter.encode())) for length in lengths]
    for name in names:
        os.link(video_file("h264_b_frames.mp4"), tmp_path / "in" / f"{name}.mp4")
    for name in names:
        for options in ((), ("--overwrite",)):
            done = run_command("keyframes", "extract", f"in/{name}.mp4", "-k", 3, *options, cwd=tmp_path)
            assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / f"{names[0]}-keyframes" / "manifest.json").is_file()
    # What would be too long begins with the name.
    results = [path.name for path in tmp_path.iterdir() if path.name != "in"]
    assert len(results) == len(names)
    assert all(name.startswith(letter * 20) and name.endswith("-keyframes") for name in results)
    done = run_command("keyframes", "batch", "in", "-k", 3, "-o", "out", cwd=tmp_path)
    assert done.returncode == 0
    assert len(list((tmp_path / "out").glob("*/manifest.json"))) == len(names)


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=255))
def test_hidden_names_are_short_and_tell_whose_they_are(name):
    if name in (".", ".."):
        return
    hidden = unused_name(Path(name), "partial").name
    assert hidden.startswith(hidden_start(Path(name), "partial"))
    assert len(os.fsencode(hidden)) <= LONGEST_HIDDEN + 60
    assert hidden_start(Path(f"{name}2"), "partial") != hidden_start(Path(name), "partial")


def test_a_folder_is_named_by_itself(tmp_path, video_file, run_command):
    keyframes.extract(video_file("h264_b_frames.mp4"), 8, output=tmp_path / "made")
    images = tmp_path / "mouse 1"
    shutil.move(tmp_path / "made" / "frames", images)
    (images / "below").mkdir()
    for where, argument in ((images, "."), (images / "below", ".."), (tmp_path, "mouse 1/"), (images / "below", "../")):
        done = run_command("keyframes", "extract", argument, "-k", 2, "--json", cwd=where)
        assert done.returncode == 0, done.stderr
        (result,) = json.loads(done.stdout)["results"]
        assert (result["folder"], result["video"]["path"]) == ("mouse 1-keyframes", "mouse 1")
        assert (where / "mouse 1-keyframes" / "manifest.json").is_file()
        shutil.rmtree(where / "mouse 1-keyframes")
    result = keyframes.extract(images / "below" / "..", 2, output=tmp_path / "out")
    assert result.manifest["video"]["path"] == "mouse 1"
    done = run_command("keyframes", "extract", ".", "-k", 2, "--export", "coco", cwd=images)
    assert done.returncode == 0
    assert (images / "mouse 1-coco" / "annotations.json").is_file()


def test_a_missing_extra_is_installed_by_the_same_command_everywhere():
    files = [path for package in ("clustering", "keyframes", "quantize") for path in (ROOT / package).rglob("*.py")]
    texts = [path.read_text(encoding="utf-8") for path in (*files, ROOT / "README.md", *ROOT.glob("docs/*.md"))]
    named = [name for text in texts for name in re.findall(r"pip install '([^'\[]*)\[", text)]
    assert set(named) == {"."}
