"""What a bug report needs: versions, codecs, extras, processors and Numba's cache. Every statement has been tried.

Nothing is imported here that may be what is broken: a package that cannot be imported is a line of the report.
A broken package raises anything while it is imported or asked, so every exception is caught, and becomes such a line.
"""

import importlib
import importlib.metadata
import locale
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from keyframes import __version__

# What is imported to read, cluster and write: the package, and its name in an import.
PACKAGES = {
    "imageio": "imageio",
    "imageio-ffmpeg": "imageio_ffmpeg",
    "numba": "numba",
    "numpy": "numpy",
    "opencv": "cv2",
    "pillow": "PIL",
    "ruamel.yaml": "ruamel.yaml",
    "scikit-learn": "sklearn",
    "scipy": "scipy",
    "starlette": "starlette",
    "threadpoolctl": "threadpoolctl",
    "tifffile": "tifffile",
    "tqdm": "tqdm",
    "typer": "typer",
    "uvicorn": "uvicorn",
}
EXTRAS = {
    "cluster": ("distributed",),
    "deeplabcut": ("h5py", "pandas", "tables"),
    "encoder": ("torch",),
    "sleap": ("h5py", "sleap-io"),
}
# All of them bring a folder `cv2`, and the one that was installed last has overwritten the others.
OPENCV_PACKAGES = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
VARIABLES = re.compile("(NUMBA|OPENCV|OMP|OPENBLAS|MKL|IMAGEIO)_|(TMPDIR|TEMP|TMP|LC_ALL|LANG|PYTHONUTF8)$")
AVAILABLE = re.compile(r"^\s*(avcodec|avformat|avutil|swscale):\s+YES \(([^)]+)\)", re.MULTILINE)


def examine(trying: Callable[[str], None] = lambda what: None) -> dict[str, Any]:
    """Examine the installation and the machine.

    Parameters
    ----------
    trying : callable
        Called with the name of each codec that is about to be tried, for these take seconds.

    Returns
    -------
    dict
        Plain JSON types. `problems` lists in words what does not work, or works against the user.
    """
    packages = {name: _imported(name, module) for name, module in PACKAGES.items()}
    opencvs = {name: version for name in OPENCV_PACKAGES if (version := _installed(name)) is not None}
    cache, temporary, ffmpeg = _numba_cache(), _temporary_folder(), _ffmpeg()
    codecs, failure = _codecs(trying)
    return {
        "keyframes": __version__,
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "executable": sys.executable,
        "system": platform.platform(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "processors_usable": _usable_processors(),
        "packages": packages,
        "opencv_packages": opencvs,
        "opencv_ffmpeg": _opencv_ffmpeg(),
        "ffmpeg": ffmpeg,
        "codecs": codecs,
        "extras": {extra: {name: _installed(name) for name in names} for extra, names in EXTRAS.items()},
        "numba_cache": cache,
        "temporary_folder": temporary,
        "encodings": {
            "file_names": sys.getfilesystemencoding(),
            "locale": locale.getpreferredencoding(False),
            "output": getattr(sys.stdout, "encoding", None),
        },
        "variables": {name: value for name, value in sorted(os.environ.items()) if VARIABLES.match(name)},
        "problems": [
            *_problems_of_packages(packages, opencvs),
            *_problems_of_places(cache, temporary),
            *_problems_of_reading(ffmpeg, codecs),
            *([failure] if failure else []),
        ],
    }


def _problems_of_packages(packages: dict[str, str], opencvs: dict[str, str]) -> Iterator[str]:
    yield from (f"{name}: {found}" for name, found in packages.items() if not _is_version(found))
    if len(opencvs) > 1:
        yield (
            f"{', '.join(opencvs)} are all installed, and overwrite each other's files: uninstall all of them, "
            "then install opencv-python-headless"
        )


def _problems_of_places(cache: dict[str, Any], temporary: dict[str, Any]) -> Iterator[str]:
    if not cache["compiles"]:
        yield "Numba does not compile, so everything takes many times as long: is NUMBA_DISABLE_JIT set?"
    elif not cache["writable"]:
        yield "Numba cannot write to its cache folder, so each process compiles everything again: set NUMBA_CACHE_DIR"
    if not temporary["writable"]:
        yield "the folder for temporary files is not writable: set TMPDIR to another one"


def _problems_of_reading(ffmpeg: dict[str, str | None], codecs: list[dict[str, Any]]) -> Iterator[str]:
    if ffmpeg["version"] is None:
        yield (
            f"the program FFmpeg cannot be started ({ffmpeg['reason']}), so files that OpenCV cannot read are not "
            "readable at all: run pip install --force-reinstall imageio-ffmpeg, and leave IMAGEIO_FFMPEG_EXE unset"
        )
    yield from (f"{codec['codec']} cannot be read: {codec['reason']}" for codec in codecs if _is_unreadable(codec))


def _imported(name: str, module: str) -> str:
    """Return the version of a package, once it is imported, or why it cannot be."""
    try:
        imported = importlib.import_module(module)
    except Exception as error:
        return f"cannot be imported ({_one_line(error)})"
    return str(getattr(imported, "__version__", None) or _installed(name) or "0 (of unknown version)")


def _is_version(found: str) -> bool:
    return found[:1].isdigit()


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _usable_processors() -> int:
    from clustering import available_threads

    return available_threads()


def _opencv_ffmpeg() -> dict[str, str]:
    """Return the versions of FFmpeg's libraries that OpenCV was built with, as its build information lists them."""
    try:
        import cv2

        information = str(cv2.getBuildInformation())
    except Exception:
        return {}
    return {match[1]: match[2] for match in AVAILABLE.finditer(information)}


def _ffmpeg() -> dict[str, str | None]:
    """Return the program FFmpeg, for what OpenCV cannot read, and its version."""
    try:
        import imageio_ffmpeg

        program, version = imageio_ffmpeg.get_ffmpeg_exe(), imageio_ffmpeg.get_ffmpeg_version()
    except Exception as error:
        return {"version": None, "program": None, "reason": _one_line(error)}
    return {"version": str(version), "program": str(program)}


def _codecs(trying: Callable[[str], None]) -> tuple[list[dict[str, Any]], str]:
    """Return what came of trying each codec, and why none could be tried, if so."""
    found = []
    try:
        from keyframes.video.codecs import TRIALS, try_codecs

        trials = try_codecs()
        for codec in TRIALS:
            trying(codec)
            found.append(asdict(next(trials)))
    except Exception as error:
        return found, f"codecs cannot be tried ({_one_line(error)})"
    return found, ""


def _is_unreadable(codec: dict[str, Any]) -> bool:
    return codec["tried"] and codec["read_with"] is None


def _numba_cache() -> dict[str, Any]:
    try:
        from numba import config

        from clustering import kernel_cache_folder

        folder, compiles = kernel_cache_folder(), not getattr(config, "DISABLE_JIT", False)
    except Exception:
        folder, compiles = None, False
    return {"folder": folder, "writable": folder is not None and _is_writable(folder), "compiles": compiles}


def _temporary_folder() -> dict[str, Any]:
    try:
        folder = tempfile.gettempdir()
        return {"folder": folder, "free_bytes": shutil.disk_usage(folder).free, "writable": _is_writable(folder)}
    except OSError:
        return {"folder": None, "free_bytes": None, "writable": False}


def _is_writable(folder: str) -> bool:
    """Write a file there; permissions alone do not tell."""
    try:
        with tempfile.TemporaryFile(prefix="keyframes-", dir=folder) as file:
            file.write(b"keyframes")
            file.flush()
    except OSError:
        return False
    return True


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
