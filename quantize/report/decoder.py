"""The decoder for browsers: plain JavaScript, and the codebooks and models that it shares with Python."""

from importlib.resources import files

SCRIPT, MODELS = "vqi.js", "known.npz"


def decoder_files() -> dict[str, bytes]:
    """Files by name that a web page needs to show .vqi images; they belong in one folder."""
    return {
        SCRIPT: (files("quantize.report") / "assets" / SCRIPT).read_bytes(),
        MODELS: (files("quantize.multiresolution") / MODELS).read_bytes(),
    }
