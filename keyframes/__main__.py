"""Entry of the command: ``keyframes`` and ``python -m keyframes``."""

import os
import sys

from clustering import prepare_standard_streams, refuse_empty_arguments, run_interruptible


def main() -> None:
    """Run the command line."""
    prepare_standard_streams()
    refuse_empty_arguments()
    run_interruptible(_run)


def _run() -> None:
    # Loaded within, where an interruption ends the command already.
    from keyframes.commands.cli import app
    from keyframes.commands.parsing import expanded

    try:
        app(expanded(sys.argv[1:]) if os.name == "nt" else None)
    except ImportError as error:
        # Such as OpenCV without libGL, or two versions of it that overwrote each other.
        sys.exit(f"error: the installation is broken ({error}); keyframes doctor says what is wrong")


if __name__ == "__main__":
    main()
