"""bngsim: CVODE with its own reading of the SBML, restarted at every breakpoint of the doses.

A copy of the model takes an input rate into each dosed state. The right-hand side, and the
Jacobian where bngsim can derive it, are compiled to machine code by the C compiler; bngsim
chooses the dense or the sparse solver. States are set as one vector and the compiled integrator
is called directly: its Python wrapper would make one result object for each segment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ketasim.engine.roadrunner import with_inputs

from ..case import Case, Patients
from ..problem import make_problem, set_values
from .libroadrunner import INPUT
from .protocol import MAX_STEPS, Adapter


class Bngsim(Adapter):
    package = "bngsim"
    configuration = (
        "CVODE; right-hand side and Jacobian as compiled C where it can; restarted at doses"
    )
    simulator: Any

    def prepare(self, case: Case, sample: Patients) -> None:
        folder = Path(os.environ.get("BENCH_CACHE", "out/benchmarks/cache")).resolve()
        os.environ.setdefault("BNGSIM_CODEGEN_CACHE_DIR", str(folder / "bngsim"))
        import bngsim

        self.case = case
        self._sbml = with_inputs(case.sbml, make_problem(case, sample).dosed_names)
        self._model = bngsim.Model.from_sbml_string(self._sbml)
        self.simulator = bngsim.Simulator(self._model, method="ode", codegen=True)

    def load(self, patients: Patients) -> None:
        super().load(patients)
        problem, core = self.problem, self._model._core
        known = set(core.param_names)
        own = set_values(problem, renamed=lambda name: name.replace(".", "_"))
        held = {name: values for name, values in own.items() if name in known}
        rows = np.stack(list(held.values()), axis=1) if held else np.zeros((patients.count, 0))
        self._parameters = [dict(zip(held, row, strict=True)) for row in rows.tolist()]
        species = {name: index for index, name in enumerate(core.species_names)}
        # bngsim holds every species as a concentration, also those that the model has as amounts.
        sizes = {name: held.get(volume, core.get_param(volume))
                 for name, volume in amounts(self._sbml).items()}  # fmt: skip
        held_as = {
            name: np.broadcast_to(sizes.get(name, 1.0), (patients.count,)) for name in species
        }
        moving = [name for name in problem.network.states if name in species]
        columns = [problem.network.states.index(name) for name in moving]
        self._places = [species[name] for name in moving]
        self._start = problem.initial[:, columns] / np.stack([held_as[n] for n in moving], axis=1)
        self._dosed = [species[name] for name in problem.dosed_names]
        volumes = [held_as[name] for name in problem.dosed_names]
        self._volumes = np.stack(volumes, axis=1) if volumes else np.ones((patients.count, 0))
        self._rates = [INPUT + name for name in problem.dosed_names]
        self._outputs = [self._output(name, species, held_as) for name in self.case.outputs]

    def _output(self, name: str, species: dict[str, int], sizes: dict[str, np.ndarray]) -> Any:
        """Return whether an output is a state, its column, and its factor for each patient."""
        if name in species:
            return True, species[name], sizes[name]
        return False, list(self._model._core.function_names).index(name), None

    def _options(self, rtol: float, atol: float) -> Any:
        from bngsim._bngsim_core import SolverOptions

        options = SolverOptions()
        options.rtol, options.atol, options.max_steps = rtol, atol, MAX_STEPS
        options.jacobian = "auto"
        options.codegen_so_path = self.simulator._codegen_so_path
        return options

    def solve(self, rtol: float, atol: float) -> np.ndarray:
        from bngsim._bngsim_core import TimeSpec

        problem, core, out = self.problem, self._model._core, self.problem.blank()
        run, options = self.simulator._sim.run, self._options(rtol, atol)
        for one in range(problem.count):
            core.set_params(self._parameters[one])
            core.reset()
            state = core.get_state()
            state[self._places] = self._start[one]
            for part in problem.segments(one):
                state[self._dosed] += part.bolus / self._volumes[one]
                core.set_state(state)
                for name, rate in zip(self._rates, part.rate / problem.scale[one], strict=True):
                    core.set_param(name, rate)
                times = TimeSpec()
                times.sample_times = part.grid
                times.t_start, times.t_end, times.n_points = part.begin, part.end, len(part.grid)
                try:
                    found = run(times, options)
                except RuntimeError:
                    break  # what follows stays NaN: this patient failed
                self._keep(found, part, out[one, part.first : part.after], one)
                state = core.get_state()
        return out

    def _keep(self, found: Any, part: Any, out: np.ndarray, one: int) -> None:
        states, functions = found.state_data, found.expression_data
        for place, (is_state, column, factor) in enumerate(self._outputs):
            if is_state:
                out[:, place] = states[part.asked, column] * factor[one]
            else:
                out[:, place] = functions[part.asked, column]


def amounts(sbml: str) -> dict[str, str]:
    """Return the species whose symbol is an amount, and their compartments."""
    import libsbml

    model = libsbml.readSBMLFromString(sbml).getModel()
    species = model.getListOfSpecies()
    return {s.getId(): s.getCompartment() for s in species if s.getHasOnlySubstanceUnits()}
