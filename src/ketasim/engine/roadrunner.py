"""The independent backend: libRoadRunner's CVODE behind the same protocol.

It integrates with other equations (libRoadRunner's own reading of the SBML, compiled by its own
code generator) and another method (variable-order BDF), so agreement with the fast backend says
something. It is restarted at every start and end of a dose. Infusions enter through a copy of
the SBML in which each dosed state gets a zero-order input: a parameter that is 0 but during an
infusion, and a reaction or a term of the rate rule that adds it. Initial values are computed
once a patient by the engine's own reading, since libRoadRunner does not renew initial
assignments when a parameter changes. Source: Welsh et al., libRoadRunner 2.0, Bioinformatics
39(1), 2023.
"""

from __future__ import annotations

import itertools
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .compiled import check_tolerances, read_question
from .sbml import read_sbml
from .solution import Solution, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from .compiled import Progress
    from .network import Form, Network
    from .schedule import DoseSchedule, DoseTable

_INPUT = "engine_input_"


def with_inputs(sbml: str, targets: Sequence[str]) -> str:
    """Return a copy of a model in which each target has a zero-order input.

    Parameters
    ----------
    sbml : str
        The model.
    targets : sequence of str
        States; each gets the parameter ``engine_input_<state>``, an amount per time, and local
        parameters of reactions become parameters named ``<reaction>_<parameter>``.

    Returns
    -------
    str
        The model with inputs.
    """
    import libsbml

    document = libsbml.readSBMLFromString(sbml)
    properties = libsbml.ConversionProperties()
    properties.addOption("promoteLocalParameters", True)
    document.convert(properties)
    model = document.getModel()
    for target in targets:
        _add_input(model, target)
    return str(libsbml.writeSBMLToString(document))


def _add_input(model: Any, target: str) -> None:
    import libsbml

    parameter = model.createParameter()
    parameter.setId(_INPUT + target)
    parameter.setConstant(False)
    parameter.setValue(0.0)
    rule = model.getRateRule(target)
    species = model.getSpecies(target)
    if rule is not None:
        total = libsbml.ASTNode(libsbml.AST_PLUS)
        total.addChild(rule.getMath().deepCopy())
        total.addChild(_per_volume(parameter.getId(), species))
        rule.setMath(total)
        return
    if species.getBoundaryCondition():  # nothing else changes it: the input is its whole rate
        rule = model.createRateRule()
        rule.setVariable(target)
        rule.setMath(_per_volume(parameter.getId(), species))
        return
    reaction = model.createReaction()
    reaction.setId(f"{_INPUT}reaction_{target}")
    reaction.setReversible(False)
    if model.getLevel() == 3 and model.getVersion() == 1:
        reaction.setFast(False)
    product = reaction.createProduct()
    product.setSpecies(target)
    product.setStoichiometry(1.0)
    if model.getLevel() == 3:
        product.setConstant(True)
    reaction.createKineticLaw().setMath(_name(parameter.getId()))


def _name(name: str) -> Any:
    import libsbml

    node = libsbml.ASTNode(libsbml.AST_NAME)
    node.setName(name)
    return node


def _per_volume(name: str, species: Any) -> Any:
    """Return the formula of an input as the unit of its target has it."""
    import libsbml

    if species is None or species.getHasOnlySubstanceUnits():
        return _name(name)
    quotient = libsbml.ASTNode(libsbml.AST_DIVIDE)
    quotient.addChild(_name(name))
    quotient.addChild(_name(species.getCompartment()))
    return quotient


class RoadRunnerSolver:
    """A model solved by libRoadRunner; see `ketasim.engine.CompiledModel`.

    Parameters
    ----------
    sbml : str
        The model.
    """

    def __init__(self, sbml: str) -> None:
        self._sbml = sbml
        self._network: Network = read_sbml(sbml)
        self._runners: dict[tuple[str, ...], Any] = {}
        self._concentrations = frozenset(_concentrations(sbml))

    def __reduce__(self) -> tuple[Any, ...]:
        return RoadRunnerSolver, (self._sbml,)

    def __repr__(self) -> str:
        return f"<RoadRunnerSolver of {self._network.name!r}: {len(self.states)} states>"

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states, in the order of the state vector."""
        return self._network.states

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the constants that may be set for each patient."""
        return self._network.parameters

    @property
    def observables(self) -> tuple[str, ...]:
        """Names that may be asked as outputs: states and assignment-rule variables."""
        return self._network.observables

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of every name, readable by pint; empty where the model declares none."""
        return self._network.units

    @cached_property
    def defaults(self) -> Mapping[str, float]:
        """The model's own value of every parameter, initial assignments included."""
        return self._network.default_values()

    def initial_state(self, parameters: Mapping[str, float] | None = None) -> NDArray[np.float64]:
        """Return the state at the start, shape (n_states,)."""
        import numpy as np

        inputs = self._network.input_table(dict(parameters or {}), 1)[0]
        return np.array(self._network.graph.evaluate(self._network.initial, inputs.tolist()))

    def derivatives(
        self,
        state: ArrayLike,
        parameters: Mapping[str, float] | None = None,
        time: float = 0.0,
    ) -> NDArray[np.float64]:
        """Return d(state)/dt, shape (n_states,), as libRoadRunner computes it."""
        import numpy as np

        runner = self._runner(())
        inputs = self._network.input_table(dict(parameters or {}), 1)[0]
        self._begin(runner, inputs)
        for name, value in zip(self.states, np.asarray(state, dtype=np.float64), strict=True):
            runner.setValue(self._state(name), float(value))
        runner.model.setTime(time)
        # libRoadRunner's rates are of amounts; the engine's of what the state is.
        factors = self._network.graph.evaluate(self._network.dose_scale, inputs.tolist())
        names = [name + "'" for name in self.states]
        return np.asarray(np.array([runner[name] for name in names]) * np.array(factors))

    def solve(
        self,
        times: ArrayLike,
        *,
        parameters: Mapping[str, float | NDArray[np.float64]] | None = None,
        doses: DoseSchedule | None = None,
        outputs: Sequence[str] | None = None,
        species: Form = "own",
        start: float | None = None,
        patients: int | None = None,
        rtol: float = 1e-6,
        atol: float = 1e-9,
        max_steps: int = 100_000,
        progress: Progress | None = None,
    ) -> Solution:
        """Integrate every patient; see `ketasim.engine.CompiledModel.solve`.

        The count of steps is that of restarts: libRoadRunner does not tell its own.
        """
        check_tolerances(rtol, atol, max_steps)
        names = tuple(self.states if outputs is None else outputs)
        self._network.output_nodes(names, species)
        count, table, when, starts = read_question(
            self.states, times, parameters, doses, start, patients
        )
        inputs = self._network.input_table(parameters or {}, count)
        solution = Solution.blank(when, names, count, self.states)
        dosed = sorted({self.states[place] for place in table.target})
        columns = [self._selection(name, species) for name in names]
        runner = self._prepared(tuple(dosed), columns, rtol, atol, max_steps)
        for patient in range(count):
            self._patient(runner, inputs[patient], table, patient, starts[patient], solution)
            if progress is not None:
                progress(patient + 1, count)
        return solution

    def _runner(self, dosed: tuple[str, ...]) -> Any:
        if dosed not in self._runners:
            import roadrunner

            roadrunner.Logger.setLevel(roadrunner.Logger.LOG_CRITICAL)
            self._runners[dosed] = roadrunner.RoadRunner(with_inputs(self._sbml, dosed))
        return self._runners[dosed]

    def _prepared(
        self, dosed: tuple[str, ...], columns: list[str], rtol: float, atol: float, limit: int
    ) -> Any:
        runner = self._runner(dosed)
        integrator = runner.getIntegrator()
        integrator.setValue("relative_tolerance", rtol)
        integrator.setValue("absolute_tolerance", atol)
        integrator.setValue("maximum_num_steps", limit)
        runner.timeCourseSelections = ["time", *columns]
        return runner

    def _selection(self, name: str, form: Form = "own") -> str:
        """Return libRoadRunner's name of a symbol; brackets make a concentration of a species."""
        if name not in self._network.species:
            return name
        concentration = name in self._concentrations if form == "own" else form == "concentration"
        return f"[{name}]" if concentration else name

    def _state(self, name: str) -> str:
        """Return libRoadRunner's name of a state, an amount where its compartment changes."""
        node = self._network.graph.state(self.states.index(name))
        return self._selection(name) if self._network.symbols[name] == node else name

    def _begin(self, runner: Any, inputs: NDArray[np.float64]) -> None:
        """Set a patient's parameters and initial state."""
        network, graph = self._network, self._network.graph
        runner.resetToOrigin()
        for name in network.parameters:
            value = float(inputs[network.positions[name]])
            if name in network.constants:
                value = graph.evaluate([network.constants[name]], inputs.tolist())[0]
            runner.setValue(self._selection(name.replace(".", "_")), value)
        values = graph.evaluate(network.initial, inputs.tolist())
        for name, value in zip(self.states, values, strict=True):
            runner.setValue(self._state(name), value)

    def _patient(
        self,
        runner: Any,
        inputs: NDArray[np.float64],
        table: DoseTable,
        patient: int,
        start: float,
        solution: Solution,
    ) -> None:
        import numpy as np

        self._begin(runner, inputs)
        scale = self._network.graph.evaluate(self._network.dose_scale, inputs.tolist())
        values, reached = solution.values[patient], start
        try:
            for begin, end in segments(table, patient, start, solution.times[-1]):
                reached = begin
                self._dose(runner, table, patient, begin, end, scale)
                inside = (solution.times >= begin) & (solution.times < end)
                inside |= (solution.times == begin) if begin == end else False
                values[inside] = self._run(runner, begin, end, solution.times[inside])
                solution.steps[patient] += 1
        except RuntimeError as error:
            self._fail(solution, patient, reached, _status_of(str(error)))
        else:
            if not np.isfinite(values).all():
                bad = int(np.argmax(~np.isfinite(values).all(axis=1)))
                values[bad:] = np.nan
                self._fail(solution, patient, solution.times[bad], Status.NON_FINITE)

    @staticmethod
    def _fail(solution: Solution, patient: int, time: float, status: Status) -> None:
        solution.status[patient] = status.code
        solution.failure_time[patient] = time

    def _dose(
        self,
        runner: Any,
        table: DoseTable,
        patient: int,
        begin: float,
        end: float,
        scale: Sequence[float],
    ) -> None:
        """Add the boluses at `begin` and set the infusions of the segment."""
        rates = dict.fromkeys((self.states[place] for place in table.target), 0.0)
        for place, start, stop, amount in zip(
            table.target, table.start[patient], table.end[patient], table.amount[patient],
            strict=True,
        ):  # fmt: skip
            name = self.states[place]
            if start == stop and start == begin:
                old = runner.getValue(self._state(name))
                runner.setValue(self._state(name), old + amount * scale[place])
            elif start <= begin and stop >= end and stop > begin:
                rates[name] += amount / (stop - start)
        for name, rate in rates.items():
            runner.setValue(_INPUT + name, rate)

    @staticmethod
    def _run(
        runner: Any, begin: float, end: float, times: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Simulate one segment and return the outputs at `times`; the end is always reached."""
        import numpy as np

        grid = np.unique(np.concatenate([[begin], times, [end]]))
        if len(grid) == 1:
            row = [runner.getValue(name) for name in runner.timeCourseSelections[1:]]
            return np.tile(np.array(row), (len(times), 1))
        table = np.array(runner.simulate(times=grid.tolist()))
        return np.asarray(table[np.searchsorted(grid, times), 1:])


def segments(
    table: DoseTable, patient: int, start: float, end: float
) -> Iterator[tuple[float, float]]:
    """Yield the stretches between a patient's dose breakpoints, and (end, end) at last.

    Parameters
    ----------
    table : DoseTable
        All doses.
    patient : int
        Which row.
    start, end : float
        The span of the integration.
    """
    import numpy as np

    real = table.amount[patient] != 0.0
    marks = np.concatenate([table.start[patient][real], table.end[patient][real], [start, end]])
    marks = np.unique(marks[(marks >= start) & (marks <= end)])
    for first, second in itertools.pairwise(marks):
        yield float(first), float(second)
    yield float(end), float(end)


def _concentrations(sbml: str) -> list[str]:
    """Return the species whose symbol is a concentration."""
    import libsbml

    model = libsbml.readSBMLFromString(sbml).getModel()
    return [s.getId() for s in model.getListOfSpecies() if not s.getHasOnlySubstanceUnits()]


def _status_of(message: str) -> Status:
    """Return the status that libRoadRunner's message amounts to."""
    if "TOO_MUCH_WORK" in message:
        return Status.STEP_LIMIT
    if "CONV_FAILURE" in message or "LSETUP" in message or "LSOLVE" in message:
        return Status.SINGULAR
    if "RHSFUNC" in message or "nan" in message.lower():
        return Status.NON_FINITE
    return Status.STEP_TOO_SMALL
