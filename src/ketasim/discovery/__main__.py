"""``python -m ketasim.discovery``: the long search whose front ships with the package.

An interrupted search goes on where it stopped when the same folder is named again.
"""

from __future__ import annotations

import sys

from ketasim.discovery.result import discover
from ketasim.discovery.searching import Settings
from ketasim.discovery.shipping import ship

LONG = Settings(generations=100, population=300, seed=1)


def main(folder: str) -> None:
    """Search, and write the front into the package.

    Parameters
    ----------
    folder : str
        Where every generation is kept.
    """
    found = discover(LONG, out=folder)
    command = (
        f"ketasim discover --generations {LONG.generations} --population {LONG.population}"
        f" --seed {LONG.seed}"
    )
    sys.stdout.write(f"{found!r}\n{ship(found, command)}\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "out/search")
