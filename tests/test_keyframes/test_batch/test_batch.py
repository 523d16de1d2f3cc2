"""A folder of recordings through the installed command: what is done, and what is told."""

import csv
import html
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
from contextlib import suppress
from pathlib import Path

import pytest

from keyframes import BatchError, ExportError, SettingsError, extract, run_batch
from tests.conftest import SCRIPTS, compiled_only
from tests.test_keyframes.conftest import X264
from tests.test_keyframes.test_batch.conftest import N_GOOD, ODD_NAMES, contents, results, scans

pytestmark = compiled_only
BAD = {
    "no_index.mp4": r"no video can be opened in this file \(FFmpeg: moov atom not found\)",
    "empty.mp4": "is empty",
    "text.mp4": "no video can be opened",
}


@pytest.fixture(scope="module")
def first_run(run_installed, tree, tmp_path_factory):
    """The tree, worked through by the command."""
    folder = tmp_path_factory.mktemp("run")
    return run_installed("keyframes", "batch", tree, "-k", 4, "-o", "out", cwd=folder), folder / "out"


def test_every_good_recording_is_done_and_every_bad_one_told(first_run, tree):
    done, output = first_run
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    table = done.stdout.splitlines()
    assert table[-2] == "left out: 1 file (.txt 1)"
    assert table[-1] == f"{N_GOOD + 1} done, 0 skipped, 3 failed; {4 * (N_GOOD + 1)} frames in out"
    for name, reason in BAD.items():
        (line,) = [line for line in table if line.startswith(name)]
        # The reason begins with what is wrong; the name is there already.
        assert re.fullmatch(rf"{re.escape(name)} +failed +0 +[0-9.]+  {reason}.*", line)
    (cut,) = [line for line in table if line.startswith("cut.mp4")]
    assert "done" in cut
    assert "warning: the file is cut off" in cut
    places = [path.parent for path in output.rglob("manifest.json")]
    assert len(places) == N_GOOD + 1
    assert {place.relative_to(output).as_posix() for place in places} >= {
        "cage 1/same-keyframes",
        "cage2/same-mp4-keyframes",
        "cage2/same-avi-keyframes",
        *(f"cage2/{name.removesuffix('.mp4')}-keyframes" for name in ODD_NAMES),
    }
    # A log gets a line a recording, and no bar.
    assert sum(line.startswith("[frames ") for line in done.stderr.splitlines()) == N_GOOD + 4
    assert "\r" not in done.stderr


def test_the_summaries_tell_the_same(first_run):
    _, output = first_run
    summary = json.loads((output / "batch.json").read_text(encoding="utf-8"))
    assert (summary["done"], summary["failed"], summary["frames"]) == (N_GOOD + 1, 3, 4 * (N_GOOD + 1))
    with (output / "summary.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["recording"] for row in rows] == [row["recording"] for row in summary["results"]]
    assert {row["recording"] for row in rows if row["status"] == "failed"} == set(BAD)
    assert all((output / row["place"] / "manifest.json").is_file() for row in rows if row["status"] == "done")
    linked = re.findall('<a href="([^"]+)"', (output / "index.html").read_text(encoding="utf-8"))
    reports = {output / urllib.parse.unquote(html.unescape(link)) for link in linked}
    assert reports == {output / row["place"] / "report.html" for row in rows if row["status"] == "done"}
    assert all(report.is_file() for report in reports)


def test_the_page_lists_what_has_no_result(first_run):
    _, output = first_run
    assert json.loads((output / "batch.json").read_text(encoding="utf-8"))["left_out"] == {".txt": 1}
    page = html.unescape((output / "index.html").read_text(encoding="utf-8"))
    (section,) = re.findall(r'<section class="warnings" aria-label="Without a result">.*?</section>', page)
    listed = dict(re.findall("<li><b>(.*?)</b>: (.*?)</li>", section))
    assert set(listed) == set(BAD)
    assert all(re.match(reason, listed[name]) for name, reason in BAD.items())
    assert "left out: 1 file (.txt 1)" in page


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal that is none")
def test_the_table_fits_the_terminal(tmp_path):
    long = "a folder with a very long name indeed/and another one/recording.mp4"
    (tmp_path / "in" / long).parent.mkdir(parents=True)
    (tmp_path / "in" / long).write_text("This is no video.\n" * 100, encoding="utf-8")
    ours, theirs = os.openpty()
    command = [SCRIPTS / "keyframes", "batch", "in", "-k", "3", "-q"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=theirs, env={**os.environ, "COLUMNS": "100"}) as process:
        os.close(theirs)
        said = b""
        # The end of a terminal is an error, on Linux.
        with suppress(OSError):
            while part := os.read(ours, 1 << 16):
                said += part
        process.wait()
    os.close(ours)
    head, row, _ = said.decode().splitlines()
    assert len(row) == 100
    assert re.fullmatch(r"…\S.*recording.mp4 +failed +0 +[0-9.]+  no video can be opened.*…", row)
    assert head.index("reason") == row.index("no video")


@pytest.mark.slow
def test_every_kind_of_recording_is_done(tmp_path, encoded_pictures, run_command):
    codecs = {
        **dict.fromkeys(("mxf", "vob", "m2v"), ("-c:v", "mpeg2video")),
        **dict.fromkeys(("f4v", "264", "m2ts"), X264),
        **{"ogg": ("-c:v", "libtheora"), "gif": (), "y4m": (), "3gp": X264},
        **{"divx": ("-c:v", "mpeg4", "-f", "avi"), "h265": ("-c:v", "libx265", "-f", "hevc")},
    }
    (tmp_path / "in").mkdir()
    for ending, codec in codecs.items():
        encoded_pictures(f"in/{ending}.{ending}", range(30), *codec)
    extract(tmp_path / "in" / "f4v.f4v", 20, output=tmp_path / "made", min_gap_s=0)
    shutil.move(tmp_path / "made" / "frames", tmp_path / "in" / "images")
    arguments = ("keyframes", "batch", tmp_path / "in", "-k", 3, "-o", "out", "--json")

    def status():
        results = json.loads(run_command(*arguments, cwd=tmp_path).stdout)["results"]
        return {row["recording"]: row["status"] for row in results}

    assert status() == dict.fromkeys(["images", *(f"{ending}.{ending}" for ending in codecs)], "done")
    # A folder is another one as soon as an image in it is.
    assert set(status().values()) == {"skipped"}
    min((tmp_path / "in" / "images").iterdir()).unlink()
    assert [name for name, what in status().items() if what == "done"] == ["images"]


def test_a_result_is_the_one_that_extract_makes(first_run, tree, tmp_path):
    _, output = first_run
    extract(tree / "cage 1" / "same.mp4", 4, output=tmp_path / "alone")
    assert contents(tmp_path / "alone") == contents(output / "cage 1" / "same-keyframes")


@pytest.mark.slow
def test_a_second_run_decodes_nothing_and_changes_nothing(first_run, run_command, tree):
    _, output = first_run
    before = contents(output)
    assert set(scans(output).values()) == {1}
    done = run_command("keyframes", "batch", tree, "-k", 4, "-o", output, "--json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert {row["status"] for row in document["results"]} == {"skipped"}
    assert {row["recording"] for row in document["failures"]} == set(BAD)
    assert contents(output) == before


def test_wrong_usage(run_command, few, tmp_path):
    done = run_command("keyframes", "batch", few, "-k", 3, "--total", 5, cwd=tmp_path)
    assert done.returncode == 2
    assert "either -k" in done.stderr
    done = run_command("keyframes", "batch", few, "-k", 3, "--at-least", 2, cwd=tmp_path)
    assert (done.returncode, "--at-least needs --total" in done.stderr) == (2, True)
    done = run_command("keyframes", "batch", few, "-k", 3, "--keep-scans", "inf", cwd=tmp_path)
    assert (done.returncode, "--keep-scans is inf; give a number of gigabytes" in done.stderr) == (2, True)
    done = run_command("keyframes", "batch", "missing", "-k", 3, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == ["error: missing: no such folder; give the folder that holds the recordings"]
    done = run_command("keyframes", "batch", __file__, "-k", 3, cwd=tmp_path)
    assert done.stderr.endswith(": is not a folder; give the folder that holds the recordings\n")
    out = tmp_path / "out"
    for options, message in (
        ({}, "give either `k`"),
        ({"k": 3, "at_least": 1}, "`at_least` needs `total`"),
        ({"total": 5, "at_least": 2}, "needs 6 frames, more than `total = 5`"),
        ({"total": 9, "uniform": True}, "uniform"),
        ({"total": 9, "features": "pixels"}, "pixels"),
        ({"k": 3, "jobs": 0}, "jobs"),
        ({"k": 3, "every": 0}, "every"),
        ({"k": 3, "algorithm": "dec"}, "one recording at a time"),
    ):
        with pytest.raises(SettingsError, match=message):
            run_batch(few, output=out, **options)
    for options, message in (
        ({"include": ["cage"]}, r"nothing in it matches cage; .*such as '\*.avi' or 'cage1/\*'"),
        ({"exclude": ["*"]}, r"except what \* excludes; give another folder, or leave out --exclude"),
        ({"unlike": ["none"]}, "none: no such file; check the path after --unlike"),
        ({"predictions": Path("none")}, "none: no such file; check the path after --predictions"),
        ({"encoder": Path("none"), "features": "encoder"}, "none: no such file; check the path after --encoder"),
    ):
        with pytest.raises(BatchError, match=message):
            run_batch(few, 3, output=out, **options)
    (tmp_path / "nothing").mkdir()
    (tmp_path / "nothing" / "notes.txt").touch()
    with pytest.raises(ExportError, match="nothing: is not a project"):
        run_batch(few, 3, unlike=[tmp_path / "nothing"], output=out)
    with pytest.raises(BatchError, match=r"nothing in it is a video.* \(left out: 1 file \(.txt 1\)\)"):
        run_batch(tmp_path / "nothing", 3, output=out)
    assert not out.exists()


@pytest.mark.slow
def test_a_total_is_spent_over_all(few, tmp_path):
    batch = run_batch(few, total=12, at_least=2, output=tmp_path / "out", threads=1)
    frames = [row["frames"] for row in batch.rows]
    assert sum(frames) == 12
    assert min(frames) >= 2
    place = tmp_path / "out" / batch.rows[0]["place"]
    manifest = json.loads((place / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["budget"] == {"total": 12, "at_least": 2, "n_recordings": 3}
    assert len(manifest["keyframes"]) == manifest["settings"]["k"] == frames[0]
    before = results(tmp_path / "out")
    again = run_batch(few, total=12, at_least=2, output=tmp_path / "out", jobs=1, threads=2)
    assert {row["status"] for row in again.rows} == {"skipped"}
    assert results(tmp_path / "out") == before
    # With a number for each instead, nothing is decoded again.
    run_batch(few, 3, output=tmp_path / "out", jobs=1)
    assert set(scans(tmp_path / "out").values()) == {1}


@pytest.mark.slow
def test_runs_with_other_recordings_share_a_folder_each_with_its_total(few, tmp_path):
    def divide_another(line):
        if line.startswith("[frames 1/2]"):
            others = run_batch(few, total=3, include=["2.mp4"], output=tmp_path / "out", jobs=1)
            assert [row["frames"] for row in others.rows] == [3]

    how = {"include": ["[01].mp4"], "output": tmp_path / "out", "jobs": 1}
    batch = run_batch(few, total=6, **how, progress=True, say=divide_another)
    assert [row["reason"] for row in batch.rows] == ["", ""]
    assert sum(row["frames"] for row in batch.rows) == 6
    assert len(list((tmp_path / "out" / "batch-state").glob("plan-*.npz"))) == 2


@pytest.mark.parametrize(
    ("options", "taken"),
    [
        (("--export", "cvat", "--export", "coco"), "out/coco"),
        (("--export", "deeplabcut", "--project", "new", "--task", "t", "--scorer", "s", "--bodyparts", "a"), "new"),
    ],
)
def test_that_the_place_of_an_export_is_taken_is_known_before_the_work(options, taken, few, tmp_path, run_command):
    (tmp_path / taken).mkdir(parents=True)
    (tmp_path / taken / "labels.json").write_text("{}", encoding="utf-8")
    done = run_command("keyframes", "batch", few, "-k", 3, "-o", "out", *options, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {taken}: ")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["labels.json"]
