"""Standard input, output and error of a command, fit for any name and any shell."""

import os
import sys


def prepare_standard_streams() -> None:
    """Make standard output and error take any text, and stand where the shell closed them (``2>&-``).

    A character that the encoding of a stream lacks, as most do under ``LC_ALL=C``, is printed as an escape instead of
    ending the command with all its work done.
    """
    # A closed descriptor would be the next file's that is opened, and messages would be written into that.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8", errors="backslashreplace"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
