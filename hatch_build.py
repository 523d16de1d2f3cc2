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
NUMBA_SETTINGS = ("NUMBA_CACHE_DIR", "NUMBA_DISABLE_JIT")
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
        if version == "editable":
            self.compile_in(root)
            return
        self.copy = Path(tempfile.mkdtemp())
        for package in PACKAGES:
            shutil.copytree(root / package, self.copy / package, ignore=shutil.ignore_patterns("__pycache__"))
        if self.compile_in(self.copy):
            for path in self.copy.rglob("*.nb[ic]"):
                build_data["force_include"][str(path)] = str(path.relative_to(self.copy))
            build_data.update(pure_python=False, infer_tag=True)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the copy, of which the wheel has what it needs."""
        if version != "editable":
            shutil.rmtree(self.copy, ignore_errors=True)

    def compile_in(self, folder: Path) -> bool:
        """Let Numba keep machine code beside the modules of a folder; return whether that worked."""
        environment = {name: value for name, value in os.environ.items() if name not in NUMBA_SETTINGS}
        command = [sys.executable, "-c", FIRST_USE, str(folder)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            self.app.display_warning(f"The first photograph will have to wait for compilation: {reason}")
        return done.returncode == 0
