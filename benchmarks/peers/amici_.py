"""AMICI: C++ made from the SBML, with CVODES and the sparse exact Jacobian through KLU.

A copy of the model takes an input rate into each dosed state; the integration is begun anew, from
the state at hand, at every breakpoint of the doses. The outputs are the only observables.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from ketasim.engine.roadrunner import with_inputs

from ..case import Case, Patients
from ..problem import make_problem, set_values
from .libroadrunner import INPUT
from .protocol import MAX_STEPS, Adapter

_VOID = "state_void"


class Amici(Adapter):
    package = "amici"
    configuration = (
        "CVODES with KLU; C++ from the SBML, exact sparse Jacobian; one thread; restarted at doses"
    )
    model: Any

    def prepare(self, case: Case, sample: Patients) -> None:
        import amici.sim.sundials  # noqa: F401 - a compiled model needs it to be imported
        from amici import import_model_module

        self.case = case
        # A state called void is a macro of that name in the C++ that AMICI writes.
        sbml = re.sub(
            r"\bvoid\b", _VOID, with_inputs(case.sbml, make_problem(case, sample).dosed_names)
        )
        told = "\n".join([sbml, *case.outputs])
        name = f"amici_{case.name}_{hashlib.sha256(told.encode()).hexdigest()[:12]}"
        folder = Path(os.environ.get("BENCH_CACHE", "out/benchmarks/cache")).resolve() / name
        if not (folder / "done").exists():
            _compile(sbml, case.outputs, name, folder)
            (folder / "done").touch()
        self.model = import_model_module(name, folder).get_model()
        self.solver = self.model.create_solver()

    def load(self, patients: Patients) -> None:
        super().load(patients)
        model, problem = self.model, self.problem
        order = {name: index for index, name in enumerate(model.get_free_parameter_ids())}
        own = set_values(problem, renamed=lambda name: name.replace(".", "_"))
        self._parameters = np.tile(np.asarray(model.get_free_parameters()), (patients.count, 1))
        for name, values in own.items():
            if name in order:
                self._parameters[:, order[name]] = values
        self._rates = [order[INPUT + name] for name in problem.dosed_names]
        states = {name: index for index, name in enumerate(model.get_state_ids())}
        states["void"] = states.get(_VOID, -1)
        moving = [name for name in problem.network.states if states.get(name, -1) >= 0]
        self._places = [states[name] for name in moving]
        self._start = problem.initial[:, [problem.network.states.index(name) for name in moving]]
        self._dosed = [states[name] for name in problem.dosed_names]

    def solve(self, rtol: float, atol: float) -> np.ndarray:
        import amici._installation.amici as low

        problem, model, solver, out = self.problem, self.model, self.solver, self.problem.blank()
        solver.set_relative_tolerance(rtol)
        solver.set_absolute_tolerance(atol)
        solver.set_max_steps(MAX_STEPS)
        run, inner = low.run_simulation, (low._get_ptr(solver), None, low._get_ptr(model))
        for one in range(problem.count):
            parameters = self._parameters[one].copy()
            state = np.zeros(model.nx_rdata)
            for index, part in enumerate(problem.segments(one)):
                parameters[self._rates] = part.rate / problem.scale[one]
                model.set_free_parameters(parameters)
                model.set_t0(part.begin)
                if index == 0:
                    model.set_initial_state([])
                    state[:] = model.get_initial_state()
                    state[self._places] = self._start[one]
                state[self._dosed] += part.bolus
                model.set_initial_state(state)
                model.set_timepoints(part.grid)
                found = run(*inner)
                if found.status != low.AMICI_SUCCESS:
                    break  # what follows stays NaN: this patient failed
                values = np.asarray(found.y).reshape(len(part.grid), -1)
                out[one, part.first : part.after] = values[part.asked]
                state = np.array(found.x)[-len(state) :]
        return out


def _compile(sbml: str, outputs: tuple[str, ...], name: str, folder: Path) -> None:
    import logging

    from amici.importers.sbml import MeasurementChannel, SbmlImporter

    channels = [MeasurementChannel(id_=f"seen_{i}", formula=f) for i, f in enumerate(outputs)]
    SbmlImporter(sbml, from_file=False).sbml2amici(
        name, folder, observation_model=channels, generate_sensitivity_code=False,
        compute_conservation_laws=False, verbose=logging.ERROR,
    )  # fmt: skip
