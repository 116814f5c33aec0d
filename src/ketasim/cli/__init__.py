"""The command line: one thin file for each group of commands, no logic in it."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and leave with its exit code.

    The codes are 0 done, 1 failed, 2 bad input, 130 interrupted.
    """
    from ketasim.cli.application import application

    words = sys.argv[1:]
    # `--debug` is most often added at the end of a command that just failed.
    debug = [word for word in words if word == "--debug"]
    application()(args=[*debug[:1], *(word for word in words if word != "--debug")])
