"""A disk that is full: one line says so, and nothing is left behind."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import keyframes
from keyframes.video import temporary_folder
from tests.conftest import SCRIPTS
from tests.test_keyframes.conftest import needs_unshare, one_error_line


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash to limit the size of files")
def test_a_full_disk_is_one_line(tmp_path, video_file):
    # A limit on the size of files stands for the full disk: write() fails in the same place, in the middle of an image.
    limited = ["bash", "-c", 'trap "" XFSZ; ulimit -f 8; exec "$@"', "-"]
    command = [SCRIPTS / "keyframes", "extract", video_file("mpeg4.mp4"), "-k", "9"]
    done = subprocess.run([*limited, *command], cwd=tmp_path, capture_output=True, text=True)
    assert "cannot be written" in one_error_line(done)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scan", ["sparse", "exact"])
def test_temporary_files_that_cannot_be_written_are_named(scan, tmp_path, long_file, monkeypatch):
    """The disk of the result has room; the one of temporary files has none."""

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    video = long_file("b_frames.mp4")
    monkeypatch.setattr("keyframes.scan.thumbnail_store.MEMORY_BYTES", 0)
    monkeypatch.setattr("keyframes.scan.thumbnail_store.CHUNK_ROWS", 8)
    monkeypatch.setattr("tempfile.TemporaryDirectory" if scan == "sparse" else "tempfile.TemporaryFile", full)
    with pytest.raises(keyframes.OutputError, match=r"temporary files cannot be written in .* set .* TMPDIR"):
        keyframes.extract(video, 4, scan=scan, output=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_removal_of_temporary_files_that_is_broken_off_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    removals = iter([interrupted])
    remove = shutil.rmtree
    monkeypatch.setattr("shutil.rmtree", lambda *given, **how: next(removals, remove)(*given, **how))
    with pytest.raises(KeyboardInterrupt), temporary_folder() as folder:
        (Path(folder) / "1.mkv").touch()
    assert list(tmp_path.iterdir()) == []


def interrupted(*_, **__):
    raise KeyboardInterrupt


PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@pytest.fixture(scope="module")
def pages_of_a_result(tmp_path_factory, video_file):
    """Number of the kernel's pages that the files of the result below fill."""
    result = keyframes.extract(video_file("wmv2.wmv"), 40, output=tmp_path_factory.mktemp("whole") / "out")
    sizes = [path.stat().st_size for path in result.folder.rglob("*") if path.is_file()]
    return sum(-(-size // PAGE) for size in sizes)


@pytest.mark.slow
@needs_unshare
@pytest.mark.parametrize("share", [0, 0.3, 0.6, 0.8, 1])
def test_a_full_disk_is_a_clear_error_that_leaves_nothing_behind(
    share, pages_of_a_result, run_on_a_small_disk, video_file
):
    # With all of its pages but one, the last file finds no place.
    size = PAGE * max(1, round(share * pages_of_a_result) - 1)
    command = [SCRIPTS / "keyframes", "extract", video_file("wmv2.wmv"), "-k", "40"]
    assert run_on_a_small_disk(command, size, 'echo "left: $(ls -A)"') == "left: \n"
