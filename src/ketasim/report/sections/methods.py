"""A paragraph of methods to paste into a paper, every number of it from the bundle."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ketasim.report.sections.verdicts import rule_of

if TYPE_CHECKING:
    from ketasim.report.bundle import Bundle

__all__ = ["content"]


def content(bundle: Bundle) -> list[str]:
    """Return the paragraphs.

    Parameters
    ----------
    bundle : Bundle
        The bundle.

    Returns
    -------
    list of str
        In the past tense, without figures or links.
    """
    # Studies alone draw their own patients, and say how.
    drawn = [_patients(bundle)] if bundle.experiments else []
    return [_model(bundle), *drawn, _fit(bundle), _judgement(bundle)]


def _model(bundle: Bundle) -> str:
    status = Counter(bundle.parameters["status"])
    counts = ", ".join(f"{status[name]} {name}" for name in sorted(status))
    made = bundle.index["manifest"]
    return (
        f"Simulations were made with ketasim {made['ketasim']} (Python {made['python']}). The "
        f"mechanism is one SBML Level 3 Version 2 model with {len(bundle.parameters)} parameters "
        f"({counts}). Doses enter as integration breakpoints. The equations were solved with a "
        "generated Rosenbrock method (RODAS family, analytic sparse Jacobian) at a relative "
        "tolerance of 1e-6; libRoadRunner (CVODE) serves as the reference in the tests."
    )


def _patients(bundle: Bundle) -> str:
    index = bundle.index
    return (
        f"{index['patients']} virtual patients were drawn quasi-randomly (seed {index['seed']}) from "
        "the published between-subject distributions, each with a draw from the posterior of the "
        "calibrated parameters; the same patients were used in every arm. Results are medians with "
        "2.5 and 97.5 % quantiles over patients, which hold both cohort variability and parameter "
        "uncertainty. Rated outcomes add expectancy by control type and error of rating, fitted to "
        "control arms first and apart from the pharmacology."
    )


def _fit(bundle: Bundle) -> str:
    uses = Counter(bundle.observations["use"])
    targets = len(bundle.index["hypotheses"][0]["targets"])
    fitted = [one["name"] for one in bundle.index["hypotheses"] if one["calibrated"]]
    return (
        f"Each hypothesis ({', '.join(fitted)}) was calibrated on {targets} quantities of single "
        "doses by maximum a posteriori with Laplace's approximation of the covariance. Of "
        f"{len(bundle.observations)} published observations of the network {uses['fit']} could be fitted "
        "or stand behind a number of the model, "
        f"{uses['judge']} were kept to judge and {uses['context']} served as context; "
        "none that involves naltrexone, rapamycin, NBQX, depletion or PET was fitted."
    )


def _judgement(bundle: Bundle) -> str:
    return (
        f"A hypothesis was called {rule_of(bundle)}. Trials were replayed at their published "
        "size, design and scale, and agree unless their result had a probability below 5 %. "
        "The scoreboard sums predictive log likelihoods of the judging observations."
    )
