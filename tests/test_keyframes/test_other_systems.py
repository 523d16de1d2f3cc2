"""What is there for Windows, as far as it can be run elsewhere."""

import os

import pytest

from clustering.renaming import WAITS_S
from keyframes.commands.parsing import expanded
from keyframes.whole_files import whole_file


@pytest.fixture
def busy(tmp_path, monkeypatch):
    """A file that Windows would refuse to replace, a number of times; `busy(times, winerror)`."""
    place = tmp_path / "state.json"
    place.write_text("old")
    tries = []

    def make(times, winerror=32):
        def replace(partial, target):
            tries.append(target)
            if len(tries) <= times:
                error = PermissionError(13, "The process cannot access the file")
                error.winerror = winerror
                raise error
            return partial.rename(target)

        monkeypatch.setattr("pathlib.Path.replace", replace)
        monkeypatch.setattr("clustering.renaming.time.sleep", lambda wait_s: None)
        return place, tries

    return make


def test_a_file_that_is_open_for_a_moment_is_replaced_after_it(busy):
    place, tries = busy(3)
    with whole_file(place) as partial:
        partial.write_text("new")
    assert (place.read_text(), len(tries)) == ("new", 4)


def test_a_file_that_stays_open_is_an_error_and_keeps_its_content(busy):
    place, tries = busy(1000)
    with pytest.raises(PermissionError), whole_file(place) as partial:
        partial.write_text("new")
    assert (place.read_text(), len(tries)) == ("old", len(WAITS_S) + 1)
    assert list(place.parent.iterdir()) == [place]


def test_patterns_of_batch_are_left_to_it(tmp_path, monkeypatch):
    for name in ("b.mp4", "a.mp4", "cut[1].mp4", "cut1.mp4"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for_batch = ["batch", ".", "--include", "*.mp4", "-o", "out"]
    assert expanded(for_batch) == for_batch
    assert expanded(["extract", "?.mp4", "none*.avi"]) == ["extract", "a.mp4", "b.mp4", "none*.avi"]
    assert expanded(["extract", "cut[1].mp4"]) == ["extract", "cut[1].mp4"]
    assert expanded(["info", "~/a.mp4"]) == ["info", os.path.expanduser("~/a.mp4")]
    assert os.path.samefile(expanded(["~/a.mp4"])[0], tmp_path / "a.mp4")
