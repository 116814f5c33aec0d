"""What a compound does: benefit at a day and a week, and four harms, scenario by scenario."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.discovery.compiling import compile_compounds
from ketasim.discovery.compound import known_compound
from ketasim.discovery.properties import costs
from ketasim.engine import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from ketasim.discovery.compound import Compound
    from ketasim.discovery.scenarios import Scenarios

__all__ = ["OUTCOMES", "Outcome", "Outcomes", "outcomes_of"]


@dataclass(frozen=True)
class Outcome:
    """One outcome.

    Parameters
    ----------
    name, title, unit : str
    better : {1, -1}
        1 where more is better.
    worst : float
        The end of the scale: of a harm, what counts as 1; of benefit, what counts as perfect.
    """

    name: str
    title: str
    unit: str
    better: int
    worst: float


OUTCOMES = (
    Outcome("benefit_24h", "benefit at 24 h", "share of severity", 1, 0.5),
    Outcome("benefit_7d", "benefit at 7 d", "share of severity", 1, 0.25),
    Outcome("dissociation", "largest dissociation", "share of the largest", -1, 1.0),
    Outcome("pressure", "largest rise of systolic pressure", "mmHg", -1, 30.0),
    Outcome("sedation", "largest sedation", "share of the largest", -1, 1.0),
    Outcome("opioid", "largest opioid occupancy", "share of receptors", -1, 1.0),
)
"""The objectives. The ends of the scales are assumed: about twice what ketamine does."""

SIDE = ("excitation", "impaired_h", "nmda_block")
"""What else is read: AMPA drive over that of ketamine (the larger of its peak and its area), hours
impaired, largest NMDA occupancy."""

TIMES = np.array([
    *np.arange(0.0, 1.51, 1 / 12), 1.75, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0, 20.0,
    24.0, 36.0, 48.0, 72.0, 96.0, 120.0, 144.0, 168.0,
])  # fmt: skip
_READ = (
    "relief", "dissociation", "sbp_rise", "sedation", "mor_occupancy_ketamine",
    "kor_occupancy_ketamine", "ampa_drive", "nmda_occupancy", "load_ht1b_agonist",
)  # fmt: skip
_BLOCK_ROWS = 20_000
RTOL, ATOL = 1e-4, 1e-7


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Outcomes of compounds in every cell of the scenarios.

    Parameters
    ----------
    values : ndarray, shape (n_compounds, n_cells, n_outcomes)
        In the units of `OUTCOMES`, means over the people of a cell; NaN where nobody was solved.
    side : mapping of str to ndarray, shape (n_compounds, n_cells)
        What else is read, see `SIDE`.
    failed : int
        Rows that could not be solved.
    """

    values: npt.NDArray[np.float64]
    side: Mapping[str, npt.NDArray[np.float64]]
    failed: int

    def of(self, name: str) -> npt.NDArray[np.float64]:
        """Return one outcome, shape (n_compounds, n_cells)."""
        return self.values[:, :, [one.name for one in OUTCOMES].index(name)]


def outcomes_of(
    compounds: Sequence[Compound] | Mapping[str, npt.NDArray[np.float64]], scenarios: Scenarios
) -> Outcomes:
    """Solve compounds under every scenario, all of them as one cohort.

    Parameters
    ----------
    compounds : sequence of Compound, or mapping of str to ndarray, shape (n_compounds,)
        Compounds, or their properties as columns.
    scenarios : Scenarios

    Returns
    -------
    Outcomes
    """
    reference = _excitation_of_ketamine(scenarios)
    parts = [_solved(part, scenarios) for part in _parts(compounds, scenarios.rows)]
    raw = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    failed = int(np.isnan(raw["benefit_24h"]).sum())
    peak, area = (raw.pop(name) / reference[name] for name in ("surge", "surge_area"))
    raw["excitation"] = np.maximum(peak, area)
    shape = (-1, scenarios.cells, scenarios.people)
    cells = {name: _mean(one.reshape(shape)) for name, one in raw.items()}
    values = np.stack([cells[one.name] for one in OUTCOMES], axis=-1)
    return Outcomes(values, {name: cells[name] for name in SIDE}, failed)


def _mean(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return means over people who were solved; NaN where nobody was."""
    there = np.isfinite(values)
    count = there.sum(axis=-1)
    total = np.where(there, values, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _parts(
    compounds: Sequence[Compound] | Mapping[str, npt.NDArray[np.float64]], rows: int
) -> list[Sequence[Compound] | dict[str, npt.NDArray[np.float64]]]:
    """Cut compounds so that one piece fits in memory whatever the number of scenarios."""
    size = max(1, _BLOCK_ROWS // rows)
    if isinstance(compounds, dict):
        count = len(compounds["dose"])
        return [
            {name: one[k : k + size] for name, one in compounds.items()}
            for k in range(0, count, size)
        ]
    listed = list(compounds)
    return [listed[k : k + size] for k in range(0, len(listed), size)]  # type: ignore[misc]


def _solved(
    compounds: Sequence[Compound] | dict[str, npt.NDArray[np.float64]], scenarios: Scenarios
) -> dict[str, npt.NDArray[np.float64]]:
    """Return outcomes by row, shape (n_compounds, n_rows)."""
    given = compile_compounds(compounds, scenarios)
    solution = scenarios.compiled.solve(
        TIMES, parameters=given.parameters, doses=given.doses, outputs=_READ, start=0.0,
        rtol=RTOL, atol=ATOL,
    )  # fmt: skip
    course = {name: solution.values[:, :, k] for k, name in enumerate(_READ)}
    first_day = TIMES <= 24.0
    agonist = course["load_ht1b_agonist"]
    pressure = course["sbp_rise"] + costs()["pressure_5ht1b"] * agonist / (1.0 + agonist)
    opioid = np.maximum(course["mor_occupancy_ketamine"], course["kor_occupancy_ketamine"])
    drive = course["ampa_drive"] * (1.0 + given.potentiation[:, None])
    impaired = np.maximum(course["dissociation"], course["sedation"]) > costs()["impaired_above"]
    made = {
        "benefit_24h": course["relief"][:, np.searchsorted(TIMES, 24.0)],
        "benefit_7d": course["relief"][:, np.searchsorted(TIMES, 168.0)],
        "dissociation": course["dissociation"].max(axis=1),
        "pressure": pressure.max(axis=1),
        "sedation": course["sedation"].max(axis=1),
        "opioid": opioid.max(axis=1),
        "surge": drive.max(axis=1),
        "surge_area": drive @ _hours(TIMES),
        "impaired_h": impaired[:, first_day] @ _hours(TIMES[first_day]),
        "nmda_block": course["nmda_occupancy"].max(axis=1),
    }
    bad = solution.status != Status.OK.code
    return {
        name: np.where(bad, np.nan, one).reshape(-1, scenarios.rows) for name, one in made.items()
    }


def _hours(times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how many hours each time stands for: half the way to its neighbours."""
    edges = np.concatenate([times[:1], 0.5 * (times[1:] + times[:-1]), times[-1:]])
    return np.diff(edges)


_REFERENCES: dict[str, dict[str, npt.NDArray[np.float64]]] = {}


def _excitation_of_ketamine(scenarios: Scenarios) -> dict[str, npt.NDArray[np.float64]]:
    """Return peak and area of the AMPA drive of ketamine 0.5 mg/kg, each of shape (n_rows,)."""
    if scenarios.fingerprint not in _REFERENCES:
        made = _solved([known_compound("ketamine")], scenarios)
        _REFERENCES.clear()
        _REFERENCES[scenarios.fingerprint] = {
            name: np.maximum(made[name][0], 1e-6) for name in ("surge", "surge_area")
        }
    return _REFERENCES[scenarios.fingerprint]
