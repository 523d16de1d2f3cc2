"""Everything that the page can ask for, whoever serves it."""

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from keyframes.app.choosing import Field, Wish, as_typed, read_number_of_frames, read_options
from keyframes.app.exports import ExportWish, cameras_of, described, read_tool, run_export
from keyframes.app.files import NearFiles, Use
from keyframes.app.library import Library, patterns_to_choose
from keyframes.app.marks import read_marks, write_marks
from keyframes.app.notes import Notes
from keyframes.app.previews import Previews
from keyframes.app.reviews import Reviews
from keyframes.app.rounds import Round, Rounds
from keyframes.app.running import Runner
from keyframes.app.statuses import States, changed_in_review, claims_in, progress_of, result_digest, status_of
from keyframes.errors import AppError, BatchError, no_folder
from keyframes.export_options import WITH_PROJECT, ExportOptions, ExportTool
from keyframes.review import Session

# Options that take a file, and what it must be.
OF_FILES: tuple[tuple[str, Use], ...] = (("--predictions", "predictions"), ("--encoder", "network"))


@dataclass(frozen=True)
class Commands:
    """What the command line lends.

    `fields` are its options, `check` raises a SettingsError where ``keyframes batch`` would refuse its arguments, and
    `project_options` reads the options of an export from texts.
    """

    fields: Sequence[Field]
    check: Callable[[Sequence[str]], None]
    project_options: Callable[[dict[str, Any]], ExportOptions]


class App(AbstractContextManager["App"]):
    """The recordings below a folder, and their results in `output`. Its methods may be called from several threads.

    `projects` are those of labelling tools that lie elsewhere. A BatchError says that there is no such folder.
    """

    def __init__(self, folder: Path, output: Path, commands: Commands, projects: Sequence[Path] = ()) -> None:
        if not os.path.isdir(folder):
            raise BatchError(f"{folder}: {no_folder(folder)}; give the folder that holds the recordings")
        self.folder, self.commands = folder, commands
        self.rounds, self.library = Rounds(output), Library(folder, output)
        self.notes = Notes(self.rounds.get(1))
        self.files = NearFiles([folder], projects)
        # A page that is still open from before may name files at once.
        self.near()
        self._states, self._runner = States(), Runner()
        self._exporting = threading.Lock()
        with ExitStack() as opened:
            self.previews = opened.enter_context(Previews())
            self._reviews = opened.enter_context(Reviews())
            opened.callback(self._runner.close)
            self._opened = opened.pop_all()

    def __exit__(self, *error: object) -> None:
        self._opened.close()

    def about(self) -> dict[str, Any]:
        """Return what the page shows whatever is chosen."""
        return {
            "folder": str(self.folder.resolve()),
            "rounds": [{"number": one.number, "output": str(one.output)} for one in self.rounds.all()],
            "tools": list(get_args(ExportTool)),
            "with_project": list(WITH_PROJECT),
            "fields": [vars(field) for field in self.commands.fields],
        }

    def recordings(self, number: int) -> dict[str, Any]:
        """Return the recordings with their figures and statuses, and how far the run of a round is."""
        self._reviews.close_idle()
        round_, found = self.rounds.get(number), self.library.all()
        run, claims, notes = self._runner.seen(round_), claims_in(round_), self.notes.all()
        rows, statuses, lengths = [], {}, {}
        for name, recording in found.items():
            figures = self.previews.figures(self.folder / recording)
            status = status_of(round_, name, recording, self._states.get(round_, recording), claims.get(name), run)
            statuses[recording] = status
            lengths[recording] = float((figures or {}).get("frames") or 0)
            about = {"id": name, "name": recording, "figures": figures, "note": notes.get(name, "")}
            rows.append({**about, **status})
        self.previews.look_at(self.folder / row["name"] for row in rows if row["figures"] is None)
        return {"recordings": rows, "note": self.library.note, "run": progress_of(run, statuses, lengths)}

    def near(self) -> dict[str, Any]:
        """Return the projects, predictions and networks that the page may name."""
        found = self.files.all([one.output for one in self.rounds.all()])
        return {"files": [{"id": near.id, "use": near.use, "name": near.name} for near in found]}

    def picture(self, name: str, size: str) -> bytes:
        """Return a picture of a recording, "small" or "large"; b"" where there is none."""
        return self.previews.picture(self.library.path(name), size)

    def command(self, number: int, given: dict[str, Any]) -> dict[str, Any]:
        """Return the command that does what the page asks for; "problem" says what is wrong with it."""
        arguments, _ = self._asked_for(self.rounds.get(number), given)
        self.commands.check(arguments)
        return {"command": as_typed(arguments)}

    def start(self, number: int, given: dict[str, Any]) -> dict[str, Any]:
        """Start to choose frames as the page asks for it."""
        round_ = self.rounds.get(number)
        arguments, recordings = self._asked_for(round_, given)
        self.commands.check(arguments)
        places = {round_.output / self._states.get(round_, recording).get("place", "") for recording in recordings}
        self._reviews.close(places.__contains__)
        self._runner.start(round_, arguments, recordings, given, as_typed(arguments))
        return {}

    def stop(self, number: int) -> dict[str, Any]:
        """Stop the run of a round."""
        self._runner.stop(self.rounds.get(number))
        return {}

    def begin_round(self) -> dict[str, Any]:
        """Begin another round."""
        return {"number": self.rounds.begin().number}

    def mark(self, number: int, name: str, reviewed: bool) -> dict[str, Any]:
        """Mark the choice of a recording as reviewed, or not."""
        round_ = self.rounds.get(number)
        write_marks(round_, name, self._chosen(round_, name), reviewed=reviewed)
        return self.around(number, name)

    def note(self, name: str, words: str, before: str) -> dict[str, Any]:
        """Write a note on a recording, in place of the one that the page shows."""
        self.library.recording(name)
        self.notes.write(name, words, before)
        return {}

    def around(self, number: int, name: str) -> dict[str, Any]:
        """Return where a review is among the others: the chosen recordings before and after it, and its mark."""
        round_ = self.rounds.get(number)
        states = {one: self._states.get(round_, recording) for one, recording in self.library.all().items()}
        chosen = [one for one, state in states.items() if result_digest(round_, state) and state.get("frames")]
        place = chosen.index(name) if name in chosen else -1
        if place < 0:
            raise AppError("this recording has no chosen frames; go back to the recordings")
        reviewed = {one: read_marks(round_, one, states[one]).reviewed for one in chosen}
        return {
            "before": chosen[place - 1] if place else "",
            "after": chosen[place + 1] if place + 1 < len(chosen) else "",
            "place": place + 1,
            "n": len(chosen),
            "reviewed": reviewed[name],
            "n_reviewed": sum(reviewed.values()),
        }

    def session(self, number: int, name: str) -> Session:
        """Return the review of a recording's result, or raise an error where it has none."""
        round_ = self.rounds.get(number)
        place, recording = self._chosen(round_, name)["place"], self.library.recording(name)
        return self._reviews.get(round_, place, self.folder / recording, recording)

    def export(self, number: int, given: dict[str, Any], dry_run: bool) -> dict[str, Any]:
        """Export the results that the page names, or tell what that would change."""
        round_ = self.rounds.get(number)
        names, tool = self._named(given), read_tool(str(given.get("tool", "")))
        states = {name: self._chosen(round_, name) for name in names}
        project = given.get("project") or ""
        wish = ExportWish(
            tool=tool,
            results=[round_.output / state["place"] for state in states.values()],
            videos=[self.library.path(name).absolute() for name in names],
            options=self.commands.project_options(given),
            project=self.files.path(str(project), *WITH_PROJECT) if project else None,
            prelabels=self.files.path(str(given["prelabels"]), "predictions") if given.get("prelabels") else None,
            views=cameras_of(tool, {self.library.recording(name): state for name, state in states.items()}),
        )
        with self._exporting:
            digests = {name: result_digest(round_, state) for name, state in states.items()}
            done = run_export(wish, round_, dry_run)
        if not dry_run:
            for name, state in states.items():
                write_marks(round_, name, state, exported=digests[name], exported_to=wish.tool)
            self.files.forget()
        return described(done)

    def _named(self, given: dict[str, Any]) -> list[str]:
        """Return the ids of the recordings that a request names, in their order."""
        asked, found = given.get("recordings"), self.library.all()
        if asked == "all":
            return list(found)
        names = set(asked) if isinstance(asked, list) and all(isinstance(name, str) for name in asked) else set()
        for name in names:
            self.library.recording(name)
        if not names:
            raise AppError("select at least one recording")
        return [name for name in found if name in names]

    def _chosen(self, round_: Round, name: str) -> dict[str, Any]:
        """Return the state of a recording of which frames are chosen, or raise an AppError."""
        recording = self.library.recording(name)
        state = self._states.get(round_, recording)
        if not state.get("frames") or not result_digest(round_, state):
            raise AppError(f"{recording}: has no chosen frames; choose some first")
        return state

    def _asked_for(self, round_: Round, given: dict[str, Any]) -> tuple[list[str], list[str]]:
        """Return the arguments of the command that does what is asked for, and the recordings that it is about."""
        found = self.library.all()
        chosen = [found[name] for name in self._named(given)]
        include, exclude = patterns_to_choose(chosen, list(found.values()))
        views, files = given.get("views") is True, []
        if views and len(chosen) < 2:
            raise AppError("a scene needs two or more cameras; select all its recordings")
        for flag, use in OF_FILES:
            if name := given.get(flag.strip("-")):
                files.append((flag, self.files.path(str(name), use)))
        files += [("--unlike", path) for path in self._unlike(given)]
        wish = Wish(
            number=read_number_of_frames(given.get("number")),
            together=given.get("together") is True,
            at_least=read_number_of_frames(given.get("at_least") or "0", fewest=0),
            include=include,
            exclude=[*self.library.exclude, *exclude],
            options=read_options(given.get("options"), self.commands.fields),
            files=files,
            views=views,
        )
        arguments = wish.arguments(self.folder, round_.output, self.commands.fields)
        if any(changed_in_review(round_, self._states.get(round_, recording)) for recording in chosen):
            # The page has warned of that.
            arguments.append("--overwrite")
        return arguments, chosen

    def _unlike(self, given: dict[str, Any]) -> list[Path]:
        """Return the projects, and the results of earlier rounds, that a choice must differ from."""
        asked = given.get("unlike")
        found: dict[Path, None] = {}
        for name in asked if isinstance(asked, list) else []:
            if isinstance(name, int):
                earlier = self.rounds.get(name)
                states = (self._states.get(earlier, recording) for recording in self.library.all().values())
                if any(state.get("frames") and result_digest(earlier, state) for state in states):
                    found[earlier.output] = None
            else:
                found[self.files.path(str(name), *WITH_PROJECT)] = None
        return list(found)
