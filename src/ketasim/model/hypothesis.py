"""Hypotheses: rival readings of the same evidence, one YAML file each."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from ketasim.errors import unknown_name
from ketasim.model.files import HYPOTHESES, read_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER_VARIABLE = "KETASIM_HYPOTHESES"


@dataclass(frozen=True)
class Expectation:
    """What a hypothesis says an experiment must show, stated before anything is run.

    Attributes
    ----------
    experiment, arm, readout : str
    quantity : str
        ``share`` of the ketamine effect that is left, ``fold`` over the drug-free baseline, or
        ``fold_of_ketamine``, the rise over baseline as a share of that under ketamine alone.
    time_h : float
    lower, upper : float or None
        Bounds; None is open.
    """

    experiment: str
    arm: str
    readout: str
    quantity: str
    time_h: float
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class Hypothesis:
    """One reading of the evidence: switches on contested edges and parameter overrides.

    Attributes
    ----------
    name, title, statement : str
        Name used everywhere, name for people, the reading in one or two sentences.
    supports, against : tuple of (text, citation key)
        What speaks for it and against it.
    refuted_by : str
        Which result would refute it.
    switches : mapping of str to float
        Parameters named ``sw_...``; 0 off, 1 on.
    overrides : mapping of str to float
        Other parameters that differ, on their natural scale.
    expected : tuple of Expectation
    """

    name: str
    title: str
    statement: str
    refuted_by: str
    supports: tuple[tuple[str, str], ...] = ()
    against: tuple[tuple[str, str], ...] = ()
    switches: Mapping[str, float] = field(default_factory=dict)
    overrides: Mapping[str, float] = field(default_factory=dict)
    expected: tuple[Expectation, ...] = ()

    @property
    def values(self) -> dict[str, float]:
        """Switches and overrides together."""
        return {**self.switches, **self.overrides}


class _Reason(BaseModel):
    model_config = ConfigDict(extra="forbid")
    what: str
    source: str


class _ExpectationFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    experiment: str
    arm: str
    readout: str = "relief"
    quantity: Literal["share", "fold", "fold_of_ketamine"] = "share"
    time_h: float = 24.0
    lower: float | None = None
    upper: float | None = None


class _HypothesisFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    title: str
    statement: str
    refuted_by: str
    supports: tuple[_Reason, ...] = ()
    against: tuple[_Reason, ...] = ()
    switches: dict[str, float] = {}
    overrides: dict[str, float] = {}
    expected: tuple[_ExpectationFile, ...] = ()


def read_hypothesis(path: Path) -> Hypothesis:
    """Read one hypothesis file.

    Raises
    ------
    ModelError
        A field is unknown, missing or of the wrong kind. Whether the edges exist is checked when
        the hypothesis meets the model.
    """
    file = read_yaml(path, _HypothesisFile)
    fields: dict[str, Any] = file.model_dump(include={"name", "title", "statement", "refuted_by"})
    return Hypothesis(
        **fields,
        supports=tuple((reason.what, reason.source) for reason in file.supports),
        against=tuple((reason.what, reason.source) for reason in file.against),
        switches=MappingProxyType(file.switches),
        overrides=MappingProxyType(file.overrides),
        expected=tuple(Expectation(**entry.model_dump()) for entry in file.expected),
    )


def _files() -> dict[str, Path]:
    folders = [HYPOTHESES]
    folders += [Path(point.load()) for point in entry_points(group="ketasim.hypotheses")]
    own = os.environ.get(FOLDER_VARIABLE)
    if own:
        folders.append(Path(own))
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}


def list_hypotheses() -> tuple[str, ...]:
    """Names of all hypotheses: shipped ones, those of plug-ins, and those in the user's folder.

    The user's folder is the one that the environment variable ``KETASIM_HYPOTHESES`` names.
    ``article`` comes first, the others follow by name.

    Returns
    -------
    tuple of str
    """
    return tuple(sorted(_files(), key=lambda name: (name != "article", name)))


def load_hypothesis(name: str | Path) -> Hypothesis:
    """Load a hypothesis by name, or from a YAML file.

    Parameters
    ----------
    name : str or Path
        One of `list_hypotheses`, or a file.

    Returns
    -------
    Hypothesis

    Raises
    ------
    UnknownNameError
        No hypothesis of that name; the sentence names the three nearest.
    ModelError
        The file is wrong.
    """
    if isinstance(name, Path) or name.endswith((".yaml", ".yml")):
        return _cached(Path(name), _stamp(Path(name)))
    files = _files()
    if name not in files:
        raise unknown_name("hypothesis", name, tuple(files))
    return _cached(files[name], _stamp(files[name]))


def _stamp(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0


@cache
def _cached(path: Path, stamp: float) -> Hypothesis:
    return read_hypothesis(path)
