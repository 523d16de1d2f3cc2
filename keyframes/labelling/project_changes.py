"""Changes to somebody's project: all of them or none.

New files are written into a hidden folder of the project and linked to their places when all are there; a file that
changes is exchanged last, and only if it still is what was read. On any error, an interruption too, everything goes
back.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from clustering import rename_when_free
from keyframes.errors import OutputError
from keyframes.result.dry_run import only_noted
from keyframes.result.folder import make_parents, remove, remove_empty, result_folder, system_errors
from keyframes.whole_files import unused_name


class Changes:
    """What is to change in a project, `root`: new files are written to the same relative places in `folder`."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder
        self.rewritten: dict[Path, tuple[bytes, bytes]] = {}

    def rewrite(self, path: Path, before: bytes, after: bytes) -> None:
        """Replace the content of a file of the project that is now `before`."""
        self.rewritten[Path(os.path.realpath(path))] = (before, after)

    def content(self, name: str) -> bytes | None:
        """Return the content of a file of the project; None where there is none."""
        path = self.root / name
        return path.read_bytes() if path.is_file() else None

    def write(self, name: str, before: bytes | None, after: bytes) -> None:
        """Write a file that is new, or replace its content."""
        if before is None:
            (self.folder / name).write_bytes(after)
        else:
            self.rewrite(self.root / name, before, after)

    def _make(self, undo: "_Undo") -> None:
        new = sorted(path for path in self.folder.rglob("*") if path.is_symlink() or not path.is_dir())
        for staged in new:
            target = self.root / staged.relative_to(self.folder)
            make_parents(target.parent, undo.folders)
            _put(staged, target, undo)
        for folder in sorted(path for path in self.folder.rglob("*") if path.is_dir() and not path.is_symlink()):
            make_parents(self.root / folder.relative_to(self.folder), undo.folders)
        for path, (before, after) in self.rewritten.items():
            ours, kept = unused_name(path, "partial"), unused_name(path, "kept")
            undo.temporary += [ours, kept]
            ours.write_bytes(after)
            shutil.copymode(path, ours)
            # Those who share the project may be in it, and this user in others. Windows has no groups of this kind.
            with suppress(AttributeError, OSError):
                os.chown(ours, -1, path.stat().st_gid)
            shutil.copy2(path, kept)
            if kept.read_bytes() != before:
                raise OutputError(
                    f"{path}: was changed by another program in the meantime; save it there, and try again"
                )
            undo.replaced.append((kept, path, before))
            rename_when_free(ours.replace, path)


class _Undo:
    """What was done so far, each noted before it was done, so that an interruption at any moment finds it."""

    def __init__(self) -> None:
        self.folders: list[Path] = []
        self.added: list[tuple[Path, Path]] = []
        self.replaced: list[tuple[Path, Path, bytes]] = []
        self.temporary: list[Path] = []

    def __call__(self) -> None:
        for kept, path, before in self.replaced:
            with suppress(OSError):
                if path.read_bytes() != before:
                    rename_when_free(kept.replace, path)
        for source, target in reversed(self.added):
            with suppress(OSError):
                if not os.path.lexists(source) or os.path.samestat(source.lstat(), target.lstat()):
                    target.unlink()
        remove_empty(self.folders)

    def forget(self) -> None:
        """Remove what served to go back."""
        for path in self.temporary:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _put(staged: Path, target: Path, undo: _Undo) -> None:
    """Let a new file appear at its place, whole, and never over another."""
    source = staged
    if staged.lstat().st_dev != target.parent.stat().st_dev:
        # A folder of the project may be a link to another disk.
        source = unused_name(target, "partial")
        undo.temporary.append(source)
        shutil.copy2(staged, source, follow_symlinks=False)
    undo.added.append((source, target))
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError):
        if os.path.lexists(target):
            raise OutputError(f"{target}: was written by another program in the meantime; try again") from None
        # Some file systems know no second name of a file.
        source.rename(target)


@contextmanager
def project_changes(root: Path) -> Iterator[Changes]:
    """Give the changes to fill; make them all when the block ends, or none on any error.

    An OutputError says that the project cannot be written, or was changed by another program meanwhile.
    """
    root = Path(os.path.realpath(root))
    undo, folder = _Undo(), unused_name(root / "keyframes", "partial")
    done = False
    with system_errors(root, "check its permissions; nothing was changed in it"):
        try:
            folder.mkdir()
            changes = Changes(root, folder)
            yield changes
            if not only_noted(root, folder, changes.rewritten):
                changes._make(undo)
            done = True
            undo.forget()
            remove([folder])
        except BaseException:
            if not done:
                undo()
            undo.forget()
            remove([folder])
            raise


@contextmanager
def open_project(root: Path, new: bool) -> Iterator[Changes]:
    """Give the changes to a project; of a new one, all of it."""
    opened: AbstractContextManager[Any] = result_folder(root, overwrite=None) if new else project_changes(root)
    with opened as given:
        yield Changes(root, given) if new else given
