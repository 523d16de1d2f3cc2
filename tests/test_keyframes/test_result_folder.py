"""A result folder: it appears whole or not at all, whatever happens meanwhile."""

import errno
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from keyframes import OutputError
from keyframes.result.folder import result_folder
from keyframes.result.naming import result_names
from tests.conftest import N_KILLS


def test_a_result_appears_when_it_is_whole(tmp_path):
    place = tmp_path / "a" / "out"
    with result_folder(place, overwrite=False) as folder:
        (folder / "one").write_text("1", encoding="utf-8")
        assert not place.exists()
        assert folder.parent == place.parent
    assert (place / "one").read_text(encoding="utf-8") == "1"
    assert [path.name for path in place.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_nothing(tmp_path, error):
    def write():
        with result_folder(tmp_path / "a" / "b" / "out", overwrite=False) as folder:
            (folder / "one").touch()
            raise error

    with pytest.raises(error):
        write()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free up space, or choose another path with -o"),
        (errno.EDQUOT, "free up space, or choose another path with -o"),
        (errno.EROFS, "choose another path with -o"),
        (errno.EACCES, "choose another path with -o"),
    ],
)
def test_an_error_of_the_system_names_the_place_and_what_helps(tmp_path, number, advice):
    place = tmp_path / "out"
    with pytest.raises(OutputError) as raised, result_folder(place, False):
        raise OSError(number, "A reason")
    assert str(raised.value) == f"{place}: cannot be written (A reason); {advice}"


@pytest.mark.parametrize(("overwrite", "remedy"), [(False, "use --overwrite"), (None, "remove it")])
def test_of_two_runs_at_once_one_wins(tmp_path, overwrite, remedy):
    """An export, which never replaces anything, has no --overwrite."""
    place = tmp_path / "out"

    def lose():
        with result_folder(place, overwrite) as slow:
            (slow / "who").write_text("slow", encoding="utf-8")
            with result_folder(place, overwrite) as quick:
                (quick / "who").write_text("quick", encoding="utf-8")

    with pytest.raises(OutputError, match=f"out: already exists and is not empty; {remedy}, or choose another path"):
        lose()
    assert (place / "who").read_text(encoding="utf-8") == "quick"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def put_in_place_at_once(place, overwrite):
    """Two runs that end at the same moment: which won, and what the others said."""
    ready, won, said = threading.Barrier(2), [], []

    def run(name):
        try:
            with result_folder(place, overwrite) as folder:
                for file in ("manifest.json", "who"):
                    (folder / file).write_text(name, encoding="utf-8")
                ready.wait()
            won.append(name)
        except OutputError as error:
            said.append(str(error))

    threads = [threading.Thread(target=run, args=(name,)) for name in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won, said


# In one round of eight, both look before either one renames: a hundred rounds come upon it.
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("exchange", [True, False])
def test_of_two_runs_that_end_at_the_same_moment_one_wins(tmp_path, monkeypatch, overwrite, exchange):
    if not exchange:
        without_exchange(monkeypatch)
    for number in range(100):
        place = tmp_path / str(number) / "out"
        if overwrite:
            place.mkdir(parents=True)
            (place / "manifest.json").write_text("earlier", encoding="utf-8")
        won, said = put_in_place_at_once(place, overwrite)
        # Told to overwrite, both do, one after the other.
        assert (len(won), len(said)) == ((2, 0) if overwrite else (1, 1))
        assert [text for text in said if "already exists" not in text] == []
        assert [path.name for path in place.parent.iterdir()] == ["out"]
        who = (place / "who").read_text(encoding="utf-8")
        assert who == (place / "manifest.json").read_text(encoding="utf-8")
        assert who in won


def without_exchange(monkeypatch):
    """As on a system or a file system where two folders cannot change names in one step."""
    monkeypatch.setattr("keyframes.result.folder._exchanged", lambda partial, place: False)


@pytest.mark.parametrize("exchange", [True, False])
def test_an_earlier_result_is_put_back_when_the_new_one_cannot_take_its_place(tmp_path, monkeypatch, exchange):
    if not exchange:
        without_exchange(monkeypatch)
    place = tmp_path / "out"
    with result_folder(place, overwrite=False) as folder:
        (folder / "manifest.json").write_text("earlier", encoding="utf-8")
    with pytest.raises(OutputError, match="out: cannot be written"), result_folder(place, overwrite=True) as folder:
        folder.rmdir()
    assert (place / "manifest.json").read_text(encoding="utf-8") == "earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(("appears", "reason"), [("out", "is a file"), ("out/notes.txt", "not an earlier result")])
def test_what_appears_meanwhile_and_is_no_result_stays(tmp_path, appears, reason):
    def write():
        with result_folder(tmp_path / "out", overwrite=True) as folder:
            (folder / "manifest.json").touch()
            (tmp_path / appears).parent.mkdir(exist_ok=True)
            (tmp_path / appears).touch()

    with pytest.raises(OutputError, match=reason):
        write()
    assert (tmp_path / appears).is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_link_leads_to_where_the_result_stands(tmp_path):
    (tmp_path / "link").symlink_to("out")
    for text in ("first", "second"):
        with result_folder(tmp_path / "link", overwrite=True) as folder:
            (folder / "manifest.json").write_text(text, encoding="utf-8")
        assert (tmp_path / "out" / "manifest.json").read_text(encoding="utf-8") == text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "out"]


REPLACE_WITHOUT_END = """
import itertools, sys
from pathlib import Path
from keyframes.result.folder import result_folder

for number in itertools.count():
    with result_folder(Path(sys.argv[1]), overwrite=True) as folder:
        for name in ("manifest.json", "one", "other"):
            (folder / name).write_text(str(number))
    if number == 0:
        print("begun", flush=True)
"""


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is an instant without a result")
def test_a_kill_at_any_moment_of_a_replacement_leaves_a_whole_result(tmp_path):
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}")
    moments = random.Random(seed)
    place = tmp_path / "out"
    for _ in range(5 * N_KILLS):
        command = [sys.executable, "-c", REPLACE_WITHOUT_END, place]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(moments.uniform(0, 0.02))
            process.kill()
        files = [path.read_text(encoding="utf-8") for path in place.iterdir()]
        assert len(files) == 3
        assert len(set(files)) == 1


def test_names_of_result_folders():
    assert result_names([Path("x/a.mp4"), Path("b.c.avi")]) == ["a-keyframes", "b.c-keyframes"]
    clash = [Path("x/a.mp4"), Path("y/a.avi"), Path("y/A.mp4"), Path("a.mp4")]
    assert result_names(clash) == ["a-mp4-keyframes", "a-avi-keyframes", "A-mp4-2-keyframes", "a-mp4-3-keyframes"]
