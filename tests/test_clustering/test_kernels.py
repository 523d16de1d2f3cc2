import gc
import importlib
import subprocess
import sys

import numba
import pytest
from numba.core import event

from tests.conftest import ROOT, compiled_only

pytestmark = compiled_only


def run(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(
            # No place is good: what Numba finds in a read-only installation without a home folder.
            "numba.core.caching.CacheImpl._locator_classes = []\n",
            id="no place",
        ),
        pytest.param(
            "def fail(*arguments): raise OSError(28, 'No space left on device')\n"
            "numba.core.caching.IndexDataCacheFile.save = fail\n"
            "numba.core.caching.IndexDataCacheFile.load = lambda *arguments: None\n",
            id="full disk",
        ),
    ],
)
def test_kernels_work_where_nothing_can_be_cached(broken):
    program = (
        f"import numba.core.caching\n{broken}"
        "import numpy as np\n"
        "from clustering.kmeans.equal_rows import group_equal_rows\n"
        "print(*group_equal_rows(np.array([[0.0], [0.0], [8.0]]))[1])\n"
    )
    assert run(program) == "0 0 1"


@pytest.mark.slow
def test_a_second_process_compiles_nothing():
    program = (
        "import numpy as np\n"
        "from clustering import k_means\n"
        "from clustering.kernels import rows\n"
        "from clustering.kmeans.kernels import lloyd, seeding\n"
        "k_means(np.arange(12, dtype=np.float32).reshape(6, 2), 3)\n"
        "kernels = [k for module in (lloyd, rows, seeding) for k in vars(module).values()]\n"
        "used = [k for k in kernels if getattr(k, 'signatures', None)]\n"
        "assert used\n"
        "print(sum(sum(k.stats.cache_misses.values()) for k in used))\n"
    )
    run(program)
    assert run(program) == "0"


def test_importing_the_kernels_compiles_nothing():
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in ROOT.glob("clustering/**/kernels/*.py")]
    program = (
        "from importlib import import_module\n"
        f"modules = [import_module(name) for name in {names}]\n"
        "kernels = [k for module in modules for k in vars(module).values() if hasattr(k, 'signatures')]\n"
        "print(len(kernels) > 20, sum(len(k.signatures) for k in kernels))\n"
    )
    assert run(program) == "True 0"


@pytest.mark.slow
def test_a_quick_start_leaves_linear_algebra_for_those_who_call_it():
    program = (
        "import sys\n"
        "import numpy as np\n"
        "from numba import njit\n"
        "from clustering.kernels.compilation import BLAS, start_numba\n"
        "start_numba()\n"
        "print('scipy.linalg' in sys.modules or BLAS in sys.modules)\n"
        "print(njit(lambda a, b: np.dot(a, b))(np.ones((2, 3)), np.ones(3)))\n"
        "before = sys.modules[BLAS]\n"
        "start_numba()\n"
        "print(sys.modules[BLAS] is before)\n"
    )
    assert run(program) == "False\n[3. 3.]\nTrue"


def test_garbage_is_collected_again_after_a_compilation_even_one_that_fails():
    class Passes(event.Listener):
        collected = ()

        def on_start(self, event):
            self.collected = (*self.collected, gc.isenabled())

        on_end = on_start

    # What is imported with any kernel.
    importlib.import_module("clustering.kernels.compilation")

    @numba.njit
    def add(a, b):
        return a + b

    passes = Passes()
    with event.install_listener("numba:run_pass", passes):
        assert add(1, 2) == 3
        with pytest.raises(numba.TypingError):
            add(1, "2")
    assert len(passes.collected) > 9
    assert not any(passes.collected)
    assert gc.isenabled()


@pytest.fixture
def kernel_files(tmp_path):
    """A kernel that calls one of its own folder, which calls one of another folder and takes a number from a third."""
    kernel = "from clustering import compiled\n{}\n@compiled()\ndef {}(x):\n    return {}\n"
    files = {
        "numbers_of/start.py": "START = 1\n",
        "inner/doubled.py": kernel.format("", "doubled", "2 * x"),
        "outer/added.py": kernel.format(
            "from inner.doubled import doubled\nfrom numbers_of.start import START", "added", "doubled(x) + START"
        ),
        "outer/total.py": kernel.format("from outer.added import added", "total", "added(x)"),
    }
    for name, code in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code)
    return tmp_path


def total_of_three(folder):
    """What the kernel gives of 3, and how often it was compiled."""
    return run(
        f"import sys; sys.path.insert(0, {str(folder)!r})\n"
        "from outer.total import total\n"
        "print(total(3), sum(total.stats.cache_misses.values()))\n"
    )


@pytest.mark.parametrize(
    ("name", "old", "new", "total"),
    [("inner/doubled.py", "2 * x", "4 * x", 13), ("numbers_of/start.py", "1", "9", 15)],
)
def test_a_kernel_is_compiled_again_when_what_it_uses_has_changed(name, old, new, total, kernel_files):
    assert total_of_three(kernel_files) == "7 1"
    assert total_of_three(kernel_files) == "7 0"
    changed = kernel_files / name
    changed.write_text(changed.read_text().replace(old, new))
    assert total_of_three(kernel_files) == f"{total} 1"


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("content", [b"", b"\x80\x05 no machine code"])
def test_damaged_machine_code_is_compiled_again(suffix, content, kernel_files):
    assert total_of_three(kernel_files) == "7 1"
    (file,) = kernel_files.rglob(f"total.total-*{suffix}")
    file.write_bytes(content)
    assert total_of_three(kernel_files) == "7 1"
    assert total_of_three(kernel_files) == "7 0"
