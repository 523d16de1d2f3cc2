"""Changes to a project: all of them or none, whatever comes between."""

import itertools
import os
import sys
import tempfile
from pathlib import Path

import pytest

from keyframes import OutputError
from keyframes.labelling import project_changes as module
from keyframes.labelling.project_changes import project_changes
from tests.test_keyframes.test_labelling.conftest import contents

CONFIG = b"before\n"


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / "images" / "old").mkdir(parents=True)
    (folder / "images" / "old" / "1.png").write_bytes(b"1")
    (folder / "config.yaml").write_bytes(CONFIG)
    return folder


def change(folder):
    """Add files, one of them a link, and an empty folder, and rewrite one."""
    with project_changes(folder) as changes:
        (changes.folder / "images" / "new").mkdir(parents=True)
        (changes.folder / "images" / "old").mkdir()
        (changes.folder / "empty").mkdir()
        for name in ("new/2.png", "new/3.png", "old/4.png"):
            (changes.folder / "images" / name).write_bytes(name.encode())
        (changes.folder / "images" / "link").symlink_to("old")
        changes.rewrite(folder / "config.yaml", CONFIG, b"after\n")
        yield


CHANGED = {
    "config.yaml": b"after\n",
    "empty": None,
    "images/link": "old",
    "images/new/2.png": b"new/2.png",
    "images/new/3.png": b"new/3.png",
    "images/old/1.png": b"1",
    "images/old/4.png": b"old/4.png",
}


def test_all_changes_are_made(project):
    list(change(project))
    assert contents(project) == CHANGED


@pytest.mark.skipif(not hasattr(os, "getgroups"), reason="needs the groups of POSIX")
def test_a_file_that_changes_keeps_its_mode_and_its_group(project):
    """So that those with whom a project is shared can still write it."""
    config = project / "config.yaml"
    own = config.stat().st_gid
    others = [group for group in ((own + 1,) if os.geteuid() == 0 else os.getgroups()) if group != own]
    if not others:
        pytest.skip("this user is in one group only")
    os.chown(config, -1, others[0])
    config.chmod(0o660)
    list(change(project))
    assert (config.stat().st_gid, config.stat().st_mode & 0o777) == (others[0], 0o660)


def refuse_links(monkeypatch):
    """As on a file system where a file has one name only."""

    def refuse(*arguments, **options):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)


def test_without_a_second_name_for_a_file_too(project, monkeypatch):
    refuse_links(monkeypatch)
    list(change(project))
    assert contents(project) == CHANGED


def test_a_folder_on_another_disk(project, tmp_path):
    shared_memory = Path("/dev/shm")
    if not shared_memory.is_dir() or shared_memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no other disk to write to")
    with tempfile.TemporaryDirectory(dir=shared_memory) as disk:
        (project / "images").rename(project / "moved")
        (project / "images").symlink_to(disk)
        list(change(project))
        assert (Path(disk) / "new" / "3.png").read_bytes() == b"new/3.png"
        assert sorted(path.name for path in Path(disk).iterdir()) == ["link", "new", "old"]


@pytest.mark.parametrize("link", [True, False])
def test_an_interruption_at_any_line_leaves_all_or_nothing(tmp_path, monkeypatch, link):
    if not link:
        refuse_links(monkeypatch)
    seen = set()
    for stop_at in itertools.count(1):
        folder = tmp_path / str(stop_at)
        (folder / "images" / "old").mkdir(parents=True)
        (folder / "images" / "old" / "1.png").write_bytes(b"1")
        (folder / "config.yaml").write_bytes(CONFIG)
        before = contents(folder)
        if run_until(change(folder), stop_at):
            assert contents(folder) == CHANGED
            break
        assert contents(folder) in (before, CHANGED)
        seen.add(contents(folder) == before)
    assert True in seen
    assert stop_at > 40


def run_until(steps, stop_at):
    """Interrupt at the so many-th line of the module that runs after the block; whether it came to the end."""
    n_lines = 0

    def trace(frame, event, argument):
        nonlocal n_lines
        if frame.f_code.co_filename != module.__file__:
            return None
        n_lines += event == "line"
        if event == "line" and n_lines == stop_at:
            raise KeyboardInterrupt
        return trace

    next(steps)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return next(steps, "end") == "end"
    except KeyboardInterrupt:
        return False
    finally:
        sys.settrace(before)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("images/old/4.png", r"4\.png: was written by another program in the meantime"),
        ("config.yaml", r"config\.yaml: was changed by another program in the meantime"),
    ],
)
def test_what_another_program_wrote_meanwhile_stays(project, file, message):
    steps = change(project)
    next(steps)
    (project / file).write_bytes(b"theirs\n")
    before = contents_without_ours(project)
    with pytest.raises(OutputError, match=message):
        next(steps)
    assert contents(project) == before


def contents_without_ours(folder):
    return {name: content for name, content in contents(folder).items() if ".partial-" not in name}


def test_an_error_of_the_caller_changes_nothing(project, unchanged):
    def fail():
        with project_changes(project) as changes:
            (changes.folder / "new").write_bytes(b"")
            raise OSError(28, "No space left on device")

    with (
        unchanged(project),
        pytest.raises(OutputError, match=r"No space left on device\); free up space, .*; nothing was changed"),
    ):
        fail()
