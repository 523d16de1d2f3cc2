"""Entry of the command: ``keyframes`` and ``python -m keyframes``."""

from clustering.interruption import run_interruptible
from clustering.standard_streams import prepare_standard_streams


def main() -> None:
    """Run the command line."""
    prepare_standard_streams()
    run_interruptible(_run)


def _run() -> None:
    # Loaded within, where an interruption ends the command already.
    from keyframes.cli import app

    app()


if __name__ == "__main__":
    main()
