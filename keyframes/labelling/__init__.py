"""From an earlier result into a labelling tool: a module a tool, each with the same two functions.

``check(options, place, videos)`` raises where an export of these videos could not work, before anything is decoded;
``write(recordings, options, place, progress)`` makes it, whole or not at all. ``USES`` names the options that it
follows.
"""

from keyframes.labelling.dispatch import check_export, export, options_for, uses_of

__all__ = ["check_export", "export", "options_for", "uses_of"]
