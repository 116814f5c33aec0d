"""The results bundle that a dossier is made from, as the page reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ketasim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = [
    "EXPERIMENTS",
    "INDEX_FILE",
    "MODEL_FILE",
    "OBSERVATIONS_FILE",
    "PARAMETERS_FILE",
    "Bundle",
    "read_bundle",
]

INDEX_FILE = "dossier.json"
"""What the bundle holds, who made it, and everything that is the same for all experiments."""

MODEL_FILE = "model.xml"
"""The assembled SBML model, from which the map is drawn."""

PARAMETERS_FILE = "parameters.parquet"
"""Every parameter with value, unit, status and source."""

OBSERVATIONS_FILE = "observations.parquet"
"""Every published observation and whether it is fitted or judges."""

EXPERIMENTS = "experiments"
"""The folder with one results bundle for each experiment."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """What one dossier is made from.

    Parameters
    ----------
    folder : Path
        Where it lies.
    index : mapping
        The content of ``dossier.json``.
    experiments : mapping of str to mapping
        By name, the record of each experiment (`ketasim.experiments.schema`).
    sbml : str
        The model.
    parameters, observations : DataFrame
        The parameter table and the published observations.
    """

    folder: Path
    index: Mapping[str, Any]
    experiments: Mapping[str, Mapping[str, Any]] = field(repr=False)
    sbml: str = field(repr=False)
    parameters: pd.DataFrame = field(repr=False)
    observations: pd.DataFrame = field(repr=False)

    @property
    def hypotheses(self) -> tuple[str, ...]:
        """Names of the hypotheses, in the order in which they are shown."""
        return tuple(one["name"] for one in self.index["hypotheses"])


def read_bundle(folder: Path | str) -> Bundle:
    """Read a bundle that `ketasim.write_dossier` wrote.

    Parameters
    ----------
    folder : path
        The folder of the dossier.

    Returns
    -------
    Bundle
        Everything the page shows.

    Raises
    ------
    InputError
        If a part is missing or no JSON.
    """
    import pandas as pd

    home = Path(folder)
    index = _json(home / INDEX_FILE)
    records = {
        name: _json(home / EXPERIMENTS / name / "experiment.json") for name in index["experiments"]
    }
    try:
        return Bundle(
            folder=home,
            index=index,
            experiments=records,
            sbml=(home / MODEL_FILE).read_text(encoding="utf-8"),
            parameters=pd.read_parquet(home / PARAMETERS_FILE),
            observations=pd.read_parquet(home / OBSERVATIONS_FILE),
        )
    except OSError as error:
        raise _incomplete(Path(str(error.filename or home))) from error


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _incomplete(path) from error
    return content


def _incomplete(path: Path) -> InputError:
    return InputError(
        "the bundle of the report is incomplete",
        where=str(path),
        expected="a folder that 'ketasim dossier' wrote to the end",
    )
