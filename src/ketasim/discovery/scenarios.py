"""What is not known while a compound is judged: hypotheses, posterior draws, open questions, people.

Every compound meets the same scenarios, so that compounds differ by what they are and not by what was
drawn. A *cell* is one hypothesis with one draw of its calibrated parameters and of the open questions
in ``unknowns.csv``; a cell holds the same people, or one typical person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.discovery.properties import costs, known_table, unknowns_table
from ketasim.errors import InputError
from ketasim.instruments.draws import uniform_draws
from ketasim.model import list_hypotheses, load_model
from ketasim.population import virtual_patients
from ketasim.population.sampling import posterior_draws
from ketasim.provenance import hash_mapping, hash_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from ketasim.engine import CompiledModel
    from ketasim.model import Model

__all__ = ["Scenarios", "draw_scenarios"]


@dataclass(frozen=True, eq=False)
class Scenarios:
    """Rows under which every compound is solved.

    Parameters
    ----------
    hypotheses : tuple of str
    draws, people : int
        Draws of each hypothesis, and people in each draw.
    seed : int
    values : mapping of str to ndarray, shape (n_rows,)
        Parameters of the model, row by row: hypothesis by draw by person.
    unknowns : mapping of str to ndarray, shape (n_rows,)
        The open questions.
    weight : ndarray, shape (n_rows,)
        Body weight, kg.
    compiled : CompiledModel
        The solver, shared by all hypotheses.
    fingerprint : str
        Hash of everything above and of the model.
    """

    hypotheses: tuple[str, ...]
    draws: int
    people: int
    seed: int
    values: Mapping[str, npt.NDArray[np.float64]]
    unknowns: Mapping[str, npt.NDArray[np.float64]]
    weight: npt.NDArray[np.float64]
    compiled: CompiledModel
    fingerprint: str

    @property
    def rows(self) -> int:
        """Rows that every compound is solved for."""
        return len(self.hypotheses) * self.draws * self.people

    @property
    def cells(self) -> int:
        """Hypotheses times draws."""
        return len(self.hypotheses) * self.draws

    def hypothesis_of_cell(self) -> npt.NDArray[np.object_]:
        """Return the hypothesis of each cell, shape (n_cells,)."""
        return np.repeat(np.array(self.hypotheses, dtype=object), self.draws)


def draw_scenarios(
    hypotheses: Sequence[str] | None = None, *, draws: int = 8, people: int = 1, seed: int = 1,
    models: Mapping[str, Model] | None = None,
) -> Scenarios:  # fmt: skip
    """Draw the scenarios.

    Parameters
    ----------
    hypotheses : sequence of str, optional
        By default every one there is, with equal weights.
    draws : int, optional
        Draws of each.
    people : int, optional
        Virtual patients in each cell; 1 is the typical person.
    seed : int, optional
    models : mapping of str to Model, optional
        Models that are loaded already, instead of names.

    Returns
    -------
    Scenarios

    Raises
    ------
    UnknownNameError
        If there is no such hypothesis.
    InputError
        If a number is not positive.
    """
    for name, number in (("draws", draws), ("people", people)):
        if number < 1:
            raise InputError(f"{name} is {number}", where="scenarios", expected="1 or more")
    names = tuple(models or hypotheses or list_hypotheses())
    loaded = [models[name] if models else load_model(name) for name in names]
    compiled = loaded[0].compiled()
    parts = [_rows(model, draws, people, seed, compiled.parameters) for model in loaded]
    keys = sorted({key for part in parts for key in part})
    values = {key: np.concatenate([part[key] for part in parts]) for key in keys}
    weight = values["weight"] if "weight" in values else np.full(len(values[keys[0]]), 70.0)
    unknowns = {key: np.tile(one, len(names)) for key, one in _open(draws, people, seed).items()}
    print_of = hash_mapping({
        "model": hash_text(loaded[0].sbml), "names": list(names), "seed": seed,
        "values": {key: one.tolist() for key, one in values.items()},
        "unknowns": {key: one.tolist() for key, one in unknowns.items()},
        "known": known_table().to_csv(), "costs": dict(costs()),
    })  # fmt: skip
    return Scenarios(names, draws, people, seed, values, unknowns, weight, compiled, print_of)


def _rows(
    model: Model, draws: int, people: int, seed: int, known: Sequence[str]
) -> dict[str, npt.NDArray[np.float64]]:
    count = draws * people
    values = {k: np.full(count, v) for k, v in model.values().items() if k in set(known)}
    if people > 1:
        table = virtual_patients(model, people, seed, uncertainty=False).table
        for name in table.columns:
            if name in values:
                values[str(name)] = np.tile(table[name].to_numpy(np.float64), draws)
    # The first draw is the calibrated values themselves, so that one draw is the model as it ships.
    drawn = posterior_draws(model, seed, np.arange(draws))
    for name, one in drawn.items():
        own = np.concatenate([[model.values()[name]], one[1:]])
        values[name] = np.repeat(own, people)
    return values


def _open(draws: int, people: int, seed: int) -> dict[str, npt.NDArray[np.float64]]:
    """Draw the open questions, the same for every hypothesis."""
    made = {}
    for row in unknowns_table().to_dict("records"):
        name, low, high = str(row["name"]), float(row["lower"]), float(row["upper"])
        # Latin: each stratum once, so that few draws cover the range and "either" splits in half.
        order = np.argsort(uniform_draws(seed, f"open, {name}", np.arange(draws))[:, 0])
        inside = uniform_draws(seed, f"open, {name}, place", np.arange(draws))[:, 0]
        share = (np.argsort(order) + inside) / draws
        if row["kind"] == "either":
            share = (share >= 0.5).astype(np.float64)
        made[name] = np.repeat(low + (high - low) * share, people)
    return made
