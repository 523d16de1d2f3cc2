"""The kernels as plain Python: the same promises, and what coverage can see."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
def test_the_clustering_tests_pass_without_compilation():
    # The hash of a row is meant to overflow; NumPy's scalars warn of it, machine code does not.
    overflow = ("-W", "ignore:overflow encountered in scalar multiply:RuntimeWarning")
    # Networks have no kernels of their own.
    chosen = ("-m", "not slow and not torch", "tests/test_clustering")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *overflow, *chosen],
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed" in done.stdout
