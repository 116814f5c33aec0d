"""What is refused by the text of a model alone, before libSBML sees it.

A model file is untrusted. libSBML would expand entities and descend into any depth of nesting,
so the text first passes Python's own XML parser, which keeps nothing of it: size, well-formedness,
declarations, nesting and the form of every identifier are checked here.
"""

from __future__ import annotations

import re
from typing import Any

from ..errors import ModelError

#: Largest model that is read, in bytes of UTF-8.
LARGEST_TEXT = 32 * 2**20
#: Most XML elements in a model, and how deep they may be nested.
MOST_ELEMENTS = 1_000_000
DEEPEST_NESTING = 1_000
#: Most compartments, species, parameters and reactions together.
MOST_QUANTITIES = 200_000

_SBML_NAMESPACE = "http://www.sbml.org/sbml/level"
_QUANTITIES = ("compartment", "species", "parameter", "localParameter", "reaction")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHOWN = 60
_NUMBER = "http://www.w3.org/1998/Math/MathML cn"
_WHOLE, _BROKEN = r"[+-]?\d+", r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
#: What a number may look like, by its type; <sep/> is written as |.
_FORMS = {
    "real": re.compile(_BROKEN),
    "integer": re.compile(_WHOLE),
    "e-notation": re.compile(rf"{_BROKEN} *\| *{_WHOLE}"),
    "rational": re.compile(rf"{_WHOLE} *\| *{_WHOLE}"),
}


def shown(name: str) -> str:
    """Return a name of the model's in quotes, as one short line.

    Parameters
    ----------
    name : str
        Anything that stands in the file.
    """
    return repr(name if len(name) <= _SHOWN else name[:_SHOWN] + "...")


def check_text(sbml: str) -> None:
    """Stop on text that is too large, no XML, or XML that no model needs.

    Parameters
    ----------
    sbml : str
        The model.

    Raises
    ------
    ModelError
        With one sentence that names the limit or the line.
    """
    from xml.parsers import expat

    if len(sbml) > LARGEST_TEXT:
        raise ModelError(
            f"the model has {len(sbml) / 2**20:.0f} MB", where="SBML",
            expected=f"at most {LARGEST_TEXT // 2**20} MB",
        )  # fmt: skip
    parser = expat.ParserCreate(namespace_separator=" ")
    watch = _Watch(parser)
    parser.StartDoctypeDeclHandler = watch.doctype
    parser.EntityDeclHandler = watch.entity
    parser.StartElementHandler = watch.start
    parser.EndElementHandler = watch.end
    try:
        parser.Parse(sbml, True)
    except expat.ExpatError as error:
        message = expat.ErrorString(error.code)
        raise ModelError(f"line {error.lineno}: {message}", where="SBML") from None
    except UnicodeEncodeError:
        raise ModelError("the text holds characters that are none", where="SBML") from None


class _Watch:
    """Counts elements and looks at identifiers as the parser meets them."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self._depth = 0
        self._elements = 0
        self._quantities = 0
        self._number: list[str] = []
        self._form = ""

    def _refuse(self, what: str, expected: str | None = None) -> ModelError:
        where = f"SBML, line {self._parser.CurrentLineNumber}"
        return ModelError(what, where=where, expected=expected)

    def doctype(self, *_: object) -> None:
        """Refuse a document type: it is where entities are declared, and SBML has none."""
        raise self._refuse("a DOCTYPE or ENTITY declaration is not allowed in a model")

    def entity(self, *_: object) -> None:
        """Refuse an entity."""
        raise self._refuse("a DOCTYPE or ENTITY declaration is not allowed in a model")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Look at an element."""
        self._depth += 1
        self._elements += 1
        if self._depth > DEEPEST_NESTING:
            raise self._refuse(
                "the elements are nested too deeply", f"at most {DEEPEST_NESTING} levels"
            )
        if self._elements > MOST_ELEMENTS:
            raise self._refuse("the model has too many elements", f"at most {MOST_ELEMENTS:,}")
        if name.startswith(_SBML_NAMESPACE):
            self._look_at(name.rpartition(" ")[2], attributes)
        elif name == _NUMBER:
            self._begin_number(attributes)
        elif self._form:
            self._number.append("|")

    def _look_at(self, kind: str, attributes: dict[str, str]) -> None:
        identifier = attributes.get("id")
        if identifier is not None and not _IDENTIFIER.fullmatch(identifier):
            raise self._refuse(
                f"{shown(identifier)} is no identifier of SBML",
                "letters, digits and underscores, no digit first",
            )
        if kind in _QUANTITIES:
            self._quantities += 1
            if self._quantities > MOST_QUANTITIES:
                raise self._refuse(
                    "the model has too many compartments, species, parameters and reactions",
                    f"at most {MOST_QUANTITIES:,}",
                )

    def _begin_number(self, attributes: dict[str, str]) -> None:
        """Collect a number's text: libSBML reads as far as it understands and drops the rest."""
        if attributes.get("base", "10") != "10":
            raise self._refuse(f"a number has the base {shown(attributes['base'])}", "10")
        self._form, self._number = attributes.get("type", "real"), []
        self._parser.CharacterDataHandler = self._number.append

    def _end_number(self) -> None:
        text, form = "".join(self._number).strip(), _FORMS.get(self._form)
        if form is not None and not form.fullmatch(text):
            raise self._refuse(f"{shown(text)} is no number of the type {self._form!r}")
        self._parser.CharacterDataHandler = None
        self._form = ""

    def end(self, name: str) -> None:
        """Leave an element."""
        self._depth -= 1
        if name == _NUMBER:
            self._end_number()
