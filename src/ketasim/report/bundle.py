"""The results bundle that a dossier is made from, as the page reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ketasim.errors import InputError
from ketasim.experiments.result import JSON_FILE
from ketasim.experiments.study_result import STUDY_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = [
    "EXPERIMENTS",
    "INDEX_FILE",
    "MODEL_FILE",
    "OBSERVATIONS_FILE",
    "PARAMETERS_FILE",
    "TRIALS_FILE",
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

TRIALS_FILE = "trials.parquet"
"""The calibration trials, each family predicted with itself left out, beside what was published."""

_INDEX_PARTS = (
    "experiments",
    "studies",
    "hypotheses",
    "scoreboard",
    "trials",
    "references",
    "manifest",
)

EXPERIMENTS = "experiments"
"""The folder with one results bundle for each experiment and each study."""


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
    studies : mapping of str to mapping
        By name, the record of each study (`ketasim.experiments.study_record`).
    sbml : str
        The model.
    parameters, observations, trials : DataFrame
        The parameter table, the published observations, and the calibration trials: predicted beside
        published (`ketasim.report.left_out`).
    """

    folder: Path
    index: Mapping[str, Any]
    experiments: Mapping[str, Mapping[str, Any]] = field(repr=False)
    studies: Mapping[str, Mapping[str, Any]] = field(repr=False)
    sbml: str = field(repr=False)
    parameters: pd.DataFrame = field(repr=False)
    observations: pd.DataFrame = field(repr=False)
    trials: pd.DataFrame = field(repr=False)

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
    home = Path(folder)
    index = _json(home / INDEX_FILE)
    missing = [name for name in _INDEX_PARTS if name not in index]
    if missing:
        raise _incomplete(home / INDEX_FILE)
    return Bundle(
        folder=home,
        index=index,
        experiments={
            name: _json(home / EXPERIMENTS / name / JSON_FILE) for name in index["experiments"]
        },
        studies={name: _json(home / EXPERIMENTS / name / STUDY_FILE) for name in index["studies"]},
        sbml=_text(home / MODEL_FILE),
        parameters=_table(home / PARAMETERS_FILE),
        observations=_table(home / OBSERVATIONS_FILE),
        trials=_table(home / TRIALS_FILE),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise _incomplete(path) from error


def _table(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise _incomplete(path) from error


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(_text(path))
    except ValueError as error:
        raise _incomplete(path) from error
    if not isinstance(content, dict):
        raise _incomplete(path)
    return content


def _incomplete(path: Path) -> InputError:
    return InputError(
        "the bundle of the report is incomplete",
        where=str(path),
        expected="a folder that 'ketasim dossier' wrote to the end",
    )
