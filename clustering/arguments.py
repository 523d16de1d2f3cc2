"""Arguments of a command that came out empty."""

import re
import sys
from collections.abc import Collection
from itertools import pairwise


def refuse_empty_arguments(may_be_empty: Collection[str] = ()) -> None:
    """End the command, with status 2, where an argument is empty, as a shell's variable that is not set leaves it.

    As a path it would be the working folder, with all that is in it. `may_be_empty` are options that take no text, too.
    """
    for number, (before, argument) in enumerate(pairwise(sys.argv)):
        option = before if not argument else argument[:-1] if re.fullmatch(r"--[\w-]+=", argument) else None
        if option is not None and option not in may_be_empty:
            which = f"the argument after {option}" if number or argument else "the first argument"
            sys.stderr.write(f"error: {which} is empty; is a shell variable unset?\n")
            raise SystemExit(2)
