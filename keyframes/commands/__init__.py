"""The subcommands of ``keyframes``: each parses, calls the library and prints.

Nothing heavy is imported before a command runs, so that help and usage errors are there at once.
"""
