"""What a reader must know before the first figure; every sentence is counted from the bundle."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ketasim.report.sections.published import by_observation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ketasim.report.bundle import Bundle

__all__ = ["Caveat", "content"]

SPECULATIVE = ("opioid_tone", "n_raptor", "k_raptor", "gi_max", "tau_glua1", "n_gate")
"""Parameters without which naltrexone or depletion would not block in the article's own reading."""


@dataclass(frozen=True)
class Caveat:
    """One warning.

    Parameters
    ----------
    text : str
        A sentence.
    details : tuple of str
        What it is about, one a line.
    """

    text: str
    details: tuple[str, ...] = field(default=())


def content(bundle: Bundle) -> list[Caveat]:
    """Return the warnings, the weightiest first.

    Parameters
    ----------
    bundle : Bundle
        The bundle.

    Returns
    -------
    list of Caveat
        Empty ones are left out.
    """
    found = [
        _assumed(bundle),
        Caveat("What the model is known to fall short of:", tuple(bundle.index["limits"])),
        _against_all(bundle),
        _people(bundle),
        _promises(bundle),
        _not_testable(bundle),
        _uncalibrated(bundle),
        _second_hand(bundle),
        _said_by_experiments(bundle),
        _size(bundle),
    ]
    return [one for one in found if one is not None]


def _assumed(bundle: Bundle) -> Caveat:
    table = bundle.parameters
    counts = Counter(table["status"])
    rows = table[table["id"].isin(SPECULATIVE) & (table["status"] == "assumed")]
    details = [f"{row['id']} = {row['value']:g}: {row['note']}" for _, row in rows.iterrows()]
    return Caveat(
        f"{counts['assumed']} of {len(table)} parameters are assumed, because no published value "
        "was found. That naltrexone or depletion takes the whole effect away rests on these of "
        "them; the naltrexone experiment shows what happens at another opioid tone:",
        tuple(details),
    )


def _decisions(bundle: Bundle) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """Yield each deciding observation with what the hypotheses make of it."""
    for record in bundle.experiments.values():
        for key, made in by_observation(record).items():
            votes = [one for one in made.values() if one["role"] == "decides"]
            if votes:
                yield f"{record['title']}: {key}", votes


def _against_all(bundle: Bundle) -> Caveat | None:
    details = []
    for key, votes in _decisions(bundle):
        if len(votes) > 1 and all(one["agrees"] is False for one in votes):
            made = votes[0]
            details.append(f"{key} ({made['species']}, {made['arm']}: {made['published']})")
    if not details:
        return None
    plural = "observation agrees" if len(details) == 1 else "observations agree"
    return Caveat(f"{len(details)} published {plural} with none of the hypotheses:", tuple(details))


def _people(bundle: Bundle) -> Caveat | None:
    votes = [those[0] for _, those in _decisions(bundle)]
    people = sum(made["group"] == "people" for made in votes)
    if not votes:
        return None
    return Caveat(
        f"{people} of the {len(votes)} observations that decide a verdict were made in people; "
        "the others in animals and cells, at animal doses.",
        tuple(_human_contradictions(bundle)),
    )


def _human_contradictions(bundle: Bundle) -> Iterable[str]:
    first = bundle.hypotheses[0]
    for record in bundle.experiments.values():
        wrong = [
            made
            for made in record["hypotheses"][first]["comparisons"]
            if made["role"] == "decides" and made["agrees"] is False and made["group"] == "people"
        ]
        if wrong:
            ids = ", ".join(made["observation"] for made in wrong)
            yield f"Against {first} in people, {record['title']}: {ids}"


def _promises(bundle: Bundle) -> Caveat | None:
    details = [
        f"{name}, {record['title']}: {row['arm']}, {row['readout']} at {row['time_h']:g} h is "
        f"{_shown(row['predicted'])}"
        for record in bundle.experiments.values()
        for name, one in record["hypotheses"].items()
        for row in one.get("expected", ())
        if not row["met"]
    ]
    if not details:
        return None
    return Caveat("Some hypotheses do not predict what their own file says:", tuple(details))


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"


def _not_testable(bundle: Bundle) -> Caveat | None:
    outcomes = {
        record["title"]: [one["verdict"] for one in record["hypotheses"].values()]
        for record in bundle.experiments.values()
    }
    outcomes |= {
        record["title"]: [one["outcome"] for one in record["verdicts"].values()]
        for record in bundle.studies.values()
    }
    titles = [
        title
        for title, found in outcomes.items()
        if all(one.startswith("not testable") for one in found)
    ]
    if not titles:
        return None
    return Caveat(
        "No published observation tests: " + "; ".join(titles) + ". Only predictions stand there."
    )


def _uncalibrated(bundle: Bundle) -> Caveat | None:
    names = [one["name"] for one in bundle.index["hypotheses"] if not one["calibrated"]]
    if not names:
        return None
    return Caveat(
        "Without a calibration of their own, with the values of article, and marked uncalibrated "
        "wherever they appear: " + ", ".join(names) + "."
    )


def _second_hand(bundle: Bundle) -> Caveat:
    seen = Counter(one["seen"] for one in bundle.index["references"].values())
    total = sum(seen.values())
    return Caveat(
        f"Of {total} sources {seen['SEEN-F']} were read in full, {seen['SEEN-A']} in abstract, table "
        f"or label, and {seen['SEEN-2']} only through another source. The list of references says which."
    )


def _said_by_experiments(bundle: Bundle) -> Caveat | None:
    said: dict[str, list[str]] = {}
    for record in bundle.experiments.values():
        for sentence in record["warnings"]:
            said.setdefault(sentence, []).append(record["id"])
    every = len(bundle.experiments)
    details = [
        text if len(where) == every else f"{text} ({', '.join(where)})"
        for text, where in said.items()
        if "uncalibrated" not in text
    ]
    return Caveat("The experiments themselves say:", tuple(details)) if details else None


def _size(bundle: Bundle) -> Caveat | None:
    if not bundle.experiments:
        return None
    errors = [
        row["mc_error"]
        for record in bundle.experiments.values()
        for one in record["hypotheses"].values()
        for row in one["shares"]
        if row["time_h"] == 24.0 and row["mc_error"] is not None
    ]
    largest = f"{max(errors):.2f}" if errors else "unknown"
    return Caveat(
        f"Each hypothesis was given to the same {bundle.index['patients']} virtual patients (size "
        f"“{bundle.index['size']}”). The Monte-Carlo error of a median share of effect at 24 h is at "
        f"most {largest}; every table prints its own."
    )
