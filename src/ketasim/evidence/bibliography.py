"""The sources: one BibTeX file, formatted references, and what was cited because of what."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from ketasim.errors import EvidenceError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Citations", "Reference", "bibliography", "cite", "reference"]

FILE = Path(__file__).parent / "references.bib"
HOW_SEEN = {
    "SEEN-F": "read in full text or model file",
    "SEEN-A": "read in abstract, table or label",
    "SEEN-2": "read in a secondary source",
}


@dataclass(frozen=True)
class Reference:
    """One source.

    Attributes
    ----------
    key : str
        The citation key.
    kind : str
        The BibTeX entry type.
    fields : mapping of str to str
        The fields as they stand in the file. No field is filled beyond what the evidence states.
    """

    key: str
    kind: str
    fields: Mapping[str, str]

    @property
    def label(self) -> str:
        """A short name for tables and figures, for instance ``Williams 2018``."""
        return self.fields["shorthand"]

    @property
    def seen(self) -> str:
        """How the source was seen: ``SEEN-F``, ``SEEN-A`` or ``SEEN-2``."""
        return self.fields["seen"]

    @property
    def doi(self) -> str | None:
        """The DOI without resolver, or None."""
        return self.fields.get("doi")

    @property
    def url(self) -> str | None:
        """An address of the source: its DOI, PubMed Central or PubMed page, or None."""
        links = (
            ("doi", "https://doi.org/"),
            ("pmcid", "https://pmc.ncbi.nlm.nih.gov/articles/"),
            ("pmid", "https://pubmed.ncbi.nlm.nih.gov/"),
            ("url", ""),
        )
        found = (start + self.fields[name] for name, start in links if name in self.fields)
        return next(found, None)

    def to_text(self) -> str:
        """Return the reference as one line: name, journal, address, how it was seen."""
        parts = [self.label]
        if "title" in self.fields:
            parts.append(self.fields["title"])
        if "journal" in self.fields:
            parts.append(self._journal())
        if self.url:
            parts.append(self.url)
        return ". ".join(parts) + f" ({HOW_SEEN[self.seen]})"

    def _journal(self) -> str:
        text = self.fields["journal"]
        if "volume" in self.fields:
            text += f" {self.fields['volume']}"
        if "number" in self.fields:
            text += f"({self.fields['number']})"
        return text + (f":{self.fields['pages']}" if "pages" in self.fields else "")

    def to_bibtex(self) -> str:
        """Return the reference as a BibTeX entry."""
        body = "".join(f"  {name:<9} = {{{text}}},\n" for name, text in self.fields.items())
        return f"@{self.kind}{{{self.key},\n{body}}}\n"


def _read(path: Path) -> Mapping[str, Reference]:
    from pybtex.database import parse_file
    from pybtex.exceptions import PybtexError

    try:
        database = parse_file(str(path), "bibtex")
    except (OSError, PybtexError) as error:
        raise EvidenceError(
            f"the references cannot be read: {error}", where=path.name, expected="valid BibTeX"
        ) from error
    return MappingProxyType(
        {key: _reference(key, entry, path) for key, entry in database.entries.items()}
    )


def _reference(key: str, entry: object, path: Path) -> Reference:
    fields = dict(entry.fields)  # type: ignore[attr-defined]
    names = entry.persons.get("author", ())  # type: ignore[attr-defined]
    if names:
        fields["author"] = " and ".join(str(name) for name in names)
    for needed in ("shorthand", "seen"):
        if needed not in fields:
            raise EvidenceError(f"the reference '{key}' has no {needed}", where=path.name)
    if fields["seen"] not in HOW_SEEN:
        raise EvidenceError(
            f"the reference '{key}' is marked '{fields['seen']}'",
            where=path.name,
            expected="one of " + ", ".join(HOW_SEEN),
        )
    order = ["shorthand", "author", *(name for name in fields if name != "author")]
    kept = {name: fields[name] for name in dict.fromkeys(order) if name in fields}
    return Reference(key=key, kind=str(entry.type), fields=MappingProxyType(kept))  # type: ignore[attr-defined]


@functools.cache
def bibliography() -> Mapping[str, Reference]:
    """Return every reference by citation key, in the order of the file.

    Returns
    -------
    mapping of str to Reference
        Read-only.
    """
    return _read(FILE)


def reference(key: str) -> Reference:
    """Return one reference.

    Parameters
    ----------
    key : str
        A citation key.

    Returns
    -------
    Reference
        The source.

    Raises
    ------
    UnknownNameError
        If no source has that key.
    """
    known = bibliography()
    if key not in known:
        raise unknown_name("citation", key, known)
    return known[key]


def split_keys(cell: str) -> tuple[str, ...]:
    """Return the citation keys of a cell such as ``"spravatolabel;doherty2020"``."""
    return tuple(part.strip() for part in cell.split(";") if part.strip())


@dataclass
class Citations:
    """Gathers what was cited, and because of what, along the way of a computation.

    One accumulator is handed from function to function; there is no global register. The order is
    that of the first citation.

    Attributes
    ----------
    reasons : dict of str to list of str
        The reasons of every cited key, each once.

    Examples
    --------
    >>> used = Citations().add("williams2018", because="naltrexone: 7 of 12 against 0 of 12")
    >>> used.keys
    ('williams2018',)
    """

    reasons: dict[str, list[str]] = field(default_factory=dict)

    def add(self, keys: str | Iterable[str], because: str = "") -> Citations:
        """Cite one or several sources for a reason; return the same accumulator.

        Parameters
        ----------
        keys : str or iterable of str
            Citation keys; one string may hold several separated by semicolons.
        because : str, optional
            What the source is cited for.

        Raises
        ------
        UnknownNameError
            If a key is in no reference.
        """
        given = (keys,) if isinstance(keys, str) else tuple(keys)
        for key in (part for one in given for part in split_keys(one)):
            reasons = self.reasons.setdefault(reference(key).key, [])
            if because and because not in reasons:
                reasons.append(because)
        return self

    def merge(self, other: Citations) -> Citations:
        """Take over all citations of another accumulator; return the same accumulator."""
        for key, reasons in other.reasons.items():
            own = self.reasons.setdefault(key, [])
            own.extend(reason for reason in reasons if reason not in own)
        return self

    @property
    def keys(self) -> tuple[str, ...]:
        """The cited keys in the order of their first citation."""
        return tuple(self.reasons)

    def __len__(self) -> int:
        return len(self.reasons)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys)

    def __contains__(self, key: object) -> bool:
        return key in self.reasons

    def to_text(self, verbose: bool = False) -> str:
        """Return the list of references as text; with `verbose`, what each was cited for."""
        return cite(self, verbose=verbose)

    def to_bibtex(self) -> str:
        """Return the cited references as BibTeX."""
        return cite(self, form="bibtex")


def cite(
    keys: str | Iterable[str] | Citations,
    verbose: bool = False,
    *,
    form: Literal["text", "bibtex"] = "text",
) -> str:
    """Format references.

    Parameters
    ----------
    keys : str, iterable of str, or Citations
        What to cite; repeated keys are given once.
    verbose : bool, optional
        Add under each reference what it was cited because of (known only for `Citations`), and
        the note on how far it could be read.
    form : {'text', 'bibtex'}, optional
        Lines of text, or BibTeX entries.

    Returns
    -------
    str
        One paragraph a reference, in the order given.

    Raises
    ------
    UnknownNameError
        If a key is in no reference.
    """
    gathered = keys if isinstance(keys, Citations) else Citations().add(keys)
    references = [reference(key) for key in gathered]
    if form == "bibtex":
        return "\n".join(one.to_bibtex() for one in references)
    lines = []
    for one in references:
        lines.append(f"[{one.key}] {one.to_text()}")
        if verbose:
            lines += [f"    because of: {reason}" for reason in gathered.reasons[one.key]]
            lines.append(f"    note: {one.fields['note']}")
    return "\n".join(lines)
