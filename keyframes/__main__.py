"""Entry of the command: ``keyframes`` and ``python -m keyframes``."""

from clustering import prepare_standard_streams, run_interruptible


def main() -> None:
    """Run the command line."""
    prepare_standard_streams()
    run_interruptible(_run)


def _run() -> None:
    # Loaded within, where an interruption ends the command already.
    from keyframes.commands.cli import app

    app()


if __name__ == "__main__":
    main()
