"""From what is ordered to what the engine is given: legs, amounts in umol, patient by patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.dosing.grammar import check_dose
from ketasim.errors import ModelError, RegimenError, nearest_names
from ketasim.units import convert

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from ketasim.dosing.dose import Dose
    from ketasim.dosing.regimen import Regimen
    from ketasim.engine import DoseSchedule
    from ketasim.model import Drug, Leg, Model
    from ketasim.population import Cohort

__all__ = ["base_mg", "compile_regimen", "leg_fraction"]

WEIGHT = "weight"


@dataclass(frozen=True)
class _Patients:
    """Where the value of a parameter is looked up, for every patient."""

    count: int
    overrides: Mapping[str, float | npt.NDArray[np.float64]]
    cohort: Cohort | None
    values: Mapping[str, float]

    def values_of(self, name: str) -> npt.NDArray[np.float64] | None:
        if name in self.overrides:
            return np.broadcast_to(np.asarray(self.overrides[name], float), (self.count,))
        if self.cohort is not None and name in self.cohort.table.columns:
            return self.cohort.table[name].to_numpy(dtype=np.float64)
        if name in self.values:
            return np.full(self.count, float(self.values[name]))
        return None


@dataclass(frozen=True)
class _Input:
    target: str
    start_h: float
    duration_h: npt.NDArray[np.float64]
    amount: npt.NDArray[np.float64]


def compile_regimen(
    regimen: Regimen,
    model: Model,
    cohort: Cohort | None = None,
    *,
    overrides: Mapping[str, float | npt.NDArray[np.float64]] | None = None,
) -> DoseSchedule:
    """Turn a regimen into the engine's doses.

    A mass becomes free base by the salt's factor and an amount by the molar mass of the base; a
    dose by body weight is multiplied by each patient's weight; the amount is then divided over
    the legs of the route (see `ketasim.model.Leg`).

    Parameters
    ----------
    regimen : Regimen
        What is given.
    model : Model
        Whose drugs and parameters are used.
    cohort : Cohort, optional
        Who receives it; by default one patient with the model's own values.
    overrides : mapping of str to float or ndarray, shape (n_patients,), optional
        Parameters set for this run; they win over the cohort and the model.

    Returns
    -------
    DoseSchedule
        One column for each administration and leg; amounts in umol, shape (n_patients, n_doses).

    Raises
    ------
    UnknownNameError
        If a drug, its route or its salt is unknown to the model.
    RegimenError
        If a dose by body weight meets a patient without a weight.
    ModelError
        If a leg names a parameter that does not exist, or a fraction lies outside 0 to 1.
    """
    from ketasim.engine import DoseSchedule

    count = 1 if cohort is None else len(cohort.table)
    patients = _Patients(count, overrides or {}, cohort, model.values())
    inputs = [one for dose in regimen.doses for one in _inputs(dose, model, patients)]
    empty = np.empty((count, 0))
    return DoseSchedule(
        targets=tuple(one.target for one in inputs),
        start_h=np.array([one.start_h for one in inputs], dtype=np.float64),
        duration_h=_shared(np.column_stack([one.duration_h for one in inputs] or [empty])),
        amount=np.column_stack([one.amount for one in inputs] or [empty]),
    )


def _shared(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # Durations differ between patients only where a zero-order input does.
    same = bool((values == values[:1]).all())
    return np.ascontiguousarray(values[0]) if same else values


def _inputs(dose: Dose, model: Model, patients: _Patients) -> list[_Input]:
    drug = check_dose(dose, model.drugs)
    mg = base_mg(dose, drug, _weights(dose, patients))
    inputs = []
    for leg in drug.routes[dose.route]:
        share = leg.share * leg_fraction(leg, mg, *_leg_values(leg, drug, patients))
        amount = mg / drug.molar_mass * 1000.0 * share
        duration = _duration(dose, leg, drug, patients)
        inputs += [_Input(leg.target, float(start), duration, amount) for start in dose.starts()]
    return inputs


def base_mg(dose: Dose, drug: Drug, weight: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the free base of one administration, in mg, for each patient.

    Parameters
    ----------
    dose : Dose
        The dose.
    drug : Drug
        With the molar mass of the base and mg of base in 1 mg of each salt.
    weight : ndarray, shape (n_patients,)
        Body weight in kg; only a dose by body weight reads it.

    Returns
    -------
    ndarray, shape (n_patients,)
        In mg. An amount of substance is the same for base and salt.
    """
    if dose.kind == "amount":
        umol = convert(dose.amount, dose.unit, "umol")
        return np.full(weight.shape, umol * drug.molar_mass / 1000.0)
    factor = 1.0 if dose.salt is None else drug.salts[dose.salt]
    if dose.kind == "mass":
        return np.full(weight.shape, convert(dose.amount, dose.unit, "mg") * factor)
    return convert(dose.amount, dose.unit, "mg/kg") * factor * weight


def _weights(dose: Dose, patients: _Patients) -> npt.NDArray[np.float64]:
    if dose.kind != "mass_per_mass":
        return np.ones(patients.count)
    where = f"dose '{dose}'"
    table = None if patients.cohort is None else patients.cohort.table
    given = WEIGHT in patients.overrides
    weights = patients.values_of(WEIGHT)
    if weights is None or (table is not None and WEIGHT not in table.columns and not given):
        raise RegimenError(
            "a dose by body weight needs the patients' weight",
            where=where,
            expected=f"a column {WEIGHT!r} in kg in the cohort, or a dose in mg",
        )
    bad = ~(np.isfinite(weights) & (weights > 0))
    if bad.any():
        position = int(np.argmax(bad))
        name = position if table is None else table.index[position]
        raise RegimenError(
            f"patient {name} has no usable weight", where=where, expected="kilograms above 0"
        )
    return weights


def _leg_values(
    leg: Leg, drug: Drug, patients: _Patients
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    one = np.ones(patients.count)
    fraction = one if leg.fraction is None else _value(leg.fraction, drug, patients)
    factor = one if leg.decline_factor is None else _value(leg.decline_factor, drug, patients)
    for name, values in ((leg.fraction, fraction), (leg.decline_factor, factor)):
        if not bool(((values >= 0) & (values <= 1)).all()):
            raise ModelError(
                f"the fraction '{name}' of {drug.name} lies outside 0 to 1 for some patient",
                expected="a fraction",
            )
    return fraction, factor


def _value(name: str, drug: Drug, patients: _Patients) -> npt.NDArray[np.float64]:
    values = patients.values_of(name)
    if values is None:
        raise ModelError(
            f"a leg names the parameter '{name}', which does not exist",
            where=f"drug {drug.name}",
            suggestions=nearest_names(name, patients.values),
        )
    return values


def leg_fraction(
    leg: Leg,
    mg: npt.NDArray[np.float64],
    fraction: npt.NDArray[np.float64],
    factor: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return the part of a leg's share that takes this leg.

    The first `decline_after_mg` mg of a dose enter with `fraction`, what is beyond with
    ``fraction * factor`` (repeated devices of a nasal spray, perezruixo2021). The leg that takes
    what is left over (`complement`) gets one minus that.

    Parameters
    ----------
    leg : Leg
        The leg.
    mg : ndarray, shape (n_patients,)
        Free base of one administration of the whole dose, in mg.
    fraction, factor : ndarray, shape (n_patients,)
        Values of the leg's two parameters; 1 where it names none.

    Returns
    -------
    ndarray, shape (n_patients,)
        Between 0 and 1.
    """
    entered = fraction
    if leg.decline_after_mg is not None:
        first = np.minimum(mg, leg.decline_after_mg)
        whole = np.where(mg > 0, mg, 1.0)
        entered = fraction * np.where(mg > 0, (first + factor * (mg - first)) / whole, 1.0)
    return 1.0 - entered if leg.complement else entered


def _duration(dose: Dose, leg: Leg, drug: Drug, patients: _Patients) -> npt.NDArray[np.float64]:
    if dose.duration_h or leg.over_h is None:
        return np.full(patients.count, dose.duration_h)
    return _value(leg.over_h, drug, patients)
