"""libRoadRunner: compiled once, restarted at every breakpoint of the doses.

A copy of the model takes an input rate into each dosed state, so that no event is needed.
Whatever does not differ between patients is set once; the rest is set by vectors of indices.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ketasim.engine.roadrunner import with_inputs

from ..case import Case, Patients
from ..problem import make_problem, set_values
from .protocol import MAX_STEPS, Adapter

INPUT = "engine_input_"


class LibRoadRunner(Adapter):
    package = "libroadrunner"
    configuration = (
        "CVODE; model compiled by LLVM; values set by index; only the outputs asked;"
        " restarted at doses"
    )
    runner: Any

    def prepare(self, case: Case, sample: Patients) -> None:
        import roadrunner

        roadrunner.Logger.setLevel(roadrunner.Logger.LOG_CRITICAL)
        self.case = case
        dosed = make_problem(case, sample).dosed_names
        self.runner = roadrunner.RoadRunner(with_inputs(case.sbml, dosed))
        selections = {name: f"[{name}]" for name in concentrations(case.sbml)}
        self.runner.timeCourseSelections = [selections.get(name, name) for name in case.outputs]

    def load(self, patients: Patients) -> None:
        super().load(patients)
        model, network = self.runner.model, self.problem.network
        ids = {name: index for index, name in enumerate(model.getGlobalParameterIds())}
        volumes = {name: index for index, name in enumerate(model.getCompartmentIds())}
        species = {name: index for index, name in enumerate(model.getFloatingSpeciesIds())}
        own = set_values(self.problem, renamed=lambda name: name.replace(".", "_"))
        start = dict(zip(network.states, self.problem.initial.T, strict=True))
        held = {name: v for name, v in {**own, **start}.items() if name in ids}
        self._globals = [ids[name] for name in held], _columns(held, patients.count)
        sizes = {name: v for name, v in own.items() if name in volumes}
        self._volumes = [volumes[name] for name in sizes], _columns(sizes, patients.count)
        moving = {name: v for name, v in start.items() if name in species}
        self._species = [species[name] for name in moving], _columns(moving, patients.count)
        by_volume = set(concentrations(self.case.sbml))
        kinds = [name in by_volume for name in moving]
        self._by_volume = [i for i, kind in enumerate(kinds) if kind]
        self._by_amount = [i for i, kind in enumerate(kinds) if not kind]
        self._rates = [ids[INPUT + name] for name in self.problem.dosed_names]
        self._dosed = [
            (name in species, species.get(name, ids.get(name)), name in by_volume)
            for name in self.problem.dosed_names
        ]

    def _begin(self, one: int) -> None:
        model = self.runner.model
        self.runner.reset()
        indices, values = self._volumes
        if indices:
            model.setCompartmentVolumes(indices, values[one])
        indices, values = self._globals
        if indices:
            model.setGlobalParameterValues(indices, values[one])
        indices, values = self._species
        for some, setter in (
            (self._by_volume, model.setFloatingSpeciesConcentrations),
            (self._by_amount, model.setFloatingSpeciesAmounts),
        ):
            if some:
                setter([indices[i] for i in some], values[one, some])

    def _add(self, bolus: np.ndarray) -> None:
        model = self.runner.model
        for (is_species, index, by_volume), amount in zip(self._dosed, bolus, strict=True):
            if amount == 0.0:
                continue
            if not is_species:
                old = model.getGlobalParameterValues([index])
                model.setGlobalParameterValues([index], old + amount)
            elif by_volume:
                old = model.getFloatingSpeciesConcentrations([index])
                model.setFloatingSpeciesConcentrations([index], old + amount)
            else:
                old = model.getFloatingSpeciesAmounts([index])
                model.setFloatingSpeciesAmounts([index], old + amount)

    def solve(self, rtol: float, atol: float) -> np.ndarray:
        runner, problem, out = self.runner, self.problem, self.problem.blank()
        integrator = runner.getIntegrator()
        integrator.setValue("relative_tolerance", rtol)
        integrator.setValue("absolute_tolerance", atol)
        integrator.setValue("maximum_num_steps", MAX_STEPS)
        for one in range(problem.count):
            self._begin(one)
            for part in problem.segments(one):
                self._add(part.bolus)
                if self._rates:
                    rate = part.rate / problem.scale[one]  # the copy takes amounts
                    runner.model.setGlobalParameterValues(self._rates, rate)
                try:
                    found = runner.simulate(times=part.grid.tolist())
                except RuntimeError:
                    break  # what follows stays NaN: this patient failed
                out[one, part.first : part.after] = found[part.asked]
        return out


def _columns(values: dict[str, np.ndarray], count: int) -> np.ndarray:
    return np.stack(list(values.values()), axis=1) if values else np.zeros((count, 0))


def concentrations(sbml: str) -> list[str]:
    """Return the species whose symbol is a concentration."""
    import libsbml

    model = libsbml.readSBMLFromString(sbml).getModel()
    return [s.getId() for s in model.getListOfSpecies() if not s.getHasOnlySubstanceUnits()]
