"""From one manifest to the next: swap, drop, add, note, and back.

Every change leaves a record in the manifest, ``review.history``: its action and the entries that it removed and added,
or a note before and after. Undoing takes the last record away, so that a manifest with all changes undone is the one
that the extraction wrote.
"""

from keyframes.errors import ReviewError
from keyframes.manifest import Change, KeyframeEntry, Manifest
from keyframes.names import shown

LONGEST_NOTE = 2000


def entry_of(manifest: Manifest, frame_index: int) -> KeyframeEntry:
    """Return the entry of a chosen frame, or raise a ReviewError."""
    for entry in manifest["keyframes"]:
        if entry["frame_index"] == frame_index:
            return entry.copy()
    raise ReviewError(f"frame {frame_index} is not among the chosen ones")


def history(manifest: Manifest) -> list[Change]:
    """Return the records of what was changed, the latest last."""
    return list(manifest["review"]["history"]) if "review" in manifest else []


def swap(manifest: Manifest, frame_index: int, by: KeyframeEntry) -> Manifest:
    """Put another frame in the place of a chosen one."""
    removed = entry_of(manifest, frame_index)
    if by["frame_index"] == frame_index:
        raise ReviewError(f"frame {frame_index} is chosen already")
    return _exchanged(manifest, removed, by, {"action": "swap", "removed": removed, "added": by})


def drop(manifest: Manifest, frame_index: int) -> Manifest:
    """Take a chosen frame away; the last one stays."""
    removed = entry_of(manifest, frame_index)
    if len(manifest["keyframes"]) == 1:
        raise ReviewError(f"frame {frame_index} is the only one left; add another first")
    return _exchanged(manifest, removed, None, {"action": "drop", "removed": removed})


def add(manifest: Manifest, entry: KeyframeEntry) -> Manifest:
    """Choose one more frame."""
    return _exchanged(manifest, None, entry, {"action": "add", "added": entry})


def note(manifest: Manifest, frame_index: int, words: str) -> Manifest:
    """Write a note to a chosen frame; an empty one takes it away."""
    # A browser may send half an emoji, which no file in UTF-8 holds.
    words = shown(words.strip())
    if len(words) > LONGEST_NOTE:
        raise ReviewError(f"a note of {len(words)} characters is too long; write no more than {LONGEST_NOTE}")
    entry = entry_of(manifest, frame_index)
    before = entry.get("note", "")
    if words == before:
        return manifest
    record: Change = {"action": "note", "frame_index": frame_index, "before": before, "after": words}
    return _exchanged(manifest, entry, _noted(entry, words), record)


def undo(manifest: Manifest) -> Manifest:
    """Take the last change back, or raise a ReviewError where there is none."""
    records = history(manifest)
    if not records:
        raise ReviewError("there is no change to undo")
    last = records[-1]
    if last["action"] == "note":
        entry = entry_of(manifest, last["frame_index"])
        return _exchanged(manifest, entry, _noted(entry, last["before"]), None)
    return _exchanged(manifest, last.get("added"), last.get("removed"), None)


def _noted(entry: KeyframeEntry, words: str) -> KeyframeEntry:
    noted = entry.copy()
    noted.pop("note", None)
    if words:
        noted["note"] = words
    return noted


def _exchanged(
    manifest: Manifest, removed: KeyframeEntry | None, added: KeyframeEntry | None, record: Change | None
) -> Manifest:
    """Return a manifest with one entry in place of another, and a record of it; without one the last is taken away."""
    without = None if removed is None else removed["frame_index"]
    entries = [entry for entry in manifest["keyframes"] if entry["frame_index"] != without]
    if added and any(entry["frame_index"] == added["frame_index"] for entry in entries):
        raise ReviewError(f"frame {added['frame_index']} is chosen already")
    changed = manifest.copy()
    changed["keyframes"] = sorted([*entries, *([added] if added else [])], key=lambda entry: entry["frame_index"])
    changed.pop("review", None)
    records = [*history(manifest), record] if record else history(manifest)[:-1]
    if records:
        changed["review"] = {"history": records}
    return changed
