"""The names that a file uses and another file defines: sources, states, sites, experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ketasim.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ketasim.model import Drug, Hypothesis
    from ketasim.model.hypothesis import Expectation

__all__ = ["drug_faults", "hypothesis_faults", "unknown_citations", "unknown_targets"]


def unknown_citations(cited: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield a sentence for every citation key that is not in the bibliography.

    Parameters
    ----------
    cited : iterable of (str, str)
        The place, for instance ``"mood.csv, row 4, column source"``, and what stands there: one
        key, or several separated by semicolons; nothing is no fault.
    """
    from ketasim.evidence import bibliography
    from ketasim.evidence.bibliography import split_keys

    known = bibliography()
    for where, cell in cited:
        for key in split_keys(cell):
            if key not in known:
                yield str(unknown_name("citation", key, known, where=where))


def drug_faults(drug: Drug, where: str) -> Iterator[str]:
    """Yield what a drug names and nobody defines.

    Parameters
    ----------
    drug : Drug
        As read from its file.
    where : str
        The file.
    """
    yield from unknown_citations(
        (f"{where}, sources, entry {number}", key) for number, key in enumerate(drug.sources, 1)
    )
    yield from unknown_targets(drug, where)


def unknown_targets(drug: Drug, where: str) -> Iterator[str]:
    """Yield the states, parameters and sites that a drug names and the model lacks.

    Parameters
    ----------
    drug : Drug
        As read from its file.
    where : str
        The file.
    """
    from ketasim.model import load_model
    from ketasim.model.assembly import sites
    from ketasim.model.files import mechanism_texts

    model = load_model()
    known_sites = sites(mechanism_texts())
    for site in drug.acts_on:
        if site not in known_sites:
            yield str(unknown_name("site", site, known_sites, where=f"{where}, acts_on"))
    # The compartment of a drug that is new here is made when the model is joined.
    own = {drug.name, f"{drug.name}_depot"} if drug.kinetics == "one compartment" else set()
    states, parameters = {*model.compiled().states, *own}, [str(one) for one in model.table.index]
    for route, legs in drug.routes.items():
        for number, leg in enumerate(legs, 1):
            place = f"{where}, route {route}, leg {number}"
            if leg.target not in states:
                yield str(unknown_name("state", leg.target, states, where=place))
            for name in (leg.fraction, leg.decline_factor, leg.over_h):
                if name is not None and name not in parameters:
                    yield str(unknown_name("parameter", name, parameters, where=place))


def hypothesis_faults(hypothesis: Hypothesis, where: str) -> Iterator[str]:
    """Yield what a hypothesis cites or expects and nobody knows.

    Parameters
    ----------
    hypothesis : Hypothesis
        As read from its file.
    where : str
        The file.
    """
    reasons = {"supports": hypothesis.supports, "against": hypothesis.against}
    yield from unknown_citations(
        (f"{where}, {name}, entry {number}", key)
        for name, entries in reasons.items()
        for number, (_, key) in enumerate(entries, 1)
    )
    for number, entry in enumerate(hypothesis.expected, 1):
        yield from _unknown_expectation(entry, f"{where}, expected, entry {number}")


def _unknown_expectation(entry: Expectation, place: str) -> Iterator[str]:
    """Look an expectation up in the tables that an experiment makes, where it would be missing."""
    from ketasim.experiments import Experiment, experiment, list_experiments

    known = list_experiments("claim")
    if entry.experiment not in known:
        yield str(unknown_name("experiment", entry.experiment, known, where=place))
        return
    tested = experiment(entry.experiment)
    assert isinstance(tested, Experiment)
    arms = [arm.name for arm in tested.main_arms]
    for kind, name, names in (
        ("arm", entry.arm, arms),
        ("readout", entry.readout, tested.readouts),
    ):
        if name not in names:
            yield str(unknown_name(f"{kind} of {tested.name}", name, names, where=place))
