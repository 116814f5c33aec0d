"""COPASI: LSODA with its own reading of the SBML, restarted at every breakpoint of the doses.

A copy of the model takes an input rate into each dosed state. COPASI's own objects are used, since
basico looks every name up again and makes a table at each call: values are set through objects
found once, and a data handler collects the outputs only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ketasim.engine.roadrunner import with_inputs

from ..case import Case, Patients
from ..problem import Segment, make_problem, set_values
from .bngsim_ import amounts
from .libroadrunner import INPUT
from .protocol import MAX_STEPS, Adapter, NotMeasured


class Copasi(Adapter):
    package = "python-copasi"
    model: Any

    def version(self) -> str:
        import COPASI  # noqa: F401

        return super().version()

    def prepare(self, case: Case, sample: Patients) -> None:
        import COPASI

        self.case = case
        self._sbml = with_inputs(case.sbml, make_problem(case, sample).dosed_names)
        self._data = COPASI.CRootContainer.addDatamodel()
        if not self._data.importSBMLFromString(self._sbml):
            raise NotMeasured(f"refused: {COPASI.CCopasiMessage.getLastMessage().getText()}")
        self.model = model = self._data.getModel()
        model.compileIfNecessary()
        held = [*model.getMetabolites(), *model.getModelValues(), *model.getCompartments()]
        self._objects = {found.getSBMLId(): found for found in held}
        self._task = self._data.getTask("Time-Course")
        self._task.setMethodType(COPASI.CTaskEnum.Method_deterministic)
        problem = self._task.getProblem()
        problem.setUseValues(True)
        problem.setTimeSeriesRequested(False)
        problem.setOutputEvent(False)
        self._states = make_problem(case, sample).network.states
        self._handler = COPASI.CDataHandler()
        for name in (*case.outputs, *(name for name in self._states if name in self._objects)):
            self._handler.addDuringName(self._seen(name).getRegisteredCN())
        self._data.addInterface(self._handler)

    def _seen(self, name: str) -> Any:
        """Return what is written down for an output: species as concentrations."""
        found = self._objects[name]
        is_species = hasattr(found, "getConcentrationReference")
        return found.getConcentrationReference() if is_species else found.getValueReference()

    def load(self, patients: Patients) -> None:
        super().load(patients)
        problem, count = self.problem, patients.count
        own = set_values(problem, renamed=lambda name: name.replace(".", "_"))
        held = {name: values for name, values in own.items() if name in self._objects}
        self._setters = [self._objects[name].setInitialValue for name in held]
        self._values = np.stack(list(held.values()), 1) if held else np.zeros((count, 0))
        # COPASI holds every species as a number of particles, and writes concentrations down.
        volume_of = amounts(self._sbml)
        unit = self.model.getQuantity2NumberFactor()

        def size(name: str | None) -> np.ndarray:
            if name is None:
                return np.ones(count)
            default = self._objects[name].getInitialValue()
            return np.broadcast_to(held.get(name, default), (count,))

        self._moving = [name for name in problem.network.states if name in self._objects]
        columns = [problem.network.states.index(name) for name in self._moving]
        self._start = problem.initial[:, columns]
        self._begin = [self._objects[name].setInitialValue for name in self._moving]
        species = [hasattr(self._objects[name], "getCompartment") for name in self._moving]
        boxes = [
            self._objects[name].getCompartment().getSBMLId() if kind else None
            for name, kind in zip(self._moving, species, strict=True)
        ]
        volumes = np.stack([size(box) for box in boxes], axis=1)
        kinds = np.array([name in volume_of for name in self._moving])
        particles = np.where(species, unit, 1.0)
        self._to_particles = particles * np.where(kinds, 1.0, volumes)
        self._shown = np.where(kinds, volumes, 1.0)
        seen = [size(volume_of.get(name)) for name in self.case.outputs]
        self._factors = np.stack(seen, axis=1)
        self._dosed = [self._moving.index(name) for name in problem.dosed_names]
        self._rates = [self._objects[INPUT + name].setInitialValue for name in problem.dosed_names]

    def solve(self, rtol: float, atol: float) -> np.ndarray:
        import COPASI

        problem, out, width = self.problem, self.problem.blank(), len(self.case.outputs)
        method = self._task.getMethod()
        method.getParameter("Relative Tolerance").setDblValue(rtol)
        method.getParameter("Absolute Tolerance").setDblValue(atol)
        method.getParameter("Max Internal Steps").setUIntValue(MAX_STEPS)
        for one in range(problem.count):
            for setter, value in zip(self._setters, self._values[one].tolist(), strict=True):
                setter(value)
            state = self._start[one].copy()
            for part in problem.segments(one):
                state[self._dosed] += part.bolus
                for setter, value in zip(self._rates, part.rate / problem.scale[one], strict=True):
                    setter(float(value))
                numbers = (state * self._to_particles[one]).tolist()
                for setter, value in zip(self._begin, numbers, strict=True):
                    setter(value)
                self.model.updateInitialValues(COPASI.CCore.Framework_ParticleNumbers)
                found = self._run(part)
                if found is None:
                    break  # what follows stays NaN: this patient failed
                values = found[part.asked, :width] * self._factors[one]
                out[one, part.first : part.after] = values
                state = found[-1, width:] * self._shown[one]
        return out

    def _run(self, part: Segment) -> np.ndarray | None:
        """Integrate one segment; time begins at 0 in each, since no model here depends on it."""
        import COPASI

        problem, handler, task = self._task.getProblem(), self._handler, self._task
        grid = COPASI.FloatStdVector((part.grid - part.begin).tolist())
        problem.setValues(grid)
        problem.setDuration(float(part.end - part.begin))
        if not (task.initializeRaw(COPASI.CCopasiTask.OUTPUT_UI) and task.processRaw(True)):
            return None
        rows = [handler.getNthRow(index) for index in range(handler.getNumRowsDuring())]
        return np.array(rows) if len(rows) == len(part.grid) else None
