"""Joining mechanisms, parameter values and drugs into one Antimony text."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from ketasim.errors import ModelError, nearest_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ketasim.model.drug import Drug

LOAD = re.compile(r"\bload_(\w+)\b")


def sites(mechanisms: Mapping[str, str]) -> tuple[str, ...]:
    """Sites of action that the mechanisms read, for instance ``ampa_block``.

    A mechanism reads ``load_<site>``: the sum, over the drugs that act there, of amount over the
    amount for half occupancy.
    """
    return tuple(sorted({site for text in mechanisms.values() for site in LOAD.findall(text)}))


def drug_text(drug: Drug) -> str:
    """Antimony text of a drug whose kinetics are generated: one compartment, first-order loss."""
    if drug.kinetics != "one compartment":
        return ""
    name = drug.name
    lines = [f"substanceOnly species {name} in body"]
    if drug.absorbed:
        lines += [
            f"substanceOnly species {name}_depot in body",
            f"{name}_absorption: {name}_depot -> {name}; {name}_ka*{name}_depot",
        ]
    lines.append(f"{name}_loss: {name} -> $void; {name}_k*{name}")
    return "\n".join(lines)


def site_text(site: str, drugs: Iterable[Drug]) -> str:
    """Write the assignment rule of one site: competing ligands add up (Gaddum)."""
    terms = [
        f"{drug.name}/({drug.name}_ed50_{site}*size_factor)"
        for drug in drugs
        if site in drug.acts_on
    ]
    return f"load_{site} := {' + '.join(terms) or '0'}"


def check_sites(drugs: Iterable[Drug], known: tuple[str, ...]) -> None:
    """Raise ModelError for a drug that acts on a site no mechanism reads."""
    for drug in drugs:
        for site in drug.acts_on:
            if site not in known:
                raise ModelError(
                    f"drug '{drug.name}' acts on the unknown site '{site}'",
                    where=f"{drug.name}.yaml",
                    suggestions=nearest_names(site, known),
                )


def assemble(
    mechanisms: Mapping[str, str], values: Mapping[str, float], drugs: Iterable[Drug]
) -> str:
    """Antimony text of the whole model.

    Parameters
    ----------
    mechanisms : mapping of str to str
        Name to Antimony text.
    values : mapping of str to float
        Parameter values on their natural scale.
    drugs : iterable of Drug

    Returns
    -------
    str
    """
    drugs = tuple(drugs)
    found = sites(mechanisms)
    check_sites(drugs, found)
    parts = ["model ketasim"]
    parts += [f"// {name}\n{text}" for name, text in mechanisms.items()]
    parts += [drug_text(drug) for drug in drugs]
    parts += [site_text(site, drugs) for site in found]
    parts += [f"{name} = {value!r}" for name, value in values.items()]
    parts += ["body = 1", "end", ""]
    return "\n".join(parts)


@cache
def variables_of(text: str) -> tuple[str, ...]:
    """Names that one mechanism's text defines: rules, rates and species, in their order."""
    names: list[str] = []
    for line in text.splitlines():
        if line.startswith("substanceOnly species"):
            names += re.findall(r"(\w+) in body", line.replace("$void in body", ""))
        else:
            match = re.match(r"(\w+)('| :=)", line)
            if match:
                names.append(match.group(1))
    return tuple(dict.fromkeys(names))
