"""Random SBML models that have one bounded solution, drawn from a seed.

What is drawn: reactions (mass action, Michaelis-Menten, Hill, reversible) with stoichiometries
that are whole, broken, computed or changing; compartments of several sizes, fixed, computed or
changing; species in amounts and in concentrations, boundary, constant, set by a rule; local
parameters, function definitions, conversion factors, units; assignment and rate rules and initial
assignments that need one another, in any order; piecewise in time and in the state; and, where
asked, events. Level and version are drawn too.

What keeps a model well-posed: a reaction consumes in proportion to what is there, so nothing
becomes negative; it gives no more than it takes, so what is there grows by synthesis at a bounded
rate only; divisors and arguments of logarithms and roots are at least a positive number; a rule
mentions only what was drawn before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import libsbml
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

LEVELS = ((2, 4), (3, 1), (3, 2))
END = 10.0


@dataclass(frozen=True)
class RandomModel:
    """A drawn model.

    Attributes
    ----------
    sbml : str
        Its text.
    outputs : tuple of str
        Species, compartments, parameters that change and reactions.
    amounts : frozenset of str
        The species that stand for their amount in formulas.
    """

    sbml: str
    outputs: tuple[str, ...]
    amounts: frozenset[str]


def random_model(seed: int, *, events: bool = False) -> RandomModel:
    """Return the model of a seed.

    Parameters
    ----------
    seed : int
        Any number; the same number is the same model.
    events : bool
        Draw events too.
    """
    author = _Author(np.random.default_rng([seed, int(events)]))
    author.write(events)
    return author.finished()


class _Author:
    """Draws one model, part after part, into a libSBML document."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.level, self.version = LEVELS[int(rng.integers(len(LEVELS)))]
        self.document = libsbml.SBMLDocument(self.level, self.version)
        self.model = self.document.createModel()
        self.model.setId("drawn")
        #: Names that formulas may mention: positive and bounded.
        self.pool: list[str] = []
        self.species: list[str] = []  # those that reactions change
        self.boundary: list[str] = []  # those that reactions may mention only
        self.amounts: set[str] = set()
        self.functions: list[tuple[str, int]] = []
        self.changing: list[str] = []  # parameters that change
        self.settable: list[str] = []  # what an event may set
        self.count = 0
        #: Rules and initial assignments, shuffled before they are written.
        self.rules: list[tuple[str, str, str]] = []
        self.starts: list[tuple[str, str]] = []

    # draws ----------------------------------------------------------------------------------
    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def pick(self, things: Sequence[Any]) -> Any:
        return things[int(self.rng.integers(len(things)))]

    def number(self, low: float = 0.1, high: float = 2.0) -> float:
        """Return a number, evenly drawn on a logarithmic scale, that its text says exactly."""
        return float(f"{np.exp(self.rng.uniform(np.log(low), np.log(high))):.6g}")

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    # formulas -------------------------------------------------------------------------------
    def constant(self, low: float = 0.1, high: float = 2.0) -> str:
        """Return a constant: a number, a parameter, or a parameter that is computed."""
        value = self.number(low, high)
        if self.chance(0.4):
            return repr(value)
        parameter = self.parameter(value, constant=True)
        if self.chance(0.25):
            # Its own number stays in the file and is not to be used.
            self.starts.append((parameter, self.computed(value)))
            self.model.getParameter(parameter).setValue(99.0)
        return parameter

    def computed(self, value: float) -> str:
        """Return a formula near `value` that mentions what else there is at the start."""
        if not self.pool:
            return f"{value!r}*(1 + exp(-1))"
        other = self.pick(self.pool)
        return f"{value!r}*(1 + {other}/(3 + {other}))"

    def parameter(self, value: float | None, constant: bool) -> str:
        one = self.model.createParameter()
        one.setId(self.name("p"))
        one.setConstant(constant)
        if value is not None:
            one.setValue(value)
        if self.chance(0.3):
            one.setUnits(self.pick(("per_hour", "dimensionless", "second", "millimole")))
        return str(one.getId())

    def condition(self) -> str:
        x, y = self.pick(self.pool), self.pick(self.pool)
        simple = [
            f"{x} {self.pick(('<', '<=', '>', '>='))} {self.number(0.3, 4)!r}",
            f"time {self.pick(('<', '<=', '>', '>='))} {self.number(0.5, 9)!r}",
        ]
        first, second = self.pick(simple), f"{y} > {self.number(0.3, 4)!r}"
        forms = [first, f"{first} && {second}", f"{first} || {second}", f"!({first})"]
        forms.append(f"xor({first}, {second})")
        if (self.level, self.version) == (3, 2):
            forms.append(f"implies({first}, {second})")
        return str(self.pick(forms))

    def positive(self) -> str:
        """Return a formula that is positive and bounded where everything in the pool is."""
        x, y, k = self.pick(self.pool), self.pick(self.pool), self.constant(0.3, 3)
        n = self.number(1, 4)
        forms = [
            x, f"{k}*{x}", f"{x} + {y}", f"{x}/({k} + {x})",
            f"{x}^{n!r}/({k}^{n!r} + {x}^{n!r})", f"{k}/(1 + {x}*{y})",
            f"exp(-{x}) + {k}", f"ln(1 + {x} + {k})", f"log10(2 + {x})", f"sqrt(1 + {x})",
            f"root(3, 2 + {x})", f"{k} + tanh({x})", f"arctan({x}) + {k}", f"abs({x} - {k}) + 0.1",
            f"1 + 0.5*sin({k}*time + {x})", f"1.5 + cos({k}*time)", f"pow(1 + {x}, -2) + {k}/3",
            f"piecewise({k}, {self.condition()}, {x} + 0.2)",
            f"piecewise({k}, {self.condition()}, {x}/(1 + {x}), {self.condition()}, 0.3)",
            f"{k}*factorial(3)/avogadro*6e23" if self.level == 3 else f"{k}*factorial(3)",
            f"exponentiale/pi*{k} + cosh({x}/(1 + {x}))", f"{k}*ceil(1.5)*floor(2.5)",
        ]  # fmt: skip
        if (self.level, self.version) == (3, 2):
            forms += [f"max({x}, {k})", f"min({x}, {k}, {y} + 0.1) + 0.1", f"rem(7, 4)*{k}"]
        if self.functions and self.chance(0.3):
            function, places = self.pick(self.functions)
            return f"{function}({', '.join((x, k, y)[:places])})"
        return str(self.pick(forms))

    @staticmethod
    def tree(formula: str) -> Any:
        found = libsbml.parseL3Formula(formula)
        if found is None:
            raise ValueError(f"{formula}: {libsbml.getLastParseL3Error()}")
        return found

    # the parts of a model -------------------------------------------------------------------
    def write(self, events: bool) -> None:
        self.write_units()
        self.write_functions()
        for _ in range(int(self.rng.integers(1, 4))):
            self.write_compartment()
        for _ in range(int(self.rng.integers(3, 9))):
            self.write_species()
        for _ in range(int(self.rng.integers(0, 4))):
            self.write_variable()
        if self.level == 3 and self.chance(0.3):
            self.model.setConversionFactor(self.parameter(self.number(0.5, 2), constant=True))
        for _ in range(int(self.rng.integers(3, 9))):
            self.write_reaction()
        for _ in range(int(self.rng.integers(1, 5)) if events else 0):
            self.write_event()
        self.write_in_any_order()

    def write_units(self) -> None:
        for name, kind, exponent, scale, multiplier in (
            ("per_hour", libsbml.UNIT_KIND_SECOND, -1, 0, 3600.0),
            ("millimole", libsbml.UNIT_KIND_MOLE, 1, -3, 1.0),
        ):
            unit = self.model.createUnitDefinition()
            unit.setId(name)
            part = unit.createUnit()
            part.setKind(kind)
            part.setExponent(exponent)
            part.setScale(scale)
            part.setMultiplier(multiplier)
        if self.level == 3:
            self.model.setTimeUnits("second")
            self.model.setSubstanceUnits("millimole" if self.chance(0.5) else "mole")
            self.model.setExtentUnits("mole")
            self.model.setVolumeUnits("litre")

    def write_functions(self) -> None:
        bodies = {
            "a, b": ("a/(b + a)", "a*b", "piecewise(a, a < b, b)", "exp(-a) + b"),
            "a": ("a", "a/(1 + a)", "1 + a^2/(4 + a^2)"),
            "a, b, c": ("a*b/(1 + c)", "piecewise(a, b < c, a + c)"),
        }
        for _ in range(int(self.rng.integers(0, 3))):
            arguments = self.pick(tuple(bodies))
            body = self.pick(bodies[arguments])
            places = len(arguments.split(","))
            if self.functions and self.functions[-1][1] == places and self.chance(0.5):
                body = f"{self.functions[-1][0]}({arguments}) + {body}"  # one calls another
            one = self.model.createFunctionDefinition()
            one.setId(self.name("f"))
            one.setMath(self.tree(f"lambda({arguments}, {body})"))
            self.functions.append((one.getId(), places))

    def write_compartment(self) -> None:
        one = self.model.createCompartment()
        one.setId(self.name("c"))
        one.setSpatialDimensions(self.pick((3, 3, 2)))
        one.setConstant(True)
        size = self.number(0.1, 10)
        kind = self.rng.random()
        if kind < 0.6:
            one.setSize(size)
        elif kind < 0.75:
            self.starts.append((one.getId(), self.computed(size)))
        else:
            one.setConstant(False)
            one.setSize(size)
            if kind < 0.9:
                self.rules.append(("rate", one.getId(), f"0.3*({2 * size!r} - {one.getId()})"))
            else:
                wave = f"{size!r}*(1.5 + sin({self.number(0.2, 2)!r}*time))"
                self.rules.append(("assignment", one.getId(), wave))
        self.pool.append(one.getId())
        if self.chance(0.5):
            one.setUnits("litre" if one.getSpatialDimensions() == 3 else "area")
        if self.level == 3 and one.getSpatialDimensions() == 2:
            one.unsetUnits()

    def write_species(self) -> None:
        one = self.model.createSpecies()
        one.setId(self.name("S"))
        one.setCompartment(self.pick(self.model.getListOfCompartments()).getId())
        one.setHasOnlySubstanceUnits(self.chance(0.4))
        one.setConstant(False)
        one.setBoundaryCondition(False)
        if one.getHasOnlySubstanceUnits():
            self.amounts.add(one.getId())
        self.write_start(one)
        kind = self.rng.random()
        if kind < 0.7:
            self.species.append(one.getId())
            self.settable.append(one.getId())
            if self.level == 3 and self.chance(0.2):
                one.setConversionFactor(self.parameter(self.number(0.5, 2), constant=True))
        else:
            one.setBoundaryCondition(True)
            self.boundary.append(one.getId())
            if kind < 0.8:
                one.setConstant(self.chance(0.5))
            elif kind < 0.9:
                rate = f"{self.positive()}/5 - 0.4*{one.getId()}" if self.pool else "0.1"
                self.rules.append(("rate", one.getId(), rate))
            else:
                self.rules.append(("assignment", one.getId(), self.positive()))
        self.pool.append(one.getId())

    def write_start(self, species: Any) -> None:
        value = self.number(0.2, 8)
        kind = self.rng.random()
        if kind < 0.35:
            species.setInitialAmount(value)
        elif kind < 0.7:
            species.setInitialConcentration(value)
        else:
            if self.chance(0.5):
                species.setInitialAmount(77.0)  # not to be used
            self.starts.append((species.getId(), self.computed(value)))

    def write_variable(self) -> None:
        """Write a parameter that changes: by a rule, by a rate or by events."""
        kind = self.pick(("assignment", "assignment", "rate", "event"))
        value = None if kind == "assignment" else self.number()
        name = self.parameter(value, constant=False)
        if kind == "assignment":
            self.rules.append(("assignment", name, self.positive()))
        elif kind == "rate":
            self.rules.append(("rate", name, f"{self.positive()}/4 - {self.number()!r}*{name}"))
            self.settable.append(name)
        else:
            self.settable.append(name)
        if kind != "assignment" and self.chance(0.3):
            self.starts.append((name, self.computed(self.number())))
        self.pool.append(name)
        self.changing.append(name)

    # reactions ------------------------------------------------------------------------------
    def write_reaction(self) -> None:
        if not self.species:
            return
        one = self.model.createReaction()
        one.setId(self.name("J"))
        one.setReversible(False)
        if self.level == 3 and self.version == 1:
            one.setFast(False)
        law = one.createKineticLaw()
        draw = self.pick(
            (self.synthesis, self.conversion, self.conversion, self.binding, self.saturation,
             self.reversible)
        )  # fmt: skip
        formula = draw(one, law)
        if self.chance(0.3):
            formula = f"({formula})*{self.pick(self.model.getListOfCompartments()).getId()}"
        law.setMath(self.tree(formula))
        known = {item.getId() for item in self.model.getListOfSpecies()}
        mentioned = known & set(re.findall(r"[A-Za-z_]\w*", formula))
        for name in sorted(mentioned - self.parties(one)):
            one.createModifier().setSpecies(name)

    @staticmethod
    def parties(reaction: Any) -> set[str]:
        return {
            reference.getSpecies()
            for side in (reaction.getListOfReactants(), reaction.getListOfProducts())
            for reference in side
        }

    def local(self, law: Any) -> str:
        """Return a rate constant, at times as a parameter of the reaction alone."""
        if self.chance(0.6):
            return self.constant(0.1, 1)
        one = law.createLocalParameter() if self.level == 3 else law.createParameter()
        # The same name in every reaction, and at times that of something else in the model.
        one.setId(self.pick(("k", "kf", *self.changing)))
        if any(other.getId() == one.getId() for other in list(self.locals(law))[:-1]):
            one.setId(self.name("k"))
        one.setValue(self.number(0.1, 1))
        return str(one.getId())

    def locals(self, law: Any) -> Any:
        return law.getListOfLocalParameters() if self.level == 3 else law.getListOfParameters()

    def takes(self, reaction: Any, species: str, amount: float = 1.0) -> None:
        reference = reaction.createReactant()
        reference.setSpecies(species)
        reference.setStoichiometry(amount)
        if self.level == 3:
            reference.setConstant(True)

    def gives(self, reaction: Any, species: str) -> None:
        """Add a product; what is given is at most what one unit of a reaction takes."""
        reference = reaction.createProduct()
        reference.setSpecies(species)
        share = self.pick((1.0, 1.0, 0.5, 0.25))
        reference.setStoichiometry(share)
        kind = self.rng.random()
        wave = f"0.5 + 0.4*sin({self.number(0.3, 2)!r}*time)"
        if self.level == 2:
            if kind < 0.15:
                reference.createStoichiometryMath().setMath(self.tree(wave))
            return
        reference.setConstant(kind > 0.3)
        if kind < 0.1:
            reference.setId(self.name("n"))
            self.rules.append(("assignment", reference.getId(), wave))
        elif kind < 0.2:
            reference.setId(self.name("n"))
            self.rules.append(("rate", reference.getId(), f"0.1*(1 - {reference.getId()})"))
        elif kind < 0.3:
            reference.setId(self.name("n"))
            self.starts.append((reference.getId(), "0.3*(1 + exp(-1))"))

    def party(self) -> str:
        """Return a species that takes part in a reaction, at times a boundary species."""
        if self.boundary and self.chance(0.2):
            fixed = [s for s in self.boundary if not self.model.getSpecies(s).getConstant()]
            if fixed:
                return str(self.pick(fixed))
        return str(self.pick(self.species))

    def synthesis(self, reaction: Any, law: Any) -> str:
        self.gives(reaction, self.party())
        k, m = self.local(law), self.pick(self.pool)
        return str(self.pick((k, f"{k}*{m}^2.5/(3 + {m}^2.5)", f"{k}*{m}/(1 + {m})")))

    def conversion(self, reaction: Any, law: Any) -> str:
        a = self.party()
        self.takes(reaction, a)
        if self.chance(0.7):
            self.gives(reaction, self.party())
        factor = f"*({self.positive()})" if self.chance(0.4) else ""
        return f"{self.local(law)}*{a}{factor}"

    def binding(self, reaction: Any, law: Any) -> str:
        a, b = self.party(), self.party()
        if a == b:
            self.takes(reaction, a, 2.0)
        else:
            self.takes(reaction, a)
            self.takes(reaction, b)
        self.gives(reaction, self.party())
        return f"0.3*{self.local(law)}*{a}*{b}"

    def saturation(self, reaction: Any, law: Any) -> str:
        a = self.party()
        self.takes(reaction, a)
        self.gives(reaction, self.party())
        k, n = self.constant(0.3, 3), self.pick((1, 2, 1.7, 4))
        return f"{self.local(law)}*{a}^{n}/({k}^{n} + {a}^{n})"

    def reversible(self, reaction: Any, law: Any) -> str:
        a, b = self.pick(self.species), self.pick(self.species)
        reaction.setReversible(True)
        self.takes(reaction, a)
        product = reaction.createProduct()
        product.setSpecies(b)
        product.setStoichiometry(1.0)
        if self.level == 3:
            product.setConstant(True)
        return f"{self.local(law)}*{a} - {self.local(law)}*{b}"

    # events ---------------------------------------------------------------------------------
    def write_event(self) -> None:
        if not self.settable:
            return
        one = self.model.createEvent()
        one.setId(self.name("e"))
        trigger = one.createTrigger()
        name = self.pick(self.pool)
        when = [
            f"time >= {self.number(0.3, 9)!r}",
            f"time > {self.number(0.3, 9)!r}",
            f"{name} < {self.number(0.3, 3)!r}",
            f"{name} > {self.number(0.5, 6)!r}",
            f"{name} > {self.number(0.5, 3)!r} && time > {self.number(0.3, 6)!r}",
            f"sin({self.number(0.5, 3)!r}*time) > {self.number(0.2, 0.8)!r}",
        ]
        trigger.setMath(self.tree(self.pick(when)))
        if self.level == 3:
            trigger.setInitialValue(self.chance(0.6))
            trigger.setPersistent(self.chance(0.6))
            # Numbers of their own: which of two events with one priority is first is undefined.
            one.createPriority().setMath(self.tree(repr(self.number(1, 100))))
        one.setUseValuesFromTriggerTime(True)
        if self.chance(0.4):
            one.setUseValuesFromTriggerTime(self.chance(0.5))
            delay = (
                f"{self.number(0.1, 2)!r}*(1 + {self.pick(self.pool)}/(1 + {self.pick(self.pool)}))"
            )
            one.createDelay().setMath(self.tree(self.pick((repr(self.number(0.1, 3)), delay))))
        targets = list(dict.fromkeys(self.pick(self.settable) for _ in range(2)))
        for target in targets:
            assignment = one.createEventAssignment()
            assignment.setVariable(target)
            x = self.pick(self.pool)
            new = (repr(self.number(0.5, 5)), f"0.5*{target} + {self.number(0.3, 3)!r}",
                   f"1 + {x}/(1 + {x})", f"0.2 + {target}/(1 + {target})")  # fmt: skip
            assignment.setMath(self.tree(self.pick(new)))

    # the end --------------------------------------------------------------------------------
    def write_in_any_order(self) -> None:
        for place in self.rng.permutation(len(self.rules)):
            kind, variable, formula = self.rules[int(place)]
            create = (
                self.model.createRateRule if kind == "rate" else self.model.createAssignmentRule
            )
            rule = create()
            rule.setVariable(variable)
            rule.setMath(self.tree(formula))
        assigned = {variable for kind, variable, _ in self.rules if kind == "assignment"}
        starts = dict(self.starts)
        for name in (str(one) for one in self.rng.permutation(sorted(starts))):
            if name not in assigned:
                start = self.model.createInitialAssignment()
                start.setSymbol(name)
                start.setMath(self.tree(starts[name]))

    def finished(self) -> RandomModel:
        model = self.model
        species = [one.getId() for one in model.getListOfSpecies()]
        compartments = [one.getId() for one in model.getListOfCompartments()]
        reactions = [one.getId() for one in model.getListOfReactions()]
        outputs = (*species, *compartments, *self.changing, *reactions)
        text = str(libsbml.writeSBMLToString(self.document))
        return RandomModel(text, outputs, frozenset(self.amounts))
