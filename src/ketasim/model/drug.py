"""Drugs: one YAML file each, with routes, molar mass, salts and the sites they act on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

from ketasim.errors import ModelError, unknown_name
from ketasim.model.files import DRUGS, read_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

ROUTES = ("iv", "im", "sc", "oral", "sublingual", "nasal", "icv", "ip")

# Standard atomic weights (IUPAC), to check a molar mass against its formula.
ATOMIC_WEIGHTS = MappingProxyType(
    {"H": 1.008, "C": 12.011, "N": 14.007, "O": 15.999, "F": 18.998, "Na": 22.990,
     "P": 30.974, "S": 32.06, "Cl": 35.45}
)  # fmt: skip


@dataclass(frozen=True)
class Leg:
    """One way a dose takes into the body.

    Attributes
    ----------
    target : str
        State of the model that receives the amount (umol).
    share : float
        Part of the dose that this leg speaks of, for instance 0.5 for one enantiomer of two.
    fraction : str or None
        Parameter that holds the bioavailable fraction; None means 1.
    complement : bool
        The leg takes what the fraction leaves (1 - fraction).
    decline_after_mg : float or None
        Beyond this many mg of one dose the fraction is multiplied by `decline_factor`.
    decline_factor : str or None
        Parameter with that factor.
    over_h : str or None
        Parameter with the length (h) of a zero-order input, used when the dose names no duration.
    """

    target: str
    share: float = 1.0
    fraction: str | None = None
    complement: bool = False
    decline_after_mg: float | None = None
    decline_factor: str | None = None
    over_h: str | None = None


@dataclass(frozen=True)
class Drug:
    """A drug: what it weighs, how it enters the body and where it acts.

    Attributes
    ----------
    name, title, formula : str
        Name used in regimens, name for people, sum formula of the free base.
    molar_mass : float
        Of the free base, g/mol.
    salts : mapping of str to float
        Salt name to mg of free base in 1 mg of salt.
    kinetics : str
        "built in" (states in pharmacokinetics.ant), "one compartment" (generated), or "none".
    absorbed : bool
        A generated compartment is filled through a first-order depot.
    acts_on : tuple of str
        Sites whose load a generated compartment adds to, for instance "ampa_block".
    routes : mapping of str to tuple of Leg
        The legs of each route.
    sources : tuple of str
        Citation keys.
    note : str
    """

    name: str
    title: str
    formula: str
    molar_mass: float
    salts: Mapping[str, float]
    kinetics: str
    absorbed: bool
    acts_on: tuple[str, ...]
    routes: Mapping[str, tuple[Leg, ...]]
    sources: tuple[str, ...]
    note: str = ""

    def targets(self) -> list[str]:
        """Return the variables of the model that a dose enters, over all routes."""
        return sorted({leg.target for legs in self.routes.values() for leg in legs})


class _LegFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    target: str
    share: float = Field(default=1.0, gt=0, le=1)
    fraction: str | None = None
    complement: bool = False
    decline_after_mg: PositiveFloat | None = None
    decline_factor: str | None = None
    over_h: str | None = None


class _DrugFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    title: str
    formula: str
    molar_mass: PositiveFloat
    salts: dict[str, float] = {}
    kinetics: Literal["built in", "one compartment", "none"]
    absorbed: bool = False
    acts_on: tuple[str, ...] = ()
    routes: dict[str, tuple[_LegFile, ...]]
    sources: tuple[str, ...] = ()
    note: str = ""


def molar_mass_of(formula: str) -> float:
    """Molar mass (g/mol) of a sum formula such as ``C13H16ClNO``.

    Raises
    ------
    ModelError
        An element without an atomic weight here, or text that is no formula.
    """
    parts = re.findall(r"([A-Z][a-z]?)(\d*)", formula)
    if not parts or "".join(symbol + count for symbol, count in parts) != formula:
        raise ModelError(f"'{formula}' is no sum formula", expected="for instance C13H16ClNO")
    unknown = sorted({symbol for symbol, _ in parts} - set(ATOMIC_WEIGHTS))
    if unknown:
        raise ModelError(f"no atomic weight for {unknown[0]} in '{formula}'")
    return sum(ATOMIC_WEIGHTS[symbol] * int(count or 1) for symbol, count in parts)


def read_drug(path: Path) -> Drug:
    """Read and check one drug file.

    Raises
    ------
    ModelError
        A field is wrong, the molar mass does not fit the formula, or a route is unknown.
    """
    file = read_yaml(path, _DrugFile)
    expected = molar_mass_of(file.formula)
    if abs(file.molar_mass - expected) > 0.1:
        raise ModelError(
            f"molar mass {file.molar_mass} g/mol does not fit {file.formula}",
            where=path.name,
            expected=f"{expected:.2f} g/mol",
        )
    for route in file.routes:
        if route not in ROUTES:
            raise unknown_name("route", route, ROUTES, where=path.name)
    routes = {
        route: tuple(Leg(**leg.model_dump()) for leg in legs) for route, legs in file.routes.items()
    }
    fields = file.model_dump(exclude={"routes", "salts"})
    return Drug(**fields, routes=MappingProxyType(routes), salts=MappingProxyType(file.salts))


@cache
def _files() -> Mapping[str, Path]:
    found = {path.stem: path for path in sorted(DRUGS.glob("*.yaml"))}
    for point in entry_points(group="ketasim.drugs"):
        folder = Path(point.load())
        found.update({path.stem: path for path in sorted(folder.glob("*.yaml"))})
    return MappingProxyType(found)


def list_drugs() -> tuple[str, ...]:
    """Names of all drugs that ship or that a plug-in brings.

    Returns
    -------
    tuple of str
    """
    return tuple(_files())


@cache
def load_drug(name: str) -> Drug:
    """Load a drug by name.

    Parameters
    ----------
    name : str
        One of `list_drugs`.

    Returns
    -------
    Drug

    Raises
    ------
    UnknownNameError
        No such drug; the sentence names the three nearest.
    """
    if name not in _files():
        raise unknown_name("drug", name, list_drugs())
    return read_drug(_files()[name])
