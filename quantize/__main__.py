"""Entry of the command: ``quantize`` and ``python -m quantize``."""

import gc
import threading

from clustering import prepare_standard_streams, refuse_empty_arguments, run_interruptible


def main() -> None:
    """Run the command line."""
    prepare_standard_streams()
    refuse_empty_arguments(may_be_empty=["--suffix"])
    run_interruptible(_run_aside, awaits_threads=False)


def _run_aside() -> None:
    """Run the command in a thread: a signal is obeyed at once, and not when a kernel has come to its end."""
    done = threading.Event()
    raised: list[BaseException] = []

    def run() -> None:
        try:
            _run()
        except BaseException as error:
            raised.append(error)
        finally:
            done.set()

    threading.Thread(target=run, name="quantize", daemon=True).start()
    try:
        done.wait()
    except BaseException:
        from quantize.output import stop_writing

        stop_writing()
        raise
    if raised:
        raise raised[0]


def _run() -> None:
    # Modules that are being loaded are no garbage: looking for some among them takes a tenth of the start.
    gc.disable()
    # Loaded within, where an interruption ends the command already.
    from quantize.cli import app

    app()


if __name__ == "__main__":
    main()
