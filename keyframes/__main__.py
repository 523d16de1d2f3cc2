"""Entry of the command: ``keyframes`` and ``python -m keyframes``."""

from clustering.interruption import run_interruptible


def main() -> None:
    """Run the command line."""
    run_interruptible(_run)


def _run() -> None:
    # Loaded within, where an interruption ends the command already.
    from keyframes.cli import app

    app()


if __name__ == "__main__":
    main()
