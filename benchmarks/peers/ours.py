"""ketasim's engine as a user of the package gets it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..case import Case, Patients
from .protocol import MAX_STEPS, Adapter, NotMeasured


class Ours(Adapter):
    package = "ketasim"
    configuration = "as installed: Rodas5P in vector lanes, patients on a pool of threads"
    threads = True
    patients: Patients
    model: Any

    def prepare(self, case: Case, sample: Patients) -> None:
        from ketasim.engine import compile_model
        from ketasim.errors import ModelError

        self.case = case
        try:
            self.model = compile_model(case.sbml)
        except ModelError as error:
            raise NotMeasured(f"refused: {error}") from error

    def load(self, patients: Patients) -> None:
        self.patients = patients

    def solve(self, rtol: float, atol: float) -> np.ndarray:
        run = self.model.solve(
            self.case.times,
            parameters=self.patients.parameters,
            doses=self.patients.doses,
            outputs=self.case.outputs,
            start=float(self.case.times[0]),
            patients=self.patients.count,
            rtol=rtol,
            atol=atol,
            max_steps=MAX_STEPS,
        )
        return np.asarray(run.values)
