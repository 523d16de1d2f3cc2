"""Entry of the command: ``quantize`` and ``python -m quantize``."""

import gc

from clustering.interruption import run_interruptible


def main() -> None:
    """Run the command line."""
    run_interruptible(_run)


def _run() -> None:
    # Modules that are being loaded are no garbage: looking for some among them takes a tenth of the start.
    gc.disable()
    # Loaded within, where an interruption ends the command already.
    from quantize.cli import app

    app()


if __name__ == "__main__":
    main()
