"""Changes to a choice, as the manifest keeps them."""

import pytest

from keyframes import KeyframesError
from keyframes.review import changes


def entry_at(index):
    return {"frame_index": index, "time_s": index / 25, "cluster": 0, "file": f"frames/img{index:03d}.png"}


def changed_at_random(manifest, rng):
    """Make a change of any kind, mostly one that can be made."""
    chosen = [entry["frame_index"] for entry in manifest["keyframes"]]
    index, other = int(rng.choice(chosen)), int(rng.integers(40))
    match rng.integers(4):
        case 0:
            return changes.swap(manifest, index, entry_at(other))
        case 1:
            return changes.drop(manifest, index)
        case 2:
            return changes.add(manifest, entry_at(other))
        case _:
            return changes.note(manifest, index, str(rng.choice(["", "tail", "  both animals "])))


def test_any_changes_are_undone_one_by_one(rng):
    before = {"video": {"path": "a.mp4"}, "keyframes": [entry_at(index) for index in (3, 7, 20)]}
    states = [before]
    while len(states) < 200:
        try:
            manifest = changed_at_random(states[-1], rng)
        except KeyframesError:
            continue
        indices = [entry["frame_index"] for entry in manifest["keyframes"]]
        assert indices == sorted(set(indices))
        if manifest != states[-1]:
            states.append(manifest)
    assert {record["action"] for record in changes.history(manifest)} == {"swap", "drop", "add", "note"}
    while len(states) > 1:
        assert len(changes.history(manifest)) == len(states) - 1
        manifest = changes.undo(manifest)
        states.pop()
        assert manifest == states[-1]
    with pytest.raises(KeyframesError, match="no change to undo"):
        changes.undo(manifest)
