"""Names that are not UTF-8, and an ASCII locale, in the projects of labelling tools."""

import json
import os
import shutil
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import keyframes
from keyframes.labelling.same_recording import OwnVideo
from keyframes.names import is_utf8, plain, restored, shown
from keyframes.result.video_identity import VideoIdentity
from tests.test_keyframes.odd_names import ASCII, LATIN, LOCALES, texts
from tests.test_keyframes.result_folders import indices_of

TOOLS = ("deeplabcut", "sleap", "lightning-pose", "coco", "cvat", "label-studio")


@given(st.binary(min_size=1, max_size=40).filter(lambda name: not set(name) & {0, ord("/")}))
def test_a_video_is_known_by_the_name_that_projects_have_of_it(name):
    own = OwnVideo(Path("/data") / f"{os.fsdecode(name)}.mp4", VideoIdentity("", 1, "", 1))
    assert own.has_name(plain(own.path.stem))
    assert own.has_name(f"{plain(own.path.name).replace('.', '-')}-2")
    assert not own.has_name(f"{plain(own.path.stem)}x")


def test_half_of_a_utf_16_pair_is_no_error():
    """JSON may hold one."""
    assert restored("\ud800") == "\ud800"
    assert shown("\ud800") == r"\ud800"
    assert not VideoIdentity("", 1, "", 1).is_at(Path("\ud800"))


@pytest.mark.parametrize(
    ("name", "locale"),
    [
        pytest.param(b"caf\xe9", {}, id="latin-1"),
        pytest.param(b"caf\xe9", ASCII, id="latin-1 in ascii", marks=(pytest.mark.slow, pytest.mark.exhaustive)),
        pytest.param("Mäuse".encode(), ASCII, id="utf-8 in ascii", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("tool", TOOLS)
def test_any_name_goes_into_every_tool(tool, name, locale, odd, video_file, run_under):
    if tool == "sleap":
        pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")
    stem = os.fsdecode(name)
    shutil.copy(video_file("h264_b_frames.mp4"), odd / f"{stem}.mp4")
    keyframes.extract(odd / f"{stem}.mp4", 3, output=odd / f"{stem}-keyframes")
    words = ("--task", "Läufe", "--scorer", "Jörg", "--bodyparts", "nose,öhr")
    place = odd / "export"
    arguments = ("keyframes", "export", f"{stem}-keyframes", "--to", tool)
    done = run_under(locale, *arguments, *words, "-o", place, "--json", cwd=odd)
    assert "Traceback" not in done.stderr
    assert (done.returncode, json.loads(done.stdout)["exports"][0]["frames"]) == (0, 3)
    whole = "".join(texts(place).values())
    assert tool == "sleap" or "öhr" in whole
    # A tool would take a backslash for a separator.
    assert not any("\\" in path.name for path in place.rglob("*"))
    if tool in ("deeplabcut", "lightning-pose"):
        (link,) = (place / "videos").iterdir()
        assert link.samefile(odd / f"{stem}.mp4")
        assert is_utf8(link.name)
    if tool in ("deeplabcut", "lightning-pose", "sleap"):
        project = place / "suggestions.slp" if tool == "sleap" else place
        done = run_under(locale, *arguments, "--project", project, "--json", cwd=odd)
        assert "Traceback" not in done.stderr
        assert (done.returncode, json.loads(done.stdout)["exports"][0]["frames"]) == (0, 0)
        notes = json.loads(done.stdout)["exports"][0]["notes"]
        assert not [note for note in notes if "converted copy" in note or "by name" in note]
        more = extract_more(odd / f"{stem}.mp4", tool, project, run_under, locale)
        assert not set(more) & set(indices_of(odd / f"{stem}-keyframes"))


@pytest.mark.parametrize("tool", ["deeplabcut", "sleap", "lightning-pose"])
def test_a_project_from_macos_writes_accents_in_another_way(tool, tmp_path, video_file):
    """Its names have an a and two dots, ours have an ä; the project's own video has not come with it."""
    if tool == "sleap":
        pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")
    ours, theirs = (unicodedata.normalize(form, "Mäuse") for form in ("NFC", "NFD"))
    video = tmp_path / "mac" / f"{theirs}.mp4"
    video.parent.mkdir()
    shutil.copy(video_file("h264_b_frames.mp4"), video)
    first = keyframes.extract(video, 3, output=tmp_path / "first")
    new = {"task": "reach", "scorer": "anna"} if tool == "deeplabcut" else {}
    place = tmp_path / "project"
    keyframes.export(first.folder, tool, output=place, videos=[video], bodyparts=["nose"], **new)
    (place / "videos" / video.name).unlink(missing_ok=True)
    project = place / "suggestions.slp" if tool == "sleap" else place
    video = video.rename(tmp_path / f"{ours}.mp4")
    table = "frame_index,animal,node,x,y,confidence\n" + "".join(f"{i},m,nose,{i},5,{i / 99}\n" for i in range(60))
    (tmp_path / f"{theirs}.csv").write_text(table, encoding="utf-8")
    more = keyframes.extract(video, 3, output=tmp_path / "more", unlike=[project], predictions=tmp_path)
    assert more.manifest["unlike"][0]["of_this_video"] == 3
    assert keyframes.export(first.folder, tool, project=project).n_frames == 0
    assert keyframes.export(more.folder, tool, project=project).n_frames == 3
    if tool != "sleap":
        assert [folder.name for folder in (place / "labeled-data").iterdir()] == [theirs]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_name_as_long_as_the_file_system_allows_goes_into_every_tool(tool, tmp_path, video_file):
    if tool == "sleap":
        pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")
    video = tmp_path / f"{'n' * 251}.mp4"
    shutil.copy(video_file("h264_b_frames.mp4"), video)
    # Some tools take PNG alone.
    result = keyframes.extract(video, 3, format="jpg", output=tmp_path / "result")
    new = {"task": "reach", "scorer": "anna", "bodyparts": ("nose",)}
    assert keyframes.export(result.folder, tool, output=tmp_path / "export", **new).n_frames == 3


def extract_more(video, tool, project, run_under, locale):
    """Choose three frames unlike the three of a project, add them to it, and return them."""
    place = video.with_name("more")
    arguments = ("keyframes", "extract", video, "-k", 3, "-o", place, "--unlike", project)
    done = run_under(locale, *arguments, "--export", tool, "--project", project, "--json")
    assert "Traceback" not in done.stderr
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [one["frames"] for one in document["exports"]] == [3]
    (used,) = document["results"][0]["unlike"]
    assert (used["frames"], used["of_this_video"]) == (3, 3)
    return indices_of(place)


@LOCALES
@pytest.mark.parametrize("tool", ["lightning-pose", "sleap"])
def test_a_project_may_lie_in_a_folder_of_any_name(tool, locale, odd, video_file, run_under):
    if tool == "sleap":
        pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")
    (odd / LATIN).mkdir()
    video = odd / LATIN / f"{LATIN}.mp4"
    shutil.copy(video_file("h264_b_frames.mp4"), video)
    first = keyframes.extract(video, 3, output=odd / "first")
    place = odd / LATIN / f"{LATIN}-project"
    keyframes.export(first.folder, tool, videos=[video], output=place, bodyparts=["nose"])
    if tool == "sleap":
        (place / "suggestions.pkg.slp").rename(place / f"{LATIN}.pkg.slp")
        place /= f"{LATIN}.pkg.slp"
    more = extract_more(video, tool, place, run_under, locale)
    assert not set(more) & set(first.frame_indices)


@LOCALES
def test_views_of_any_name_go_into_a_project_again_and_again(locale, odd, video_file, run_under):
    videos = [odd / f"scene_{LATIN}.mp4", odd / "scene_Mäuse.mp4"]
    for video in videos:
        shutil.copy(video_file("h264_b_frames.mp4"), video)
    for number, target in enumerate((("-o", odd / "out"), ("-o", odd / "again"))):
        arguments = (
            "keyframes",
            "extract",
            *videos,
            "--views",
            "-k",
            3 + number,
            *target,
            "--export",
            "lightning-pose",
        )
        done = run_under(locale, *arguments, "--project", odd / "project", "--bodyparts", "nose")
        assert "Traceback" not in done.stderr
        assert done.returncode == 0, done.stderr
    tables = {path.name for path in (odd / "project").glob("*.csv")}
    assert tables == {"CollectedData_caf_xe9.csv", "CollectedData_Mäuse.csv"}
    assert "view_names:\n- caf_xe9\n- Mäuse\n" in texts(odd / "project")[odd / "project" / "project.yaml"]


def test_a_converted_copy_is_known_by_its_plain_name(odd, video_file):
    """The tool cannot read the container, and the note says to which file it wants it converted."""
    video, project = odd / f"{LATIN}.avi", odd / "project"
    shutil.copy(video_file("mpeg4.avi"), video)
    first = keyframes.extract(video, 3, output=odd / "first")
    (note,) = keyframes.export(first.folder, "lightning-pose", output=project, bodyparts=["nose"]).notes
    assert note.endswith("caf_xe9.mp4")
    shutil.copy(video_file("mpeg4.mp4"), project / "videos" / "caf_xe9.mp4")
    more = keyframes.extract(video, 3, output=odd / "more", unlike=[project])
    assert not set(more.frame_indices) & set(first.frame_indices)
    done = keyframes.export(more.folder, "lightning-pose", project=project)
    assert any("caf_xe9.mp4 is assumed to be a converted copy of" in shown(note) for note in done.notes)


def test_a_project_of_deeplabcut_cannot_lie_where_yaml_cannot_name_it(odd, video_file, run_command):
    keyframes.extract(video_file("h264_b_frames.mp4"), 3, output=odd / "result")
    words = ("--task", "t", "--scorer", "s", "--bodyparts", "nose", "--video", video_file("h264_b_frames.mp4"))
    place = odd / LATIN / "project"
    done = run_command("keyframes", "export", odd / "result", "--to", "deeplabcut", *words, "-o", place)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {odd}/caf\\xe9/project: this path is not UTF-8")
    assert not place.exists()


def test_a_project_of_deeplabcut_that_was_moved_there_takes_frames_but_no_videos(
    odd, video_file, run_under, run_command
):
    known, other = odd / f"{LATIN}.mp4", odd / "other.mp4"
    shutil.copy(video_file("h264_b_frames.mp4"), known)
    shutil.copy(video_file("mpeg4.mp4"), other)
    first = keyframes.extract(known, 3, output=odd / "first")
    words = {"task": "t", "scorer": "s", "bodyparts": ["nose"]}
    keyframes.export(first.folder, "deeplabcut", output=odd / "project", **words)
    (odd / "project").rename(odd / f"{LATIN}-project")
    project = odd / f"{LATIN}-project"
    assert not set(extract_more(known, "deeplabcut", project, run_under, {})) & set(first.frame_indices)
    before = {path: path.is_file() and path.read_bytes() for path in project.rglob("*")}
    keyframes.extract(other, 3, output=odd / "second")
    done = run_command("keyframes", "export", odd / "second", "--to", "deeplabcut", "--project", project)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {odd}/caf\\xe9-project: this path is not UTF-8")
    assert {path: path.is_file() and path.read_bytes() for path in project.rglob("*")} == before
