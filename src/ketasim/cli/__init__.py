"""The command line: one thin file for each group of commands, no logic in it."""

from __future__ import annotations

import sys

__all__ = ["INTERRUPTED", "STOPPED", "main"]

INTERRUPTED = 130
"""The exit code after Ctrl-C."""

STOPPED = "Stopped. What was finished is kept; the same command goes on from there."
"""What is said after Ctrl-C."""


def main() -> None:
    """Run the command line and leave with its exit code.

    The codes are 0 done, 1 failed, 2 bad input, 130 interrupted.
    """
    words = sys.argv[1:]
    # `--debug` is most often added at the end of a command that just failed.
    debug = [word for word in words if word == "--debug"]
    try:
        from ketasim.cli.application import application

        application()(args=[*debug[:1], *(word for word in words if word != "--debug")])
    except KeyboardInterrupt:
        # It came while the commands were still being loaded.
        sys.stderr.write(f"{STOPPED}\n")
        sys.exit(INTERRUPTED)
