"""COPASI: LSODA with its own reading of the SBML, restarted at every breakpoint of the doses.

A copy of the model takes an input rate into each dosed state. COPASI's own objects are used, since
basico looks every name up again and makes a table at each call: values are set through objects
found once, and only the outputs are read from the series (a data handler would write six digits).
"""

from __future__ import annotations

from collections.abc import Sequence
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
    configuration = "LSODA; objects found once; only the outputs read; restarted at doses"
    model: Any

    def version(self) -> str:
        import COPASI  # noqa: F401

        return super().version()

    def prepare(self, case: Case, sample: Patients) -> None:
        import COPASI

        self.case = case
        if case.events:
            raise NotMeasured("with events and restarts at doses it agrees with no other engine")
        problem = make_problem(case, sample)
        self._sbml = with_inputs(case.sbml, problem.dosed_names)
        self._data = COPASI.CRootContainer.addDatamodel()
        # An initial assignment would take the place of a value that is set.
        if not self._data.importSBMLFromString(without_starts(self._sbml, problem.network.states)):
            raise NotMeasured(f"refused: {COPASI.CCopasiMessage.getLastMessage().getText()}")
        self.model = model = self._data.getModel()
        model.compileIfNecessary()
        held = [*model.getMetabolites(), *model.getModelValues(), *model.getCompartments()]
        self._objects = {found.getSBMLId(): found for found in held}
        self._task = self._data.getTask("Time-Course")
        self._task.setMethodType(COPASI.CTaskEnum.Method_deterministic)
        problem = self._task.getProblem()
        problem.setUseValues(True)
        problem.setTimeSeriesRequested(True)
        problem.setOutputEvent(False)

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
        self._end = [self._objects[name].getValue for name in self._moving]
        self._columns: list[int] = []
        seen = [size(volume_of.get(name)) for name in self.case.outputs]
        self._factors = np.stack(seen, axis=1)
        self._dosed = [self._moving.index(name) for name in problem.dosed_names]
        self._rates = [self._objects[INPUT + name].setInitialValue for name in problem.dosed_names]

    def solve(self, rtol: float, atol: float) -> np.ndarray:
        import COPASI

        problem, out = self.problem, self.problem.blank()
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
                out[one, part.first : part.after] = found[part.asked] * self._factors[one]
                state = np.array([value() for value in self._end]) / self._to_particles[one]
        return out

    def _run(self, part: Segment) -> np.ndarray | None:
        """Integrate one segment; time begins at 0 in each, since no model here depends on it."""
        import COPASI

        problem, task, size = self._task.getProblem(), self._task, len(part.grid)
        # As text: of numbers COPASI would keep six digits.
        problem.setValues(" ".join(map(repr, (part.grid - part.begin).tolist())))
        problem.setDuration(float(part.end - part.begin))
        if not (task.initializeRaw(COPASI.CCopasiTask.ONLY_TIME_SERIES) and task.processRaw(True)):
            return None
        series = task.getTimeSeries()
        if not self._columns:
            known = [series.getSBMLId(i, self._data) for i in range(series.getNumVariables())]
            self._columns = [known.index(name) for name in self.case.outputs]
        if series.getRecordedSteps() != size:
            return None
        value = series.getConcentrationData
        return np.array([[value(row, column) for column in self._columns] for row in range(size)])


def without_starts(sbml: str, names: Sequence[str]) -> str:
    """Return a model without the initial assignments of what gets a value of its own anyway."""
    import libsbml

    document = libsbml.readSBMLFromString(sbml)
    for name in names:
        document.getModel().removeInitialAssignment(name)
    return str(libsbml.writeSBMLToString(document))
