"""A run before it is run: every choice made, checked and written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from ketasim.errors import InputError, unknown_name
from ketasim.provenance import Manifest, hash_mapping, hash_text, manifest_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ketasim.dosing import Regimen
    from ketasim.engine import CompiledModel
    from ketasim.model import Model
    from ketasim.population import Cohort

__all__ = ["READOUTS", "Backend", "Plan", "Values", "check_overrides", "choose_outputs"]

Backend: TypeAlias = Literal["numba", "roadrunner"]
Values: TypeAlias = Mapping[str, float | npt.NDArray[np.float64]]

KIND = "simulation"
"""What the manifest of a run calls itself, under ``options``."""

READOUTS = (
    "ketamine_ng_ml", "esketamine_ng_ml", "arketamine_ng_ml", "norketamine_ng_ml",
    "noresketamine_ng_ml", "hydroxynorketamine_ng_ml", "ketamine_arterial_ng_ml",
    "ketamine_free_brain", "nmda_occupancy", "nmda_block_interneuron", "nmda_block_pyramidal",
    "mor_occupancy_ketamine", "kor_occupancy_ketamine", "dor_occupancy_ketamine",
    "mor_occupancy_naltrexone", "kor_occupancy_naltrexone", "dor_occupancy_naltrexone",
    "mor_tone", "glutamate", "glx", "ampa_drive", "bdnf", "trkb", "akt", "mtorc1", "s6k", "eef2",
    "camp", "pka", "raptor_p", "serotonin", "ht1b_density", "ht1b_hippocampus",
    "ht1b_ventral_striatum", "serotonin_gate", "glua1", "synaptic_protein", "spines", "relief",
    "dissociation", "sedation", "nausea", "dizziness", "sbp_rise", "dbp_rise", "hr_rise",
)  # fmt: skip
"""What a run returns where the user names no outputs: what is measured, not the inner states."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything a run depends on.

    Parameters
    ----------
    model : Model
        Under one hypothesis.
    regimen : Regimen
        What is given.
    cohort : Cohort
        Who receives it.
    times : ndarray, shape (n_times,)
        Output times in hours, rising.
    outputs : tuple of str
        Names of the outputs.
    overrides : mapping of str to float or ndarray, shape (n_patients,)
        Parameters set for this run.
    rtol, atol : float
        Tolerances of the solver.
    backend : {"numba", "roadrunner"}
        The solver.
    origin : mapping
        How the cohort came about: drawn here (with first and uncertainty), or given.
    """

    model: Model = field(repr=False)
    regimen: Regimen
    cohort: Cohort
    times: npt.NDArray[np.float64] = field(repr=False)
    outputs: tuple[str, ...]
    overrides: Values = field(default_factory=dict)
    rtol: float = 1e-6
    atol: float = 1e-9
    backend: Backend = "numba"
    origin: Mapping[str, Any] = field(default_factory=dict)

    @property
    def compiled(self) -> CompiledModel:
        """The compiled model; the same for every run of the same structure and backend."""
        return self.model.compiled(self.backend)

    @property
    def start(self) -> float:
        """When the integration begins: the first output time or dose, in hours."""
        return float(min(self.times[0], self.regimen.start_h, 0.0))

    def part(self, start: int, stop: int) -> Plan:
        """Return the plan for some of the patients, by position."""
        from dataclasses import replace

        overrides = {
            name: value if np.ndim(value) == 0 else np.asarray(value)[start:stop]
            for name, value in self.overrides.items()
        }
        return replace(self, cohort=self.cohort.part(start, stop), overrides=overrides)

    def parameters(self) -> dict[str, float | npt.NDArray[np.float64]]:
        """Return what the solver is given: the model's values, the cohort's, the overrides'."""
        known = set(self.compiled.parameters)
        values: dict[str, float | npt.NDArray[np.float64]] = {}
        values.update({k: v for k, v in self.model.values().items() if k in known})
        table = self.cohort.table
        for name in self.cohort.names:
            if name in known:
                values[name] = table[name].to_numpy(dtype=np.float64)
        values.update({k: _number(v) for k, v in self.overrides.items()})
        return values

    def manifest(self, seconds: float = 0.0) -> Manifest:
        """Return where the numbers come from, for this machine and now.

        Parameters
        ----------
        seconds : float, optional
            The time it took.
        """
        from ketasim.evidence import evidence_hash

        model = self.model
        return manifest_for(
            hypothesis=model.hypothesis.name,
            seed=self.cohort.seed,
            options=self._options(),
            parameter_hash=parameter_hash(model),
            evidence_hash=evidence_hash(),
            model_hash=hash_text(model.sbml),
            seconds=seconds,
        )

    def _options(self) -> dict[str, Any]:
        model = self.model
        return {
            "kind": KIND,
            "regimen": str(self.regimen),
            "patients": len(self.cohort),
            "cohort": dict(self.origin) or {"given": True},
            "cohort_hash": self.cohort.content_hash(),
            "calibrated": bool(model.calibration.of),
            "hypothesis_values": dict(model.hypothesis.values),
            "times_h": self.times.tolist(),
            "outputs": list(self.outputs),
            "overrides": {k: np.asarray(v).tolist() for k, v in self.overrides.items()},
            "rtol": self.rtol,
            "atol": self.atol,
            "backend": self.backend,
        }


def parameter_hash(model: Model) -> str:
    """Return the SHA-256 of every number of a model: values, distributions, uncertainty.

    Parameters
    ----------
    model : Model
        Under one hypothesis.
    """
    table = model.table
    columns = [name for name in ("distribution", "cv", "lower", "upper") if name in table.columns]
    spread = {str(k): [str(one) for one in row] for k, *row in table[columns].itertuples()}
    covariance = model.covariance()
    return hash_mapping(
        {
            "values": model.values(),
            "spread": spread,
            "covariance": {str(k): covariance[k].tolist() for k in covariance.columns},
        }
    )


def _number(value: float | npt.NDArray[np.float64]) -> float | npt.NDArray[np.float64]:
    return float(value) if np.ndim(value) == 0 else np.asarray(value, dtype=np.float64)


def choose_outputs(compiled: CompiledModel, outputs: Sequence[str] | None) -> tuple[str, ...]:
    """Choose and check the outputs of a run.

    Parameters
    ----------
    compiled : CompiledModel
        With its observables.
    outputs : sequence of str or None
        What the user asks for; None is `READOUTS`, or everything where the model has none of them.

    Raises
    ------
    UnknownNameError
        If the model has no such output.
    InputError
        If the sequence is empty.
    """
    known = compiled.observables
    if outputs is None:
        return tuple(one for one in READOUTS if one in known) or tuple(known)
    if isinstance(outputs, str) or not outputs:
        raise InputError("no outputs were named", expected="a list such as ['ketamine_ng_ml']")
    for name in outputs:
        if name not in known:
            raise unknown_name("output", name, known)
    return tuple(dict.fromkeys(outputs))


def check_overrides(model: Model, overrides: Values, patients: int) -> None:
    """Check that the parameters set for a run exist, and that the values are within bounds.

    Parameters
    ----------
    model : Model
        With its table of parameters.
    overrides : mapping of str to float or ndarray, shape (n_patients,)
        What the user sets.
    patients : int
        Size of the cohort.

    Raises
    ------
    UnknownNameError
        If there is no such parameter.
    InputError
        If a value is not finite, outside its bounds, or of another shape.
    """
    table = model.table
    for name, value in overrides.items():
        if name not in table.index:
            raise unknown_name("parameter", name, map(str, table.index), where="overrides")
        values = np.asarray(value, dtype=np.float64)
        if values.shape not in ((), (patients,)):
            raise InputError(
                f"{name} has the shape {values.shape}",
                where="overrides",
                expected=f"a number, or one for each of {patients} patients",
            )
        row = table.loc[name, ["lower", "upper"]].to_numpy(dtype=np.float64)
        low, high = np.where(np.isnan(row), (-np.inf, np.inf), row)
        bad = ~(np.isfinite(values) & (values >= low) & (values <= high))
        if bad.any():
            raise InputError(
                f"{name} = {values[bad].flat[0]:g} is not possible",
                where="overrides",
                expected=f"{low:g} to {high:g}",
            )
