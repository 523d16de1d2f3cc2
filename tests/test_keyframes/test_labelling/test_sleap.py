"""SLEAP: what we wrote, read back by sleap-io."""

import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import keyframes
from keyframes import ExportError, OutputError
from tests.conftest import SCRIPTS
from tests.test_keyframes.conftest import needs_unshare
from tests.test_keyframes.result_folders import manifest_of

sio = pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")
h5py = pytest.importorskip("h5py", reason="needs h5py, of the sleap extra")


def check_suggestions(suggestions, result, images):
    """Every suggestion is a keyframe of the manifest in its cluster's group, and its image that of the result."""
    entries = {entry["frame_index"]: entry for entry in manifest_of(result)["keyframes"]}
    assert sorted(suggestion.frame_idx for suggestion in suggestions) == sorted(entries)
    for suggestion in suggestions:
        entry = entries[suggestion.frame_idx]
        assert suggestion.metadata["group"] == entry["cluster"]
        if images:
            expected = cv2.imread(str(result / entry["file"]))[..., ::-1]
            shown = suggestion.video[suggestion.frame_idx]
            assert_array_equal(np.broadcast_to(shown, expected.shape), expected)


@pytest.mark.parametrize("name", ["variable_rate.mp4", "h264_gray.mp4", "rotated.mp4", "odd_name ' “ü” [1] %d.mp4"])
def test_suggestions_and_their_images_come_back(name, tmp_path, extracted):
    result = extracted(name)
    done = keyframes.export(result, "sleap", output=tmp_path / "out")
    assert done.n_frames == 5
    # Whether a seek of sleap-io may miss hangs on which frames were chosen; at an even rate it cannot.
    assert len(done.notes) <= name.startswith("variable_rate")
    assert all("rate" in note and "suggestions.pkg.slp" in note for note in done.notes)
    assert {path.name for path in done.place.iterdir()} == {"suggestions.slp", "suggestions.pkg.slp"}
    labels = sio.load_slp(str(done.place / "suggestions.slp"))
    (video,) = labels.videos
    assert video.filename == (result.parent / name).as_posix()
    header = manifest_of(result)["video"]
    assert video.shape[:3] == (header["frames_decoded"], header["height"], header["width"])
    check_suggestions(labels.suggestions, result, images=False)

    packed = sio.load_slp(str(done.place / "suggestions.pkg.slp"))
    (video,) = packed.videos
    assert video.source_video.filename == (result.parent / name).as_posix()
    check_suggestions(packed.suggestions, result, images=True)


def test_the_packed_images_are_the_files_of_the_result(tmp_path, extracted):
    result = extracted("mpeg4.mp4")
    keyframes.export(result, "sleap", output=tmp_path / "out")
    with h5py.File(tmp_path / "out" / "suggestions.pkg.slp") as file:
        indices, rows = file["video0/frame_numbers"][:], file["video0/video"][:]
        entries = manifest_of(result)["keyframes"]
        assert indices.tolist() == [entry["frame_index"] for entry in entries]
        for row, entry in zip(rows, entries, strict=True):
            image = (result / entry["file"]).read_bytes()
            assert row.tobytes()[: len(image)] == image
            assert not row[len(image) :].any()


@pytest.mark.slow
def test_real_recordings_of_variable_rate_come_back(tmp_path, shared_data):
    result = keyframes.extract(shared_data / "vfr.mp4", 8, output=tmp_path / "vfr-keyframes").folder
    keyframes.export(result, "sleap", output=tmp_path / "out", videos=[shared_data / "vfr.mp4"])
    labels = sio.load_slp(str(tmp_path / "out" / "suggestions.pkg.slp"))
    check_suggestions(labels.suggestions, result, images=True)


def test_several_results_go_into_one_file(tmp_path, extracted):
    results = {name: extracted(name) for name in ("mpeg4.mp4", "h264_gray.mp4", "mpeg4.avi")}
    keyframes.export(list(results.values()), "sleap", output=tmp_path / "out")
    labels = sio.load_slp(str(tmp_path / "out" / "suggestions.pkg.slp"))
    assert len(labels.videos) == 3
    for video, result in zip(labels.videos, results.values(), strict=True):
        check_suggestions([one for one in labels.suggestions if one.video is video], result, images=True)


def test_where_a_seek_misses_the_package_is_recommended(tmp_path, encoded_pictures):
    slower = ("-vf", r"setpts=if(lt(N\,20)\,N\,3*N-40)/30/TB", "-fps_mode", "passthrough")
    path = encoded_pictures("uneven.mp4", range(40), "-c:v", "libx264", "-crf", "12", *slower)
    result = keyframes.extract(path, 6, output=tmp_path / "uneven-keyframes", uniform=True).folder
    done = keyframes.export(result, "sleap", output=tmp_path / "out")
    (note,) = done.notes
    assert "the frame rate of uneven.mp4 varies" in note
    assert "label in suggestions.pkg.slp" in note
    check_suggestions(sio.load_slp(str(tmp_path / "out" / "suggestions.pkg.slp")).suggestions, result, images=True)


# The names of many images are too long for an attribute of HDF5.
@pytest.mark.parametrize(("n_images", "more"), [(12, ""), (300, "-" * 200)])
def test_a_folder_of_images(n_images, more, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    # In the order of numbers, which is not that of letters.
    for number in range(n_images):
        image = np.full((60, 80, 3), 20 * number % 240, np.uint8)
        cv2.imwrite(str(folder / f"{number}{more}.png"), image + np.arange(80, dtype=np.uint8)[:, None] % 7)
    result = keyframes.extract(folder, 6, output=tmp_path / "images-keyframes", uniform=True).folder
    place = keyframes.export(result, "sleap").place
    for name in ("suggestions.slp", "suggestions.pkg.slp"):
        check_suggestions(sio.load_slp(str(place / name)).suggestions, result, images=True)
    done = keyframes.export(result, "sleap", project=place / "suggestions.slp")
    assert (done.n_frames, done.place) == (0, place / "suggestions.slp")


def test_the_same_bytes_each_time(tmp_path, extracted):
    for place in ("one", "other"):
        keyframes.export(extracted("mpeg4.mp4"), "sleap", output=tmp_path / place)
    for name in ("suggestions.slp", "suggestions.pkg.slp"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
        assert str(tmp_path).encode() not in (tmp_path / "one" / name).read_bytes()


def test_without_the_video_its_name_and_images_serve(tmp_path, extracted):
    result = tmp_path / "mpeg4-keyframes"
    shutil.copytree(extracted("mpeg4.mp4"), result)
    done = keyframes.export(result, "sleap", output=tmp_path / "out")
    assert "mpeg4.mp4 was not found" in done.notes[0]
    labels = sio.load_slp(str(tmp_path / "out" / "suggestions.pkg.slp"))
    assert labels.video.source_video.filename == "mpeg4.mp4"
    check_suggestions(labels.suggestions, result, images=True)


@pytest.fixture
def project(tmp_path, extracted):
    """A project of two videos with labels, predictions and suggestions, some of frames that were chosen."""
    result = extracted("mpeg4.mp4")
    chosen = [entry["frame_index"] for entry in manifest_of(result)["keyframes"]]
    videos = [sio.load_video(str(extracted("mpeg4.avi").parent / "mpeg4.avi")), load(result)]
    skeleton = sio.Skeleton(["nose", "tail"], edges=[("nose", "tail")])
    frames = [
        sio.LabeledFrame(
            video=video, frame_idx=index, instances=[sio.Instance.from_numpy([[index, 2.5], [3, 4]], skeleton=skeleton)]
        )
        for video in videos
        for index in (chosen[0], 1)
    ]
    frames[-1].instances.append(sio.PredictedInstance.from_numpy([[1, 2], [3, 4]], skeleton=skeleton, score=0.5))
    labels = sio.Labels(
        videos=videos,
        skeletons=[skeleton],
        labeled_frames=frames,
        suggestions=[
            sio.SuggestionFrame(video=videos[1], frame_idx=chosen[1], metadata={"group": 17}),
            sio.SuggestionFrame(video=videos[0], frame_idx=chosen[2]),
        ],
    )
    path = tmp_path / "project" / "labels.v003.slp"
    path.parent.mkdir()
    labels.save(str(path))
    return path


def load(result):
    return sio.load_video(str(result.parent / "mpeg4.mp4"))


def summary(labels):
    """Everything that a person put into a project."""
    return {
        "videos": [str((video.original_video or video).filename) for video in labels.videos],
        "skeletons": [(skeleton.node_names, skeleton.edge_inds) for skeleton in labels.skeletons],
        "frames": [
            (labels.videos.index(frame.video), frame.frame_idx, [instance.numpy().tolist() for instance in frame])
            for frame in labels
        ],
    }


def suggested(labels):
    return [(labels.videos.index(one.video), one.frame_idx, one.metadata["group"]) for one in labels.suggestions]


def test_a_project_keeps_all_and_gets_the_rest(project, extracted, unchanged):
    result, before = extracted("mpeg4.mp4"), project.read_bytes()
    done = keyframes.export(result, "sleap", project=project)
    assert project.read_bytes() == before
    assert done.place == project.with_name("labels.v003-keyframes.slp")
    assert (done.n_frames, done.notes) == (3, ("2 of the 5 frames of mpeg4 were there already",))
    old, new = sio.load_slp(str(project)), sio.load_slp(str(done.place))
    assert summary(new) == summary(old)
    assert suggested(new)[:2] == suggested(old)
    chosen = manifest_of(result)["keyframes"]
    expected = [(1, entry["frame_index"], entry["cluster"]) for entry in chosen[2:]]
    assert sorted(suggested(new)[2:]) == sorted(expected)
    # All are there now: no further file.
    with unchanged(project.parent):
        assert keyframes.export(result, "sleap", project=done.place).n_frames == 0


def test_a_second_export_gets_another_name(project, extracted):
    first = keyframes.export(extracted("mpeg4.mp4"), "sleap", project=project).place
    before = first.read_bytes()
    second = keyframes.export(extracted("mpeg4.mp4"), "sleap", project=project).place
    assert second.name == "labels.v003-keyframes-2.slp"
    assert first.read_bytes() == before == second.read_bytes()


@pytest.mark.parametrize("plugin", ["opencv", "imageio"])
def test_a_package_gets_the_images_too(plugin, project, extracted):
    result = extracted("mpeg4.mp4")
    package = project.with_name("labels.pkg.slp")
    # The two encoders keep red and blue in different orders.
    sio.save_slp(sio.load_slp(str(project)), str(package), embed=True, verbose=False, plugin=plugin)
    with h5py.File(package) as file:
        assert file["video0/video"].attrs["channel_order"] == {"opencv": "BGR", "imageio": "RGB"}[plugin]
    old = sio.load_slp(str(package))
    before = {(old.videos.index(one.video), one.frame_idx): one.video[one.frame_idx] for one in frames_of(old)}
    done = keyframes.export(result, "sleap", project=package)
    assert done.place.name == "labels-keyframes.pkg.slp"
    new = sio.load_slp(str(done.place))
    assert summary(new) == summary(old)
    assert suggested(new)[:2] == suggested(old)
    for one in frames_of(new):
        key = (new.videos.index(one.video), one.frame_idx)
        if key in before:
            assert_array_equal(one.video[one.frame_idx], before[key])
        else:
            expected = cv2.imread(str(keyframes_file(result, one.frame_idx)))[..., ::-1]
            assert_array_equal(np.broadcast_to(one.video[one.frame_idx], expected.shape), expected)
    assert len({(new.videos.index(one.video), one.frame_idx) for one in frames_of(new)}) == len(before) + 3


def test_a_package_takes_two_results_of_one_video(tmp_path, extracted):
    one, other = extracted("mpeg4.mp4"), extracted("mpeg4.mp4", 7, uniform=True)
    first = keyframes.export(one, "sleap", output=tmp_path / "out").place / "suggestions.pkg.slp"
    labels = sio.load_slp(str(keyframes.export([one, other], "sleap", project=first).place))
    files = {
        entry["frame_index"]: result / entry["file"]
        for result in (one, other)
        for entry in manifest_of(result)["keyframes"]
    }
    assert sorted(suggestion.frame_idx for suggestion in labels.suggestions) == sorted(files)
    for suggestion in labels.suggestions:
        expected = cv2.imread(str(files[suggestion.frame_idx]))[..., ::-1]
        assert_array_equal(np.broadcast_to(suggestion.video[suggestion.frame_idx], expected.shape), expected)


def frames_of(labels):
    return [*labels.labeled_frames, *labels.suggestions]


def keyframes_file(result, index):
    (file,) = [entry["file"] for entry in manifest_of(result)["keyframes"] if entry["frame_index"] == index]
    return result / file


def test_damaged_projects_are_one_line(project, extracted, unchanged, run_command):
    result, data = extracted("mpeg4.mp4"), project.read_bytes()
    for name, content in (
        ("text", b"no HDF5"),
        ("empty", b""),
        ("truncated", data[: len(data) // 2]),
        ("zeros", data[:600] + bytes(len(data) - 600)),
    ):
        project.with_name(f"{name}.slp").write_bytes(content)
    with h5py.File(project.with_name("other.slp"), "w") as file:
        file["numbers"] = [1, 2]
    for name in ("text", "empty", "truncated", "zeros", "other"):
        path = project.with_name(f"{name}.slp")
        with (
            unchanged(project.parent),
            pytest.raises(ExportError, match=f"{name}.slp: is not a SLEAP project, or is damaged"),
        ):
            keyframes.export(result, "sleap", project=path)
    with unchanged(project.parent):
        done = run_command("keyframes", "export", result, "--to", "sleap", "--project", project.with_name("other.slp"))
    (line,) = done.stderr.splitlines()
    assert (done.returncode, line[:7]) == (1, "error: ")
    for path, message in ((project.with_name("none.slp"), "no such file"), (project.parent, "cannot be read")):
        with unchanged(project.parent), pytest.raises(ExportError, match=message):
            keyframes.export(result, "sleap", project=path)


def test_a_video_that_is_not_in_the_project(project, extracted, unchanged):
    with (
        unchanged(project.parent),
        pytest.raises(ExportError, match=r"has no video h264_gray.mp4 \(its videos: .*mpeg4"),
    ):
        keyframes.export(extracted("h264_gray.mp4"), "sleap", project=project)


def test_a_project_that_is_open_elsewhere(project, extracted, unchanged):
    hold = "import h5py, sys\nfile = h5py.File(sys.argv[1], 'r+')\nprint('open', flush=True)\nsys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, project], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "open\n"
        try:
            with unchanged(project.parent), pytest.raises(ExportError, match="is open for writing in another program"):
                keyframes.export(extracted("mpeg4.mp4"), "sleap", project=project)
        finally:
            holder.stdin.close()


def test_temporary_files_that_cannot_be_written_are_named(tmp_path, extracted, monkeypatch):
    result = extracted("mpeg4.mp4")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(OutputError, match=r"temporary files cannot be written in .*gone .* TMPDIR"):
        keyframes.export(result, "sleap", output=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@needs_unshare
@pytest.mark.parametrize("size", ["60k", "1200k", "1300k"])
def test_a_full_disk_is_found_before_hdf5_crashes_on_it(size, extracted, run_on_a_small_disk):
    """Of the list of suggestions, of temporary files, and of the package."""
    command = [SCRIPTS / "keyframes", "export", extracted("wmv2.wmv", 40), "--to", "sleap"]
    assert run_on_a_small_disk([*command, "-o", "out"], size, 'echo "left: $(ls -A)"') == "left: \n"
