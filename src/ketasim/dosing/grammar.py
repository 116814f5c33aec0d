"""The text form of a regimen: one short sentence a dose, read once into typed objects.

::

    regimen  = dose *( ";" dose )  |  "nothing"
    dose     = drug [salt] number unit route *( modifier )
    modifier = "over" time | "at" time | "every" time "x" count
    time     = number unit

A dose in mg is free base; ``ketamine hydrochloride 32.3 mg`` is weighed as the salt.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypedDict

from ketasim.dosing.dose import Dose, hours
from ketasim.dosing.regimen import NOTHING, Regimen
from ketasim.errors import InputError, RegimenError, nearest_names, unknown_name
from ketasim.model import list_drugs, load_drug

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ketasim.model import Drug

__all__ = ["check_dose", "regimen"]

_ROUTE_WORDS = {
    "intravenous": "iv", "intravenously": "iv", "i.v.": "iv",
    "intramuscular": "im", "intramuscularly": "im", "i.m.": "im",
    "subcutaneous": "sc", "subcutaneously": "sc", "s.c.": "sc",
    "po": "oral", "p.o.": "oral", "orally": "oral",
    "intranasal": "nasal", "intranasally": "nasal",
    "sl": "sublingual", "sublingually": "sublingual",
    "intraperitoneal": "ip", "i.p.": "ip",
    "intracerebroventricular": "icv", "i.c.v.": "icv",
}  # fmt: skip
_SALT_WORDS = {"hcl": "hydrochloride"}
_MODIFIERS = ("over", "at", "every")
_EXPECTED = "for instance 'ketamine 0.5 mg/kg iv over 40 min'"
_NUMBER = re.compile(r"(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?P<rest>.*)", re.S)
_COUNT = re.compile(r"[x×](?P<count>\d*)", re.IGNORECASE)


def regimen(text: str | Dose | Regimen | Sequence[str | Dose | Regimen]) -> Regimen:
    """Read a regimen.

    Parameters
    ----------
    text : str, Dose, Regimen or sequence of them
        Doses joined by ``";"``, or a list. A dose is a drug, the salt if it was weighed as one,
        an amount, a route, and then in any order ``over`` how long, ``at`` what time and
        ``every`` interval ``x`` how many times in all.

    Returns
    -------
    Regimen
        ``regimen(str(r)) == r`` holds for every regimen of known drugs.

    Raises
    ------
    RegimenError
        If the text cannot be understood, with the words that were not.
    UnknownNameError
        If a drug, a route or a salt is unknown, with the nearest ones.

    Examples
    --------
    >>> regimen("ketamine 0.5 mg/kg iv over 40 min").doses[0].unit
    'mg/kg'
    >>> len(regimen("naltrexone 50 mg oral at -45 min; ketamine 0.5 mg/kg iv over 40 min"))
    2
    """
    if isinstance(text, Regimen):
        return text
    if isinstance(text, Dose):
        return Regimen((text,))
    if not isinstance(text, str):
        return sum((regimen(part) for part in text), start=Regimen())
    if text.strip().lower() == NOTHING:
        return Regimen()
    parts = [part.strip() for part in re.split(r"[;\n]", text)]
    doses = tuple(_dose(part) for part in parts if part)
    if not doses:
        raise RegimenError("there is no dose in an empty text", expected=_EXPECTED)
    return Regimen(doses)


def _dose(text: str) -> Dose:
    where = f"dose {text!r}"
    head, number, unit, tail = _split(text.split(), where)
    salt = " ".join(head[1:]).lower() or None
    route = tail[0].lower() if tail and tail[0].lower() not in _MODIFIERS else None
    if route is None:
        raise RegimenError("there is no route", where=where, expected=_routes_of(head[0]))
    try:
        dose = Dose(
            drug=head[0].lower(),
            amount=number,
            unit=unit,
            route=_ROUTE_WORDS.get(route, route),
            salt=_SALT_WORDS.get(salt or "", salt),
            **_modifiers(tail[1:], where),
        )
    except RegimenError as error:
        if error.where == where:
            raise
        raise RegimenError(
            error.what, where=where, expected=error.expected, suggestions=error.suggestions
        ) from error
    check_dose(dose, {name: load_drug(name) for name in list_drugs() if name == dose.drug}, where)
    return dose


def _routes_of(drug: str) -> str:
    name = drug.lower()
    known = load_drug(name).routes if name in list_drugs() else ("iv", "oral", "nasal")
    return "a route after the amount: " + ", ".join(known)


def _split(words: list[str], where: str) -> tuple[list[str], float, str, list[str]]:
    """Split the words of a dose into drug and salt, number, unit, and all that follows."""
    at = next((i for i, word in enumerate(words) if _NUMBER.match(word)), None)
    if at is None:
        raise RegimenError("there is no amount", where=where, expected=_EXPECTED)
    if at == 0:
        raise RegimenError("there is no drug before the amount", where=where, expected=_EXPECTED)
    number, rest = _number(words[at])
    tail = words[at + 1 :]
    unit = rest or (tail.pop(0) if tail else "")
    if not unit:
        raise RegimenError(f"the amount {words[at]} has no unit", where=where, expected=_EXPECTED)
    return words[:at], number, unit, tail


def _number(word: str) -> tuple[float, str]:
    match = _NUMBER.match(word)
    assert match is not None
    return float(match["number"]), match["rest"]


class _Timing(TypedDict, total=False):
    start_h: float
    duration_h: float
    interval_h: float
    repeats: int


def _modifiers(words: list[str], where: str) -> _Timing:
    found: _Timing = {}
    left = list(words)
    while left:
        word = left.pop(0)
        if word.lower() not in _MODIFIERS:
            raise RegimenError(
                f"{word!r} was not understood",
                where=where,
                expected="'over 40 min', 'at -45 min' or 'every 84 h x 8'",
                suggestions=nearest_names(word, _MODIFIERS),
            )
        new = _modifier(word.lower(), left, where)
        if found.keys() & new.keys():
            raise RegimenError(f"{word!r} stands twice", where=where)
        found.update(new)
    return found


def _modifier(word: str, left: list[str], where: str) -> _Timing:
    time = _take_time(word, left, where)
    if word == "over":
        return {"duration_h": time}
    if word == "at":
        return {"start_h": time}
    return {"interval_h": time, "repeats": _take_count(left, where)}


def _take_time(word: str, left: list[str], where: str) -> float:
    if not left:
        raise RegimenError(f"no time follows {word!r}", where=where, expected=f"'{word} 40 min'")
    text = left.pop(0)
    match = _NUMBER.match(text)
    if match and not match["rest"] and left:
        text = f"{text} {left.pop(0)}"
    try:
        return hours(text)
    except RegimenError as error:
        raise RegimenError(
            f"after {word!r}: {error.what}",
            where=where,
            expected=error.expected,
            suggestions=error.suggestions,
        ) from error


def _take_count(left: list[str], where: str) -> int:
    match = _COUNT.fullmatch(left[0]) if left else None
    if match is None:
        raise RegimenError(
            "after 'every' it is not said how often", where=where, expected="'every 84 h x 8'"
        )
    left.pop(0)
    count = match["count"] or (left.pop(0) if left else "")
    if not count.isdecimal():
        raise RegimenError(f"{count!r} is no count", where=where, expected="'every 84 h x 8'")
    return int(count)


def check_dose(dose: Dose, drugs: Mapping[str, Drug], where: str | None = None) -> Drug:
    """Check that a dose's drug, route and salt exist.

    Parameters
    ----------
    dose : Dose
        The dose.
    drugs : mapping of str to Drug
        The drugs that may be given.
    where : str, optional
        The place the dose was read from, for the error; by default the dose itself.

    Returns
    -------
    Drug
        The dose's drug.

    Raises
    ------
    UnknownNameError
        If the drug, the salt or the drug's route is unknown.
    """
    place = where or f"dose '{dose}'"
    drug = drugs.get(dose.drug)
    if drug is None:
        raise unknown_name("drug", dose.drug, {*list_drugs(), *drugs}, where=place)
    if dose.route not in drug.routes:
        raise _unknown(f"route for {dose.drug}", dose.route, tuple(drug.routes), place)
    if dose.salt is not None and dose.salt not in drug.salts:
        raise _unknown(f"salt of {dose.drug}", dose.salt, tuple(drug.salts), place)
    return drug


def _unknown(kind: str, name: str, known: tuple[str, ...], where: str) -> InputError:
    if known:
        return unknown_name(kind, name, known, where=where)
    return RegimenError(f"unknown {kind} {name!r}: none is known", where=where)
