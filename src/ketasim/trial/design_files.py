"""Designs as YAML files: read strictly, with the line of whatever is wrong; listed by name.

A shipped design is known by the name of its file. A file of a user is given as a path.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ketasim.errors import InputError, nearest_names, unknown_name
from ketasim.trial.design import TrialDesign

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DESIGNS", "list_designs", "load_design", "read_design"]

DESIGNS = Path(__file__).parent / "designs"
"""The folder of the shipped designs."""

_ENDINGS = (".yaml", ".yml")


@cache
def list_designs() -> tuple[str, ...]:
    """Return the names of the shipped designs, in alphabetical order."""
    return tuple(sorted(path.stem for path in DESIGNS.glob("*.yaml")))


def load_design(source: str | Path | TrialDesign) -> TrialDesign:
    """Load a design.

    Parameters
    ----------
    source : str, path or TrialDesign
        One of `list_designs`, or a YAML file.

    Returns
    -------
    TrialDesign
        Checked.

    Raises
    ------
    UnknownNameError
        If there is no shipped design of that name; says the nearest.
    InputError
        If the file cannot be read or a field cannot be used; says file and line.
    """
    if isinstance(source, TrialDesign):
        return source
    if isinstance(source, Path) or source.endswith(_ENDINGS) or "/" in source:
        return read_design(Path(source))
    if source not in list_designs():
        raise unknown_name("trial design", source, list_designs())
    return _shipped(source)


@cache
def _shipped(name: str) -> TrialDesign:
    return read_design(DESIGNS / f"{name}.yaml")


def read_design(path: Path) -> TrialDesign:
    """Read one design file.

    Parameters
    ----------
    path : Path
        A YAML file with the fields of `TrialDesign`.

    Returns
    -------
    TrialDesign
        Checked.

    Raises
    ------
    InputError
        One sentence with the file and, where it is known, the line.
    """
    from pydantic import TypeAdapter, ValidationError

    content, lines = _parsed(path)
    if isinstance(content, dict):
        content.setdefault("name", path.stem)
    try:
        return TypeAdapter(TrialDesign).validate_python(content)
    except ValidationError as error:
        raise _as_sentence(error.errors(), path, lines) from error
    except InputError as error:
        place = _place(path.name, _line_of(error.where or "", lines), error.where)
        raise type(error)(
            error.what, where=place, expected=error.expected, suggestions=error.suggestions
        ) from error


def _parsed(path: Path) -> tuple[Any, dict[str, int]]:
    import yaml

    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "the design cannot be read", where=str(path), expected="a YAML file"
        ) from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        raise InputError("the file is not valid YAML", where=_place(path.name, line)) from error
    if not isinstance(content, dict):
        raise InputError(
            "the design holds no fields", where=path.name, expected="a mapping of names to values"
        )
    lines = dict(_lines(node, ()))
    twice = _twice(node)
    if twice is not None:
        raise InputError(f"the field {twice[0]!r} stands twice", where=_place(path.name, twice[1]))
    return content, {**lines, **dict(_part_lines(content, lines))}


def _lines(node: Any, above: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Give the line of every field, under the words that errors have for it."""
    from yaml import MappingNode, SequenceNode

    if isinstance(node, MappingNode):
        for key, value in node.value:
            here = (*above, str(key.value))
            yield _field(here), key.start_mark.line + 1
            yield from _lines(value, here)
    elif isinstance(node, SequenceNode):
        for place, value in enumerate(node.value):
            here = (*above, str(place))
            yield _field(here), value.start_mark.line + 1
            yield from _lines(value, here)


def _twice(node: Any) -> tuple[str, int] | None:
    """Return a key that stands twice in a mapping, of which YAML would keep the last."""
    from yaml import MappingNode, SequenceNode

    if isinstance(node, MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if str(key.value) in seen:
                return str(key.value), key.start_mark.line + 1
            seen.add(str(key.value))
            if (below := _twice(value)) is not None:
                return below
    elif isinstance(node, SequenceNode):
        return next((found for one in node.value if (found := _twice(one)) is not None), None)
    return None


def _field(path: tuple[str, ...]) -> str:
    return f"field '{'.'.join(path)}'"


def _line_of(where: str, lines: dict[str, int]) -> int | None:
    """Return the line of the place that an error names."""
    # What follows the field, for instance the dose within a regimen, has no line of its own.
    near = [one for one in lines if where == one or where.startswith(f"{one},")]
    if near:
        return lines[max(near, key=len)]
    # A part that does not know where in the design it stands names its own field alone.
    ending = "." + where.removeprefix("field '")
    found = {line for one, line in lines.items() if one.endswith(ending)}
    return found.pop() if len(found) == 1 else None


def _part_lines(content: dict[str, Any], lines: dict[str, int]) -> Iterator[tuple[str, int]]:
    """Give the lines of the fields of arms and visits under the words that errors have for them."""
    visits = content.get("visits")
    for place, visit in enumerate(visits if isinstance(visits, list) else ()):
        time = visit.get("time_h") if isinstance(visit, dict) else None
        if isinstance(time, (int, float)):
            start = f"field 'visits.{place}."
            for where, line in lines.items():
                if where.startswith(start):
                    yield f"visit at {time:g} h, field '{where.removeprefix(start)}", line
    arms = content.get("arms")
    for place, arm in enumerate(arms if isinstance(arms, list) else ()):
        if not isinstance(arm, dict):
            continue
        start = f"field 'arms.{place}."
        for where, line in lines.items():
            if where.startswith(start):
                yield f"arm '{arm.get('name')}', field '{where.removeprefix(start)}", line
                yield f"field 'arms.{arm.get('name')}.{where.removeprefix(start)}", line


def _place(file: str, line: int | None, where: str | None = None) -> str:
    parts = [file, f"line {line}" if line else "", where or ""]
    return ", ".join(part for part in parts if part)


def _as_sentence(errors: list[Any], path: Path, lines: dict[str, int]) -> InputError:
    # A misspelt field is also a missing one; the misspelling says more.
    unknown = [one for one in errors if one["type"] == "unexpected_keyword_argument"]
    first = (unknown or errors)[0]
    steps = tuple(str(part) for part in first["loc"])
    where = _field(steps)
    # A field that is missing has no line; that of what it should stand in has.
    line = next(
        (lines[_field(steps[:k])] for k in range(len(steps), 0, -1) if _field(steps[:k]) in lines),
        None,
    )
    place = _place(path.name, line, where)
    if first["type"] == "unexpected_keyword_argument":
        near = nearest_names(steps[-1], _fields_at(steps[:-1]))
        return InputError(f"unknown field {steps[-1]!r}", where=place, suggestions=near)
    if first["type"] in ("missing", "missing_argument"):
        return InputError(f"the field {steps[-1]!r} is missing", where=place)
    if first["type"] == "literal_error":
        known = first["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        given = str(first["input"])
        return InputError(
            f"unknown {steps[-1]} {given!r}",
            where=place,
            expected=f"one of {known}",
            suggestions=nearest_names(given, known.split(", ")),
        )
    return InputError(str(first["msg"]).lower(), where=place)


def _fields_at(steps: tuple[str, ...]) -> tuple[str, ...]:
    """Return the fields that may stand at a place of a design."""
    from dataclasses import fields, is_dataclass
    from typing import get_type_hints

    from ketasim.trial import design, design_parts

    kind: Any = TrialDesign
    names = {**vars(design_parts), **vars(design)}
    for step in steps:
        if is_dataclass(kind):
            hints = get_type_hints(kind, globalns=names)
            kind = hints.get(step)
            kind = next((one for one in (kind, *_inner(kind)) if is_dataclass(one)), kind)
    return tuple(one.name for one in fields(kind)) if is_dataclass(kind) else ()


def _inner(kind: Any) -> tuple[Any, ...]:
    from typing import get_args

    return tuple(found for one in get_args(kind) for found in (one, *_inner(one)))
