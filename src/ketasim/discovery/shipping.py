"""The front of a long search that ships with the package, as compounds and never as results.

Only the properties of the compounds are kept. Whoever shows them solves them again with the model as
it is, so that nothing that is shown can be out of date; what can be is that a search of today's model
would find better ones, and `is_current` tells.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ketasim.discovery.compound import Compound
from ketasim.discovery.properties import space
from ketasim.errors import InputError
from ketasim.results import atomic_write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ketasim.discovery.result import Discovery

__all__ = ["Shipped", "ship", "shipped"]

FOLDER = Path(__file__).parent / "shipped"
COMPOUNDS, ABOUT = "front.csv", "front.json"


@dataclass(frozen=True)
class Shipped:
    """The front of a search.

    Parameters
    ----------
    compounds : tuple of Compound
    about : mapping
        ``command, seed, generations, population, draws, quantile, tried, front, hypervolume,
        fingerprint`` of the search.
    """

    compounds: tuple[Compound, ...]
    about: Mapping[str, Any]

    def is_current(self) -> bool:
        """Whether the model, its calibration and the bounds are those that were searched."""
        from ketasim.discovery.result import SCENARIO_SEED
        from ketasim.discovery.robustness import RobustObjective
        from ketasim.discovery.scenarios import draw_scenarios

        scenarios = draw_scenarios(draws=int(self.about["draws"]), seed=SCENARIO_SEED)
        objective = RobustObjective(space(), scenarios, float(self.about["quantile"]))
        return bool(objective.fingerprint == self.about["fingerprint"])


def shipped(folder: Path = FOLDER) -> Shipped:
    """Read the front that ships.

    Parameters
    ----------
    folder : path, optional

    Returns
    -------
    Shipped

    Raises
    ------
    InputError
        If a file is missing, or a compound is not possible.
    """
    import pandas as pd

    try:
        table = pd.read_csv(folder / COMPOUNDS)
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("there is no front of a search", where=str(folder),
                         expected=f"{COMPOUNDS} and {ABOUT}") from error  # fmt: skip
    rows = table.to_dict("records")
    made = []
    for row in rows:
        numbers = {str(key): float(value) for key, value in row.items()
                   if key not in ("compound", "route")}  # fmt: skip
        made.append(Compound(str(row["compound"]), route=str(row["route"]), **numbers))  # type: ignore[arg-type]
    return Shipped(tuple(made), about)


def ship(found: Discovery, command: str, folder: Path = FOLDER) -> Path:
    """Write the front of a search as the one that ships.

    Parameters
    ----------
    found : Discovery
    command : str
        What made it.
    folder : path, optional

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If the front is empty.
    OutputError
        If it cannot be written.
    """
    import pandas as pd

    if not found.candidates:
        raise InputError("the front is empty", where="search", expected="more generations")
    table = pd.DataFrame([{"compound": one.name, **one.record()} for one in found.candidates])
    record, settings = found.record(), found.found.settings
    about = {
        "command": command, "seed": settings.seed, "generations": settings.generations,
        "population": settings.population, "draws": found.objective.scenarios.draws,
        "quantile": found.objective.quantile, "tried": record["tried"], "front": record["front"],
        "hypervolume": record["hypervolume"], "fingerprint": found.objective.fingerprint,
    }  # fmt: skip
    atomic_write(folder / COMPOUNDS, table.to_csv(index=False))
    atomic_write(folder / ABOUT, json.dumps(about, indent=2, sort_keys=True) + "\n")
    return folder
