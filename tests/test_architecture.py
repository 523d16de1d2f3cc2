"""The house: who imports whom, and how light an import is."""

import ast
import fnmatch
import functools
import importlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = ("clustering", "keyframes", "quantize")
PRIVATE = re.compile("_[^_]")


@functools.cache
def nodes_of(path):
    """Every node of a file's syntax tree."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imported(path):
    """Full names of everything that a file imports, type checkers' imports and late ones included."""
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_imports_follow_the_contracts_of_the_project_file():
    pytest.importorskip("importlinter", reason="needs import-linter, of the dev extra")
    from importlinter.cli import lint_imports

    assert lint_imports(str(ROOT / "pyproject.toml"), no_cache=True, is_debug_mode=False) == 0


def test_no_module_reaches_into_the_objects_of_another():
    """A name with an underscore in front is read from another object only in the module that defines it."""
    for path in sources(*PACKAGES):
        nodes = nodes_of(path)
        attributes = [node for node in nodes if isinstance(node, ast.Attribute) and PRIVATE.match(node.attr)]
        read = {node.attr for node in attributes if not (isinstance(node.value, ast.Name) and node.value.id == "self")}
        # A named tuple's public method has such a name, to stay clear of those of its fields.
        read.discard("_replace")
        defined = {node.attr for node in attributes if isinstance(node.ctx, ast.Store)}
        defined |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
        assert read <= defined, path


def test_the_two_commands_know_nothing_of_each_other():
    for package, other in (("keyframes", "quantize"), ("quantize", "keyframes")):
        for path in sources(package):
            assert all(target.partition(".")[0] != other for target in imported(path)), path


def test_the_decoder_needs_no_clustering():
    banned = {"cv2", "clustering.kmeans.lloyd", "clustering.centnn", "clustering.workers"}
    program = (
        "import quantize, sys, numpy as np\n"
        "data = open(sys.argv[1], 'rb').read()\n"
        "quantize.decode(data)\n"
        "print(*sys.modules)"
    )
    import numpy as np

    import quantize

    data = quantize.encode(np.arange(3000, dtype=np.uint16).astype(np.uint8).reshape(20, 50, 3), block=2)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.vqi"
        file.write_bytes(data)
        done = subprocess.run(
            [sys.executable, "-c", program, file], cwd=ROOT, capture_output=True, text=True, check=True
        )
    assert banned.isdisjoint(done.stdout.split())


def test_the_core_knows_nothing_of_its_users():
    for path in sources("clustering"):
        for target in imported(path):
            assert target.partition(".")[0] not in {"keyframes", "quantize", "cv2", "imageio", "typer"}, path


def sources(*packages):
    return [path for package in packages for path in (ROOT / package).rglob("*.py")]


@pytest.mark.parametrize(
    ("name", "places"),
    {
        "VideoCapture": ["keyframes/video/captures.py"],
        "Image": ["quantize/images/files.py", "quantize/pillow.py"],
        "njit": ["clustering/kernels/compilation.py"],
        "compiled": ["*/kernels/*.py"],
        "torch": ["clustering/deep/*.py"],
        "typer": ["*/cli.py", "*/commands/*.py"],
    }.items(),
)
def test_some_things_have_one_place(name, places):
    users = {path.relative_to(ROOT).as_posix() for path in sources(*PACKAGES) if name in names_in(path)}
    for place in places:
        assert fnmatch.filter(users, place), f"nothing in {place} uses {name}"
        users -= set(fnmatch.filter(users, place))
    assert users == set()


def names_in(path):
    """Every name and attribute that a file uses."""
    names = {node.id for node in nodes_of(path) if isinstance(node, ast.Name)}
    return names | {node.attr for node in nodes_of(path) if isinstance(node, ast.Attribute)}


def test_only_the_command_line_prints():
    for path in sources(*PACKAGES):
        calls = [node for node in nodes_of(path) if isinstance(node, ast.Call)]
        prints = any(isinstance(call.func, ast.Name) and call.func.id in {"print", "input"} for call in calls)
        assert not prints or path.parent.name == "commands" or path.name in {"cli.py", "interruption.py"}, path


@pytest.mark.parametrize("package", PACKAGES)
def test_the_list_of_public_names_is_the_namespace(package):
    module = importlib.import_module(package)
    for name in module.__all__:
        assert getattr(module, name) is not None
        assert name in dir(module)
    with pytest.raises(AttributeError, match="no_such_name"):
        module.no_such_name  # noqa: B018


@pytest.mark.parametrize(
    "statement",
    [
        "import clustering",
        "import clustering.deep",
        "import keyframes",
        "import keyframes.commands.cli",
        "import quantize",
        "import quantize.cli",
    ],
)
def test_importing_is_light(statement):
    program = f"{statement}\nimport sys, threading\nprint(*sys.modules)\nprint(threading.active_count())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded, n_threads = done.stdout.splitlines()
    heavy = {"numba", "cv2", "numpy", "scipy", "sklearn", "torch", "dask", "tqdm", "PIL", "starlette", "uvicorn"}
    if not statement.endswith("cli"):
        heavy.add("typer")
    assert heavy.isdisjoint(loaded.split())
    assert n_threads == "1"


def test_the_benchmark_times_stages_that_exist():
    tree = ast.parse((ROOT / "benchmarks" / "extract.py").read_text(encoding="utf-8"))
    (stages,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "STAGES"
    ]
    pipeline = importlib.import_module("keyframes.pipeline")
    assert all(callable(getattr(pipeline, name)) for name in stages.values())
