"""Public names of a package that load on first use, so that importing the package loads nothing heavy."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(
    namespace: dict[str, Any], modules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's ``__getattr__`` and ``__dir__``.

    Parameters
    ----------
    namespace : dict
        The package's ``globals()``, with its ``__all__``.
    modules : mapping of str to str
        For each public name the module of the package that defines it.
    """
    package = namespace["__name__"]

    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        # A submodule of the same name becomes an attribute on import; the public object takes its place.
        namespace[name] = getattr(import_module(f"{package}.{modules[name]}"), name)
        return namespace[name]

    return load, lambda: sorted({*namespace, *namespace["__all__"]})
