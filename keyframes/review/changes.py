"""From one manifest to the next: swap, drop, add, note, and back.

Every change leaves a record in the manifest, ``review.history``: its action and the entries that it removed and added,
or a note before and after. Undoing takes the last record away, so that a manifest with all changes undone is the one
that the extraction wrote.
"""

from typing import Any

from keyframes.errors import ReviewError

Manifest = dict[str, Any]
Entry = dict[str, Any]
LONGEST_NOTE = 2000


def entry_of(manifest: Manifest, frame_index: int) -> Entry:
    """Return the entry of a chosen frame.

    Raises
    ------
    ReviewError
        Where it is not chosen.
    """
    for entry in manifest["keyframes"]:
        if entry["frame_index"] == frame_index:
            return dict(entry)
    raise ReviewError(f"frame {frame_index} is not among the chosen ones")


def history(manifest: Manifest) -> list[dict[str, Any]]:
    """Return the records of what was changed, the latest last."""
    return list(manifest.get("review", {}).get("history", []))


def swap(manifest: Manifest, frame_index: int, by: Entry) -> Manifest:
    """Put another frame in the place of a chosen one."""
    removed = entry_of(manifest, frame_index)
    return _recorded(manifest, {"action": "swap", "removed": removed, "added": by})


def drop(manifest: Manifest, frame_index: int) -> Manifest:
    """Take a chosen frame away; the last one stays."""
    removed = entry_of(manifest, frame_index)
    if len(manifest["keyframes"]) == 1:
        raise ReviewError(f"frame {frame_index} is the only one that is left; add another one first")
    return _recorded(manifest, {"action": "drop", "removed": removed})


def add(manifest: Manifest, entry: Entry) -> Manifest:
    """Choose one more frame."""
    return _recorded(manifest, {"action": "add", "added": entry})


def note(manifest: Manifest, frame_index: int, words: str) -> Manifest:
    """Write a note to a chosen frame; an empty one takes it away."""
    words = words.strip()
    if len(words) > LONGEST_NOTE:
        raise ReviewError(f"a note of {len(words)} characters is too long; write no more than {LONGEST_NOTE}")
    before = entry_of(manifest, frame_index).get("note", "")
    if words == before:
        return manifest
    return _recorded(manifest, {"action": "note", "frame_index": frame_index, "before": before, "after": words})


def undo(manifest: Manifest) -> Manifest:
    """Take the last change back.

    Raises
    ------
    ReviewError
        Where there is none.
    """
    records = history(manifest)
    if not records:
        raise ReviewError("there is no change to undo")
    last = records.pop()
    if last["action"] == "note":
        entries = _noted(manifest["keyframes"], last["frame_index"], last["before"])
    else:
        entries = _exchanged(manifest["keyframes"], last.get("added"), last.get("removed"))
    return _with(manifest, entries, records)


def _recorded(manifest: Manifest, record: dict[str, Any]) -> Manifest:
    if record["action"] == "note":
        entries = _noted(manifest["keyframes"], record["frame_index"], record["after"])
    else:
        entries = _exchanged(manifest["keyframes"], record.get("removed"), record.get("added"))
    return _with(manifest, entries, [*history(manifest), record])


def _exchanged(entries: list[Entry], removed: Entry | None, added: Entry | None) -> list[Entry]:
    """Entries in time order without one and with another."""
    kept = [entry for entry in entries if removed is None or entry["frame_index"] != removed["frame_index"]]
    if added is not None and any(entry["frame_index"] == added["frame_index"] for entry in kept):
        raise ReviewError(f"frame {added['frame_index']} is chosen already")
    return sorted([*kept, *([] if added is None else [added])], key=lambda entry: int(entry["frame_index"]))


def _noted(entries: list[Entry], frame_index: int, words: str) -> list[Entry]:
    changed = []
    for entry in entries:
        if entry["frame_index"] == frame_index:
            bare = {name: value for name, value in entry.items() if name != "note"}
            changed.append({**bare, "note": words} if words else bare)
        else:
            changed.append(entry)
    return changed


def _with(manifest: Manifest, entries: list[Entry], records: list[dict[str, Any]]) -> Manifest:
    bare = {name: value for name, value in manifest.items() if name != "review"}
    return {**bare, "keyframes": entries, **({"review": {"history": records}} if records else {})}
