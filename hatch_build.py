"""Compile the kernels of a photograph while the package is built, and put their machine code into the wheel.

Numba compiles a kernel when it is first called, which takes 13 seconds for those of a photograph. The machine code is
good for the processor, the version of Python and the version of Numba that made it; with any other, Numba compiles at
the first call as ever. So it does if this fails, or is left out: `HATCH_BUILD_NO_HOOKS=true` builds a wheel for all.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGES = ("clustering", "keyframes", "quantize")
# Set by somebody for other purposes, these would keep the machine code elsewhere, or nowhere.
NUMBA_SETTINGS = ("NUMBA_CACHE_DIR", "NUMBA_CACHE_LOCATOR_CLASSES", "NUMBA_DISABLE_JIT")
# A photograph, its decoding, and a palette with dithering.
FIRST_USE = """
import sys

sys.path.insert(0, sys.argv[1])
import numpy as np
import clustering
import quantize

clustering.start_numba()
pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
quantize.decode(quantize.encode(pixels, profile="multiresolution"))
quantize.encode(pixels, profile="palette", codewords=16, dither=True)
"""


class CompilationHook(BuildHookInterface):
    """Compiles in the clone for an editable installation, else in a copy, which has nothing that was there before."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before hatchling collects the files of the wheel."""
        root = Path(self.root)
        # Removed when the process ends, if nothing removes it before: a build can fail.
        self.copy = tempfile.TemporaryDirectory(prefix="keyframes-build-")
        try:
            folder = root if version == "editable" else self.copy_packages(root, Path(self.copy.name))
            compile_in(folder)
        except (OSError, subprocess.CalledProcessError) as error:
            self.copy.cleanup()
            said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
            self.app.display_warning(f"The first photograph will have to wait for compilation: {said[-1]}")
            return
        if version != "editable":
            for path in folder.rglob("*.nb[ic]"):
                build_data["force_include"][str(path)] = str(path.relative_to(folder))
                build_data.update(pure_python=False, infer_tag=True)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the copy, of which the wheel has what it needs."""
        self.copy.cleanup()

    def copy_packages(self, root: Path, folder: Path) -> Path:
        """Copy the packages without what was compiled before, into folders that can be written to; return where."""
        for path in (path for package in PACKAGES for path in (root / package).rglob("*")):
            if path.is_file() and path.parent.name != "__pycache__":
                place = folder / path.relative_to(root)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
        return folder


def compile_in(folder: Path) -> None:
    """Let Numba keep machine code beside the modules of a folder."""
    environment = {name: value for name, value in os.environ.items() if name not in NUMBA_SETTINGS}
    command = [sys.executable, "-c", FIRST_USE, str(folder)]
    subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
