"""The decoder for browsers: plain JavaScript, and the codebooks and models that it shares with Python."""

from functools import cache
from importlib.resources import files

from quantize.multiresolution.editions import EDITIONS, Edition

SCRIPT = "vqi.js"
# The script in its order: a page gets one file, whose parts see each other's names.
PARTS = ("shared", "entropy", "container", "palette", "multiresolution", "block", "decoding", "png", "element")


@cache
def decoder_script() -> str:
    """Return the decoder, one module of all its parts."""
    folder = files("quantize.report") / "assets" / "vqi"
    return "\n".join((folder / f"{part}.js").read_text(encoding="utf-8") for part in PARTS)


def decoder_files() -> dict[str, bytes]:
    """Files by name that a web page needs to show .vqi images; they belong in one folder."""
    return {SCRIPT: decoder_script().encode(), **{edition.file: models_of(edition) for edition in EDITIONS.values()}}


def models_of(edition: Edition) -> bytes:
    """Return the file of an edition's codebooks and models."""
    return (files("quantize.multiresolution") / edition.file).read_bytes()
