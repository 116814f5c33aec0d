"""The command line: one thin file for each group of commands, no logic in it."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with its code."""
    raise NotImplementedError
