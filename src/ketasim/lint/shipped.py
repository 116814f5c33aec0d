"""Checks of everything that ships with ketasim and of what other packages add to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ketasim.lint.finding import Check, Severity, faults
from ketasim.lint.names import hypothesis_faults, unknown_citations, unknown_targets

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "SHIPPED",
    "AtRest",
    "Calibrations",
    "Citations",
    "Drugs",
    "Evidence",
    "Hypotheses",
    "Parameters",
    "Structure",
]


class Parameters:
    """Every row of every parameter table has a value, a unit, a status and a source."""

    name = "parameter tables"
    severity = Severity.ERROR

    def run(self) -> Iterator[str]:
        """Read each table by itself, so that one fault does not hide another's."""
        from ketasim.model.files import PARAMETERS
        from ketasim.model.parameters import read_parameters

        yield from faults(sorted(PARAMETERS.glob("*.csv")), read_parameters)


class Structure:
    """The mechanisms join into SBML without an error or a unit that does not balance."""

    name = "model"
    severity = Severity.ERROR

    def run(self) -> Iterator[str]:
        """Assemble the model and let libSBML check it."""
        from ketasim.model import load_model

        yield from faults(["article"], load_model)


class Hypotheses:
    """Every hypothesis can be read, switches edges that exist and expects what can be read out."""

    name = "hypotheses"
    severity = Severity.ERROR

    def run(self) -> Iterator[str]:
        """Load the model under each hypothesis, then look up what it cites and expects."""
        from ketasim.model import list_hypotheses, load_hypothesis, load_model

        yield from faults(list_hypotheses(), load_model)
        for name in list_hypotheses():
            yield from hypothesis_faults(load_hypothesis(name), f"hypothesis {name}")


class Drugs:
    """Every drug can be read, and each leg of its routes ends in a state of the model."""

    name = "drugs"
    severity = Severity.ERROR

    def run(self) -> Iterator[str]:
        """Read each drug, then look up what its legs name."""
        from ketasim.model import list_drugs, load_drug

        yield from faults(list_drugs(), load_drug)
        for name in list_drugs():
            yield from unknown_targets(load_drug(name), f"drug {name}")


class Evidence:
    """Every table of published values fits its description and is as it was recorded."""

    name = "evidence"
    severity = Severity.ERROR

    def run(self) -> Iterator[str]:
        """Load each table; compare its hash with the recorded one."""
        from ketasim.evidence import list_tables, load, verify

        yield from faults(list_tables(), load)
        yield from verify()


class Citations:
    """Every source a drug names is in the bibliography."""

    name = "citations"
    severity = Severity.ERROR

    def run(self) -> Iterator[str]:
        """Look up each key."""
        from ketasim.model import list_drugs, load_drug

        yield from unknown_citations(
            (f"drug {name}, sources", key)
            for name in list_drugs()
            for key in load_drug(name).sources
        )


class AtRest:
    """With nothing given, the model does not move, whatever the hypothesis."""

    name = "rest"
    severity = Severity.ERROR

    def run(self) -> Iterator[str]:
        """Compute the largest derivative of each hypothesis at its initial state."""
        from ketasim.health import REST_TOLERANCE, rest_error
        from ketasim.model import list_hypotheses

        for name in list_hypotheses():
            error = rest_error(name)
            if error > REST_TOLERANCE:
                yield f"hypothesis {name}: a derivative at rest is {error:.1e} an hour, not 0"


class Calibrations:
    """A hypothesis without a calibration of its own is marked as such in every figure."""

    name = "calibrations"
    severity = Severity.WARNING

    def run(self) -> Iterator[str]:
        """Look at each hypothesis."""
        from ketasim.model import list_hypotheses, load_model

        for name in list_hypotheses():
            if not load_model(name).is_calibrated:
                yield f"hypothesis {name} is uncalibrated: it has no fitted values of its own"


SHIPPED: tuple[Check, ...] = (
    Parameters(),
    Structure(),
    Hypotheses(),
    Drugs(),
    Evidence(),
    Citations(),
    AtRest(),
    Calibrations(),
)
"""The checks of a plain ``ketasim lint``, in their order."""
