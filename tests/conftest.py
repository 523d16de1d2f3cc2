import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

compiled_only = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="about compilation, or too much for plain Python"
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def shared_data():
    """Real recordings that lie beside some checkouts."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the recordings in ../shared/data are not on this machine")
    return SHARED / "data"


@pytest.fixture(scope="session")
def run_command():
    """Run an installed command as its user does: `run_command("keyframes", "info", path)`."""

    def run(name, *arguments, cwd=None, env=None, timeout=120):
        command = Path(sys.executable).parent / name
        return subprocess.run(
            [str(command), *(str(argument) for argument in arguments)],
            cwd=cwd,
            env={**os.environ, "COLUMNS": "200", **(env or {})},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
        )

    return run
