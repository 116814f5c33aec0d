"""The model a user loads: structure, numbers, drugs and one hypothesis."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from ketasim.errors import InputError, ModelError, nearest_names
from ketasim.model.assembly import assemble, variables_of
from ketasim.model.calibration import Calibration, read_calibration
from ketasim.model.drug import Drug, list_drugs, load_drug
from ketasim.model.files import mechanism_texts
from ketasim.model.hypothesis import Hypothesis, load_hypothesis

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from ketasim.engine import CompiledModel

Backend = Literal["numba", "roadrunner"]


@dataclass(frozen=True, eq=False)
class Model:
    """One reading of the mechanism, ready to be simulated.

    Attributes
    ----------
    sbml : str
        SBML Level 3 Version 2; the same text for every hypothesis.
    table : DataFrame
        Parameters indexed by id: value, unit, distribution, cv, lower, upper, status, source,
        note, group. Values are those before calibration and hypothesis.
    hypothesis : Hypothesis
    drugs : mapping of str to Drug
    calibration : Calibration
        Fitted values with their uncertainty; inherited from ``article`` where a hypothesis has
        none of its own.
    """

    sbml: str
    table: pd.DataFrame
    hypothesis: Hypothesis
    drugs: Mapping[str, Drug]
    calibration: Calibration

    @property
    def is_calibrated(self) -> bool:
        """Whether this hypothesis has a calibration of its own."""
        return self.calibration.of == self.hypothesis.name

    def values(self) -> dict[str, float]:
        """Value of every parameter: table, then calibration, then hypothesis."""
        values = numbers(self.table)
        return {**values, **self.calibration.values, **self.hypothesis.values}

    def covariance(self) -> pd.DataFrame:
        """Posterior covariance of the logarithms of the calibrated parameters (may be empty)."""
        return self.calibration.covariance

    def compiled(self, backend: Backend = "numba") -> CompiledModel:
        """Return the compiled solver, shared by all hypotheses of the same structure."""
        return _compiled(self.sbml, backend)

    def mechanisms(self) -> dict[str, tuple[str, ...]]:
        """Variables that each mechanism file defines."""
        return {name: variables_of(text) for name, text in mechanism_texts().items()}

    def citations(self) -> dict[str, tuple[str, ...]]:
        """Citation keys of every number used, each with the parameters that rest on it."""
        found: dict[str, list[str]] = {}
        for name, source in self.table["source"].items():
            if source:
                found.setdefault(str(source), []).append(str(name))
        return {key: tuple(names) for key, names in sorted(found.items())}

    def with_values(self, values: Mapping[str, float]) -> Model:
        """Return the same model with other parameter values, for instance ``{"opioid_tone": 0.1}``.

        Raises
        ------
        ModelError
            A parameter that does not exist, or a value outside its bounds.
        """
        from dataclasses import replace

        check_overrides(self.table, values, where=self.hypothesis.name)
        overrides = MappingProxyType({**self.hypothesis.overrides, **values})
        return replace(self, hypothesis=replace(self.hypothesis, overrides=overrides))

    def __repr__(self) -> str:
        state = "calibrated" if self.is_calibrated else "uncalibrated"
        return f"Model({self.hypothesis.name!r}, {state}, {len(self.table)} parameters)"

    def _repr_html_(self) -> str:
        from ketasim.results import html_table

        rows = self.table.reset_index()[["id", "value", "unit", "status", "source"]]
        caption = f"{self.hypothesis.title}: {self.hypothesis.statement}"
        return html_table(rows.to_numpy().tolist(), header=list(rows.columns), caption=caption)


def numbers(table: pd.DataFrame) -> dict[str, float]:
    """Return the values of a parameter table by name."""
    return dict(zip(table.index.astype(str), table["value"].to_numpy(float).tolist(), strict=True))


@cache
def _compiled(sbml: str, backend: Backend) -> CompiledModel:
    from ketasim.engine import compile_model

    return compile_model(sbml, backend=backend)


def check_overrides(table: pd.DataFrame, values: Mapping[str, float], where: str) -> None:
    """Raise ModelError for a name that is no parameter or a value outside its bounds."""
    for name, value in values.items():
        if name not in table.index:
            kind = "edge" if name.startswith("sw_") else "parameter"
            raise ModelError(
                f"there is no {kind} '{name}'",
                where=where,
                suggestions=nearest_names(name, [str(known) for known in table.index]),
            )
        low, high = table.loc[[name], ["lower", "upper"]].to_numpy(float)[0]
        if value < low or value > high:
            raise InputError(
                f"{name} = {value:g} is outside its bounds", where=where,
                expected=f"{low:g} to {high:g}",
            )  # fmt: skip


@cache
def _structure() -> tuple[str, pd.DataFrame, Mapping[str, Drug]]:
    from ketasim.model.parameters import parameter_table
    from ketasim.model.sbml import to_sbml

    table = parameter_table()
    drugs = {name: load_drug(name) for name in list_drugs()}
    values = numbers(table)
    text = assemble(mechanism_texts(), values, drugs.values())
    return to_sbml(text, table), table, MappingProxyType(drugs)


def load_model(
    hypothesis: str | Path | Hypothesis = "article", *, calibrated: bool = True
) -> Model:
    """Load the model under one hypothesis.

    Parameters
    ----------
    hypothesis : str, Path or Hypothesis
        A name from `list_hypotheses`, a YAML file, or a hypothesis already loaded.
    calibrated : bool
        Use the shipped calibration; False keeps the values of the parameter tables.

    Returns
    -------
    Model

    Raises
    ------
    UnknownNameError
        No such hypothesis.
    ModelError
        The hypothesis switches an edge that does not exist, or a model file is wrong.

    Examples
    --------
    >>> load_model("article").is_calibrated
    True
    """
    chosen = hypothesis if isinstance(hypothesis, Hypothesis) else load_hypothesis(hypothesis)
    sbml, table, drugs = _structure()
    check_overrides(table, chosen.values, where=f"hypothesis '{chosen.name}'")
    calibration = read_calibration(chosen.name) if calibrated else Calibration.none()
    return Model(sbml, table, chosen, drugs, calibration)
