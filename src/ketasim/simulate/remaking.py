"""A run made again from its manifest: the same numbers, or what differs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import InputError, UnknownNameError
from ketasim.model import Hypothesis, list_hypotheses, load_hypothesis, load_model
from ketasim.population import virtual_patients
from ketasim.provenance import Manifest, compare, hash_text
from ketasim.simulate.plan import KIND, Plan, choose_outputs, parameter_hash
from ketasim.simulate.running import simulate

if TYPE_CHECKING:
    from ketasim.model import Model
    from ketasim.population import Cohort
    from ketasim.simulate.progress import Advance
    from ketasim.simulate.trajectories import Trajectories

__all__ = ["Rerun", "model_notes", "model_of", "rerun"]

_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Rerun:
    """What came of making a run again.

    Parameters
    ----------
    trajectories : Trajectories or None
        The new run; None where only inputs were compared.
    differences : tuple of str
        Sentences on what differs between the two manifests: versions, machine, inputs.
    largest_difference : float or None
        Between the stored and the new numbers, relative to the largest size of each output; 0 is
        bit for bit, None where nothing was stored to compare with.
    where : str
        The output with the largest difference.
    """

    trajectories: Trajectories | None
    differences: tuple[str, ...]
    largest_difference: float | None
    where: str = ""

    @property
    def reproduced(self) -> bool:
        """Whether the numbers agree within 1e-9; where none were compared, the inputs."""
        if self.largest_difference is None:
            return not self.differences
        return self.largest_difference <= _SAME

    def sentences(self) -> tuple[str, ...]:
        """Return what a user reads: the outcome, then what differs."""
        if self.largest_difference == 0:
            outcome = "The numbers are the same, bit for bit."
        elif self.largest_difference is not None:
            size = f"{self.largest_difference:.2g} of the largest value, in {self.where}"
            inside = "within" if self.reproduced else "beyond"
            outcome = f"The numbers differ by at most {size}: {inside} {_SAME:g}."
        elif self.trajectories is None:
            same = "The inputs are the same" if self.reproduced else "The inputs differ"
            outcome = f"{same}; nothing was run."
        else:
            outcome = "The run was made again; there was nothing stored to compare it with."
        return (outcome, *(f"{one[:1].upper()}{one[1:]}." for one in self.differences))

    def record(self) -> dict[str, Any]:
        """Return the outcome as JSON can hold it."""
        return {
            "reproduced": self.reproduced,
            "largest_difference": self.largest_difference,
            "where": self.where,
            "differences": list(self.differences),
        }


def rerun(
    manifest: Manifest | Path | str,
    *,
    model: Model | None = None,
    check_only: bool = False,
    progress: Advance | bool | None = None,
) -> Rerun:
    """Make a run again from its manifest.

    Parameters
    ----------
    manifest : Manifest, path or str
        The manifest, its file, or the bundle it lies in. Only a bundle can be compared number by
        number, and only a bundle holds a cohort that was given rather than drawn.
    model : Model, optional
        The model; by default the manifest's hypothesis is loaded.
    check_only : bool, optional
        Compare versions and inputs, and run nothing.
    progress : callable, bool or None, optional
        As for `simulate`.

    Returns
    -------
    Rerun
        The new run and how it differs from the stored one.

    Raises
    ------
    InputError
        If the manifest is not that of a simulation, or the cohort it used is not there.
    """
    stored, root = _read(manifest)
    if stored.options.get("kind") != KIND:
        raise InputError(
            "the manifest is not that of a simulation",
            where=str(root or "manifest"),
            expected="one that `ketasim simulate` wrote",
        )
    used = model_of(stored) if model is None else model
    cohort = _cohort_of(stored, used, root)
    if check_only:
        return Rerun(None, tuple(compare(stored, _planned(stored, used, cohort))), None)
    made = _made(stored, used, cohort, progress)
    differences = tuple(compare(stored, made.manifest))
    size, where = _largest_difference(root, used, made)
    return Rerun(made, differences, size, where)


def _read(manifest: Manifest | Path | str) -> tuple[Manifest, Path | None]:
    if isinstance(manifest, Manifest):
        return manifest, None
    path = Path(manifest)
    return Manifest.load(path), path if path.is_dir() else path.parent


def model_of(manifest: Manifest) -> Model:
    """Load the model that a manifest speaks of.

    Parameters
    ----------
    manifest : Manifest
        Of a simulation.

    Returns
    -------
    Model
        Under the same hypothesis, with the values that hypothesis had then. A hypothesis whose
        file is not there any more is made from those values.
    """
    name, options = manifest.hypothesis, manifest.options
    try:
        hypothesis = load_hypothesis(name)
    except UnknownNameError:
        hypothesis = Hypothesis(name=name, title=name, statement="", refuted_by="")
    values = dict(options["hypothesis_values"])
    if hypothesis.values != values:
        hypothesis = replace(hypothesis, switches={}, overrides=values)
    return load_model(hypothesis, calibrated=bool(options["calibrated"]))


def model_notes(manifest: Manifest, model: Model) -> tuple[str, ...]:
    """Say where a model is not the one a manifest speaks of.

    Parameters
    ----------
    manifest : Manifest
        Of a simulation.
    model : Model
        The model as it is now.
    """
    notes = []
    if manifest.parameter_hash != parameter_hash(model):
        notes.append("the model's parameters have changed since these numbers were made")
    if manifest.model_hash != hash_text(model.sbml):
        notes.append("the model's structure has changed since these numbers were made")
    if model.hypothesis.name not in list_hypotheses():
        notes.append(f"the hypothesis '{model.hypothesis.name}' is not among the known ones")
    return tuple(notes)


def _cohort_of(stored: Manifest, model: Model, root: Path | None) -> Cohort:
    from ketasim.simulate.bundle import read_cohort

    options = stored.options
    origin = options["cohort"]
    if origin.get("drawn"):
        return virtual_patients(
            model,
            int(options["patients"]),
            stored.seed,
            first=int(origin["first"]),
            uncertainty=bool(origin["uncertainty"]),
        )
    if root is None:
        raise InputError(
            "the run was given a cohort that the manifest does not hold",
            expected="the folder of the results bundle",
        )
    return read_cohort(root)


def _arguments(stored: Manifest) -> dict[str, Any]:
    options = stored.options
    return {
        "times": np.array(options["times_h"], dtype=np.float64),
        "outputs": list(options["outputs"]),
        "overrides": {
            name: np.array(value) if isinstance(value, list) else float(value)
            for name, value in options["overrides"].items()
        },
        "rtol": float(options["rtol"]),
        "atol": float(options["atol"]),
        "backend": options["backend"],
    }


def _planned(stored: Manifest, model: Model, cohort: Cohort) -> Manifest:
    from ketasim.dosing import regimen

    arguments = _arguments(stored)
    arguments["outputs"] = choose_outputs(
        model.compiled(arguments["backend"]), arguments["outputs"]
    )
    plan = Plan(
        model=model,
        regimen=regimen(stored.options["regimen"]),
        cohort=cohort,
        origin=stored.options["cohort"],
        **arguments,
    )
    return plan.manifest()


def _made(
    stored: Manifest, model: Model, cohort: Cohort, progress: Advance | bool | None
) -> Trajectories:
    # The share that may fail is not asked again: the numbers are what is compared.
    run = simulate(
        model,
        stored.options["regimen"],
        cohort=cohort,
        progress=progress,
        max_failed=1.0,
        **_arguments(stored),
    )
    options = {**run.manifest.options, "cohort": stored.options["cohort"]}
    return replace(run, manifest=replace(run.manifest, options=options))


def _largest_difference(
    root: Path | None, model: Model, made: Trajectories
) -> tuple[float | None, str]:
    from ketasim.simulate.bundle import load_bundle

    if root is None or not (root / "trajectories").is_dir():
        return None, ""
    before = load_bundle(root, model=model)
    worst, where = 0.0, ""
    for name in before.outputs:
        size = _difference(before.values(name), made.values(name))
        if size > worst:
            worst, where = size, name
    return worst, where


def _difference(before: np.ndarray, after: np.ndarray) -> float:
    if before.shape != after.shape or not np.array_equal(np.isnan(before), np.isnan(after)):
        return float("inf")
    known = ~np.isnan(before)
    if not known.any():
        return 0.0
    apart = np.abs(after[known] - before[known]).max()
    return float(apart / max(np.abs(before[known]).max(), np.finfo(float).tiny))
