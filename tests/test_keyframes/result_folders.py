"""What tests look at in the folder of a result."""

import json


def contents(folder):
    """Every file below a folder and its bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def manifest_of(result):
    return json.loads((result / "manifest.json").read_text(encoding="utf-8"))


def indices_of(result):
    """Indices of the chosen frames."""
    return [entry["frame_index"] for entry in manifest_of(result)["keyframes"]]
