"""Python as a process of its own, which finds no modules in the working folder, such as a user's ``random.py``."""

import sys

# What `sys.path` has of the working folder is "", in front. From Python 3.11 on, PYTHONSAFEPATH leaves it out.
WITHOUT_WORKING_FOLDER = "import sys; sys.path = [place for place in sys.path if place]; "


def python_command(program: str, *arguments: str) -> list[str]:
    """Return the command that runs a line of Python with these arguments."""
    return [sys.executable, "-c", WITHOUT_WORKING_FOLDER + program, *arguments]
