"""Random models are solved here as libRoadRunner solves them: every output, at every time.

The two share nothing but libSBML: reading, code, integrator and events are each one's own. Three
constructs libRoadRunner solves wrongly; for it they are written in another way that means the
same (`written_otherwise`), and a closed form for each says who is right.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import libsbml
import numpy as np
import pytest
import roadrunner
from tests.engine.random_models import END, LEVELS, RandomModel, random_model

from ketasim.engine import compile_model
from ketasim.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ketasim.engine.network import Form

#: Seeds without and with events, and how many make a block.
SEEDS = {False: 200, True: 100}
BLOCK = 10
#: Blocks of the ordinary run; the others are of the sweep.
ORDINARY = {False: 3, True: 2}
#: Models with events that are refused, all for one reason.
REFUSED = frozenset({8, 13, 18, 20, 32})
REASON = r"is set as a concentration with the values of the trigger's time, and the size of"
#: Here, from 0.024 on, an event sets a species just above the value at which it fires, so that it
#: fires in every step, and the phases of the two solutions drift apart.
ENDS = {(22, True): 0.03}
#: Largest difference allowed, relative to the largest value of an output.
CLOSE = 1e-6
FORMS: tuple[Form, ...] = ("amount", "concentration", "own")
#: Times at which no event happens that the text of a model names.
SHIFT = 0.000137


# what is written otherwise for libRoadRunner ------------------------------------------------
@dataclass
class Rewriter:
    """A model that is being rewritten.

    Attributes
    ----------
    model : libsbml.Model
        The model.
    numbers : dict of str to str
        Species that became parameters: their concentrations. The compartment of each.
    overruns : list of str
        Parameters that count executions of events for which there was no place.
    """

    model: Any
    numbers: dict[str, str] = field(default_factory=dict)
    overruns: list[str] = field(default_factory=list)

    #: Executions of one event that may wait at once.
    PLACES = 4
    NEVER = "1e9"

    def ruled(self, kind: str) -> set[str]:
        return {r.getVariable() for r in self.model.getListOfRules() if getattr(r, kind)()}

    def parameter(self, name: str, value: float) -> Any:
        one = self.model.createParameter()
        one.setConstant(False)
        one.setValue(value)
        one.setId(name)
        return one

    def free_concentrations(self) -> None:
        """Make parameters of concentrations that a rate rule moves where a rule sets the size.

        libRoadRunner integrates the amount and leaves out what the changing size adds to it.
        """
        computed = self.ruled("isAssignment")
        for name in sorted(self.ruled("isRate")):
            species = self.model.getSpecies(name)
            if species is None or species.getHasOnlySubstanceUnits():
                continue
            if species.getCompartment() in computed:
                self.free_concentration(species)

    def free_concentration(self, species: Any) -> None:
        name, compartment = species.getId(), species.getCompartment()
        self.numbers[name] = compartment
        value = species.getInitialConcentration()
        if species.isSetInitialAmount() and self.model.getInitialAssignment(name) is None:
            start = self.model.createInitialAssignment()
            start.setSymbol(name)
            start.setMath(parsed(f"{species.getInitialAmount()!r} / {compartment}"))
        stand_in = f"stand_in_for_{name}"  # reactions do not change it
        for reaction in self.model.getListOfReactions():
            for side in (reaction.getListOfReactants(), reaction.getListOfProducts()):
                for reference in (one for one in side if one.getSpecies() == name):
                    reference.setSpecies(stand_in)
            reaction.removeModifier(name)
        species.setId(stand_in)
        self.parameter(name, value)

    def split_reactions(self) -> None:
        """Give a product with a computed stoichiometry that is also taken a reaction of its own.

        libRoadRunner keeps one of the two stoichiometries only.
        """
        computed = self.ruled("isAssignment") | self.ruled("isRate")
        for reaction in list(self.model.getListOfReactions()):
            taken = {reference.getSpecies() for reference in reaction.getListOfReactants()}
            products = reaction.getListOfProducts()
            for place in reversed(range(len(products))):
                product = products.get(place)
                varies = product.getId() in computed or product.isSetStoichiometryMath()
                if not varies or product.getSpecies() not in taken:
                    continue
                twin = self.model.createReaction()
                twin.setId(f"{reaction.getId()}_gives_{product.getSpecies()}")
                twin.setReversible(False)
                if (self.model.getLevel(), self.model.getVersion()) == (3, 1):
                    twin.setFast(False)
                twin.addProduct(product)
                twin.createKineticLaw().setMath(parsed(reaction.getId()))
                products.remove(place)

    def undelayed_events(self) -> None:
        """Write delayed events with events that do not wait and parameters that hold when.

        At a delayed execution libRoadRunner compares the other triggers with values of an earlier
        time: an event fires that did not, and one that does not persist is forgotten.
        """
        for event in list(self.model.getListOfEvents()):
            if event.isSetDelay():
                self.undelayed(event)

    def undelayed(self, event: Any) -> None:
        name, places = event.getId(), range(self.PLACES)
        trigger, delay = event.getTrigger(), written(event.getDelay())
        condition, slot, lost = written(trigger), f"{name}_slot", f"{name}_lost"
        due = [f"{name}_due{place}" for place in places]
        effects = {a.getVariable(): written(a) for a in event.getListOfEventAssignments()}
        begin = {slot: f"piecewise(0, {slot} == {self.PLACES - 1}, {slot} + 1)"}
        for place in places:
            self.parameter(due[place], float(self.NEVER))
            begin[due[place]] = f"piecewise(time + {delay}, {slot} == {place}, {due[place]})"
        full = " || ".join(f"{slot} == {p} && {due[p]} < {self.NEVER}" for p in places)
        begin[lost] = f"piecewise({lost} + 1, {full}, {lost})"
        self.parameter(slot, 0.0)
        self.parameter(lost, 0.0)
        self.overruns.append(lost)
        for place in places:
            then = dict(effects)
            if event.getUseValuesFromTriggerTime():
                for number, (target, value) in enumerate(effects.items()):
                    kept = f"{name}_kept{place}_{number}"
                    self.parameter(kept, 0.0)
                    begin[kept] = f"piecewise({value}, {slot} == {place}, {kept})"
                    then[target] = kept
            then[due[place]] = self.NEVER
            self.event(event, f"{name}_do{place}", f"time >= {due[place]}", True, then)
        if self.model.getLevel() == 2:
            self.event(event, f"{name}_on", condition, True, begin)
        else:
            self.event(event, f"{name}_on", condition, trigger.getInitialValue(), begin)
            if not trigger.getPersistent():
                forget = dict.fromkeys(due, self.NEVER)
                self.event(event, f"{name}_off", f"!({condition})", True, forget)
        self.model.getListOfEvents().remove(name)

    def event(
        self, like: Any, name: str, condition: str, initially: bool, effects: dict[str, str]
    ) -> None:
        one = self.model.createEvent()
        one.setId(name)
        one.setUseValuesFromTriggerTime(True)
        trigger = one.createTrigger()
        trigger.setMath(parsed(condition))
        if self.model.getLevel() == 3:
            trigger.setInitialValue(initially)
            trigger.setPersistent(True)
            one.createPriority().setMath(like.getPriority().getMath())
        for target, formula in effects.items():
            assignment = one.createEventAssignment()
            assignment.setVariable(target)
            assignment.setMath(parsed(formula))


def parsed(formula: str) -> Any:
    found = libsbml.parseL3Formula(formula)
    assert found is not None, formula
    return found


def written(item: Any) -> str:
    return f"({libsbml.formulaToL3String(item.getMath())})"


def written_otherwise(sbml: str) -> tuple[str, Rewriter]:
    """A model of the same meaning without the constructs that libRoadRunner solves wrongly."""
    document = libsbml.readSBMLFromString(sbml)
    rewriter = Rewriter(document.getModel())
    rewriter.free_concentrations()
    rewriter.split_reactions()
    rewriter.undelayed_events()
    return str(libsbml.writeSBMLToString(document)), rewriter


# the two solutions --------------------------------------------------------------------------
def roadrunner_of(sbml: str, selections: Sequence[str]) -> roadrunner.RoadRunner:
    roadrunner.Logger.setLevel(roadrunner.Logger.LOG_CRITICAL)
    runner = roadrunner.RoadRunner(sbml)
    runner.timeCourseSelections = ["time", *selections]
    for name, value in {
        "relative_tolerance": 1e-10, "absolute_tolerance": 1e-12, "maximum_num_steps": 1_000_000,
    }.items():  # fmt: skip
        runner.getIntegrator().setValue(name, value)
    return runner


def simulated(runner: roadrunner.RoadRunner, times: np.ndarray) -> np.ndarray:
    return np.array(runner.simulate(times=times.tolist()))[:, 1:]


def theirs(
    model: RandomModel, form: Form, times: np.ndarray, fired: Counter[str] | None = None
) -> np.ndarray:
    sbml, rewriter = written_otherwise(model.sbml)
    read = libsbml.readSBMLFromString(model.sbml).getModel()
    species = {one.getId() for one in read.getListOfSpecies()}
    thick = species - (model.amounts if form == "own" else set())
    thick = set() if form == "amount" else thick
    selections = [f"[{n}]" if n in thick - set(rewriter.numbers) else n for n in model.outputs]
    runner = roadrunner_of(sbml, selections)
    for event in runner.model.getEventIds() if fired is not None else ():
        runner.model.getEvent(event).setOnTrigger(lambda _model, _index, name: fired.update([name]))
    values = simulated(runner, times)
    for name, compartment in rewriter.numbers.items():
        if name not in thick:
            place = model.outputs.index(name)
            values[:, place] *= values[:, model.outputs.index(compartment)]
    assert [runner.getValue(name) for name in rewriter.overruns] == [0.0] * len(rewriter.overruns)
    return values


def distances(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Largest difference of each output by its largest value; what is 0 has to be 0."""
    sizes = np.abs(expected).max(axis=0)
    return np.asarray(np.abs(found - expected).max(axis=0) / np.where(sizes > 0.0, sizes, 1e-12))


def too_far(names: Sequence[str], found: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    """The outputs that differ, and those that are no numbers."""
    return {
        name: float(distance)
        for name, distance in zip(names, distances(found, expected), strict=True)
        if not distance < CLOSE
    }


# random models ------------------------------------------------------------------------------
def block(events: bool, number: int) -> Any:
    marks = () if number < ORDINARY[events] else (pytest.mark.sweep,)
    seeds = range(number * BLOCK, (number + 1) * BLOCK)
    name = f"{'events' if events else 'plain'}-{seeds.start}"
    return pytest.param(events, seeds, id=name, marks=marks)


BLOCKS = [block(events, n) for events in SEEDS for n in range(SEEDS[events] // BLOCK)]


@pytest.mark.parametrize(("events", "seeds"), BLOCKS)
def test_random_models(events: bool, seeds: range) -> None:
    wrong: dict[int, Any] = {}
    refused: dict[int, str] = {}
    still, silent = [], []
    for seed in seeds:
        model, form = random_model(seed, events=events), FORMS[seed % len(FORMS)]
        times = np.linspace(0.0, ENDS.get((seed, events), END), 41)
        times[1:] += SHIFT
        try:
            solver = compile_model(model.sbml)
        except ModelError as error:
            refused[seed] = str(error)
            continue
        run = solver.solve(times, outputs=model.outputs, species=form, rtol=1e-9, atol=1e-12)
        fired: Counter[str] = Counter()
        expected = theirs(model, form, times, fired if events else None)
        far = too_far(model.outputs, run.values[0], expected)
        if run.failed or far:
            wrong[seed] = run.failures() or far
        still += [] if np.ptp(expected, axis=0).any() else [seed]
        silent += [seed] if events and not fired else []
    assert wrong == {}
    assert set(refused) <= (REFUSED if events else frozenset()), refused
    assert all(re.search(REASON, sentence) for sentence in refused.values()), refused
    # A few draws have nothing that changes, or triggers that never turn.
    assert len(still) <= 1, still
    assert len(silent) <= BLOCK // 3, silent


def formulas(model: Any) -> Iterator[Any]:
    """Every node of every formula of a model."""
    for item in model.getListOfAllElements():
        math = item.getMath() if hasattr(item, "getMath") else None
        waiting = [math] if math is not None else []
        while waiting:
            node = waiting.pop()
            yield node
            waiting += [node.getChild(place) for place in range(node.getNumChildren())]


def features(sbml: str) -> set[str]:
    """What a model makes use of."""
    document = libsbml.readSBMLFromString(sbml)
    model = document.getModel()
    rates = {r.getVariable() for r in model.getListOfRules() if r.isRate()}
    assigned = {r.getVariable() for r in model.getListOfRules() if r.isAssignment()}
    started = {one.getSymbol() for one in model.getListOfInitialAssignments()}
    found = {f"level {document.getLevel()} version {document.getVersion()}"}
    kinds = {
        "compartment": model.getListOfCompartments(), "species": model.getListOfSpecies(),
        "parameter": model.getListOfParameters(),
        "stoichiometry": [
            one for r in model.getListOfReactions() for one in r.getListOfProducts() if one.getId()
        ],
    }  # fmt: skip
    for kind, items in kinds.items():
        names = {one.getId() for one in items}
        for how, group in {"rate": rates, "assigned": assigned, "started": started}.items():
            found |= {f"{kind} {how}"} if names & group else set()
    for species in model.getListOfSpecies():
        changes = species.getCompartment() in rates | assigned
        found.add("amount" if species.getHasOnlySubstanceUnits() else "concentration")
        found |= {"boundary"} if species.getBoundaryCondition() else set()
        found |= {"constant species"} if species.getConstant() else set()
        found |= {"species in a changing compartment"} if changes else set()
        found |= {"conversion factor of a species"} if species.isSetConversionFactor() else set()
    found |= {"conversion factor of the model"} if model.isSetConversionFactor() else set()
    found |= {"surface"} if 2 in {c.getSpatialDimensions() for c in kinds["compartment"]} else set()
    return found | features_of_reactions(model) | features_of_events(model) | {
        mentioned for node in formulas(model) if (mentioned := FUNCTIONS.get(node.getType()))
    }  # fmt: skip


FUNCTIONS = {
    libsbml.AST_FUNCTION: "call of a function definition",
    libsbml.AST_FUNCTION_PIECEWISE: "piecewise",
    libsbml.AST_NAME_TIME: "time",
    libsbml.AST_LOGICAL_XOR: "xor",
    libsbml.AST_LOGICAL_IMPLIES: "implies",
    libsbml.AST_FUNCTION_MAX: "max",
}


def features_of_reactions(model: Any) -> set[str]:
    found, known = set(), {one.getId() for one in model.getListOfParameters()}
    for reaction in model.getListOfReactions():
        law = reaction.getKineticLaw()
        local = [one.getId() for one in law.getListOfLocalParameters()]
        local += [one.getId() for one in law.getListOfParameters()]
        taken = {one.getSpecies() for one in reaction.getListOfReactants()}
        given = {one.getSpecies() for one in reaction.getListOfProducts()}
        found |= {"local parameter"} if local else set()
        found |= {"local parameter that hides another"} if known & set(local) else set()
        found |= {"reversible"} if reaction.getReversible() else set()
        found |= {"taken and given"} if taken & given else set()
        for product in reaction.getListOfProducts():
            found |= {"broken stoichiometry"} if product.getStoichiometry() % 1 else set()
            found |= {"stoichiometryMath"} if product.isSetStoichiometryMath() else set()
    return found


def features_of_events(model: Any) -> set[str]:
    found = set()
    for event in model.getListOfEvents():
        trigger = event.getTrigger()
        found.add("event")
        found |= {"delay"} if event.isSetDelay() else set()
        found |= {"priority"} if event.isSetPriority() else set()
        found |= set() if event.getUseValuesFromTriggerTime() else {"values at execution"}
        if trigger.isSetPersistent() and not trigger.getPersistent():
            found.add("delayed, not persistent" if event.isSetDelay() else "not persistent")
        if trigger.isSetInitialValue() and not trigger.getInitialValue():
            found.add("true at the start")
        found |= {"several events"} if model.getNumEvents() > 1 else set()
    return found


PLAIN = (
    "amount", "concentration", "boundary", "constant species", "surface",
    "species in a changing compartment", "conversion factor of a species",
    "conversion factor of the model", "compartment rate", "compartment assigned",
    "compartment started", "species rate", "species assigned", "species started",
    "parameter rate", "parameter assigned", "parameter started", "stoichiometry rate",
    "stoichiometry assigned", "stoichiometry started", "stoichiometryMath",
    "broken stoichiometry", "local parameter", "local parameter that hides another", "reversible",
    "taken and given", "call of a function definition", "piecewise", "time",
    *(f"level {level} version {version}" for level, version in LEVELS),
)  # fmt: skip
OF_EVENTS = (
    "event", "several events", "delay", "priority", "values at execution", "not persistent",
    "delayed, not persistent", "true at the start",
)  # fmt: skip


SELDOM = ("xor", "implies", "max")


@pytest.mark.parametrize(("events", "promised"), [(False, PLAIN), (True, (*PLAIN, *OF_EVENTS))])
def test_the_random_models_have_what_they_promise(events: bool, promised: Sequence[str]) -> None:
    seeds = range(SEEDS[events])
    count = Counter(
        name for seed in seeds for name in features(random_model(seed, events=events).sbml)
    )
    rare = {name: count[name] for name in promised if count[name] < len(seeds) / 10}
    assert rare == {}
    assert [name for name in SELDOM if not count[name]] == []
    assert count["event"] >= (0.9 * len(seeds) if events else 0)
    assert events or count["event"] == 0


# who is right -------------------------------------------------------------------------------
DECIDED: dict[str, tuple[str, str, Callable[[np.ndarray], np.ndarray]]] = {
    # [A]' = 0.4 - 0.1 [A], whatever the size does.
    "a rate rule where a rule sets the size": (
        """model m
          compartment V; V := 2 + time; species A in V; A = 3; A' = 0.4 - 0.1*A
        end""",
        "A", lambda t: 4.0 - np.exp(-0.1 * t),
    ),
    # A' = 0.3 A (n - 1).
    "a species taken and given by a computed number": (
        """model m
          compartment V = 1; species A in V; A = 3; n := 0.5 + 0.1*time; A -> n A; 0.3*A
        end""",
        "A", lambda t: 3.0 * np.exp(0.3 * (0.05 * t**2 - 0.5 * t)),
    ),
    # The second event waits from 0.35 to 0.55 and stays true; at 0.5 the first is executed.
    "an event that may be forgotten and is not": (
        """model m
          x = 1; x' = -0.1*x; y = 1; y' = 0
          a: at 0.4 after time > 0.1, priority = 1: y = 3
          b: at 0.2 after time > 0.35, persistent = false, priority = 2: x = 2
        end""",
        "x", lambda t: np.where(t < 0.55, np.exp(-0.1 * t), 2.0 * np.exp(-0.1 * (t - 0.55))),
    ),
    # The first event's trigger is true until 0.35 and never again.
    "an event that fires once": (
        """model m
          n = 0; n' = 0; y = 1; y' = 0
          a: at 0.4 after time > 0.1, priority = 1: y = 3
          b: at time <= 0.35, t0 = false, priority = 2: n = n + 1
        end""",
        "n", lambda t: np.ones_like(t),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DECIDED)
def test_closed_forms_decide_where_libroadrunner_differs(
    name: str, sbml: Callable[[str], str]
) -> None:
    text, output, closed = DECIDED[name]
    times = np.linspace(0.01, 3.01, 21)
    model = RandomModel(sbml(text), (output,), frozenset())
    ours = compile_model(model.sbml).solve(times, outputs=[output], start=0.0, rtol=1e-10)
    assert ours.values[0, :, 0] == pytest.approx(closed(times), rel=1e-8)
    rewritten = theirs(model, "concentration", np.concatenate([[0.0], times]))
    assert rewritten[1:, 0] == pytest.approx(closed(times), rel=1e-8)
