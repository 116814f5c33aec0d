"""ketasim: how ketamine works in depression, as a model that answers its claims.

The public names below are all there is to learn first; each is imported when it is first used, so
that ``import ketasim`` stays quick.

Examples
--------
>>> import ketasim as ks
>>> "article" in ks.list_hypotheses()
True
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ketasim.dosing import Dose, Regimen, regimen_from_nonmem
    from ketasim.dosing.grammar import regimen
    from ketasim.engine import compile_model
    from ketasim.errors import InputError, KetasimError
    from ketasim.evidence import cite
    from ketasim.experiments import ExperimentResult, Verdict, experiment, list_experiments
    from ketasim.instruments import Observations, measure
    from ketasim.model import (
        Drug,
        Hypothesis,
        Model,
        list_drugs,
        list_hypotheses,
        load_drug,
        load_hypothesis,
        load_model,
    )
    from ketasim.population import Cohort, virtual_patients
    from ketasim.provenance import Manifest
    from ketasim.report import write_dossier
    from ketasim.simulate import Trajectories, simulate
    from ketasim.units import quantity

__version__ = "0.1.0"

_HOMES = {
    "dosing": ("Dose", "Regimen", "regimen", "regimen_from_nonmem"),
    "engine": ("compile_model",),
    "errors": ("InputError", "KetasimError"),
    "evidence": ("cite",),
    "experiments": ("ExperimentResult", "Verdict", "experiment", "list_experiments"),
    "instruments": ("Observations", "measure"),
    "model": (
        "Drug",
        "Hypothesis",
        "Model",
        "list_drugs",
        "list_hypotheses",
        "load_drug",
        "load_hypothesis",
        "load_model",
    ),
    "population": ("Cohort", "virtual_patients"),
    "provenance": ("Manifest",),
    "report": ("write_dossier",),
    "simulate": ("Trajectories", "simulate"),
    "units": ("quantity",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Cohort",
    "Dose",
    "Drug",
    "ExperimentResult",
    "Hypothesis",
    "InputError",
    "KetasimError",
    "Manifest",
    "Model",
    "Observations",
    "Regimen",
    "Trajectories",
    "Verdict",
    "__version__",
    "cite",
    "compile_model",
    "experiment",
    "list_drugs",
    "list_experiments",
    "list_hypotheses",
    "load_drug",
    "load_hypothesis",
    "load_model",
    "measure",
    "quantity",
    "regimen",
    "regimen_from_nonmem",
    "simulate",
    "virtual_patients",
    "write_dossier",
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'ketasim' has no attribute {name!r}")
    found: object = getattr(import_module(f"ketasim.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """A package in which a public name wins over a submodule of the same name.

    Importing ``ketasim.simulate`` makes the import system bind the module to that name here,
    where a user expects the function.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOME_OF and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
