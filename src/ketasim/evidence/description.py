"""What stands beside every table of evidence: title, columns with meaning and unit, source, rules.

A description is a YAML file with the name of its CSV file. The two are read and validated together,
so that a column cannot appear in one of them alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import pydantic
import yaml

from ketasim.errors import EvidenceError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Column", "ColumnKind", "Description", "RoleRule", "read_description"]

ColumnKind: TypeAlias = Literal["text", "number", "integer", "bounded", "choice"]


class _Frozen(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


class Column(_Frozen):
    """One column of a table.

    Attributes
    ----------
    name : str
        The heading in the CSV file.
    meaning : str
        One line that a reader understands.
    kind : {'text', 'number', 'integer', 'bounded', 'choice'}
        ``bounded`` holds a number or the text of a bound or a range (``>=50``, ``5-16``,
        ``5 of 5``): it stays text, so that a bound can never pass for an estimate.
    unit : str
        The unit of the numbers, readable by pint, or the name of the column that holds it.
    required : bool
        Whether an empty cell is an error. Elsewhere an empty cell is missing, never zero.
    choices : tuple of str
        The words allowed in a ``choice`` column.
    pattern : str
        A regular expression that every filled cell matches as a whole.
    unique : bool
        Whether no two rows share a value.
    """

    name: str
    meaning: str
    kind: ColumnKind = "text"
    unit: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()
    pattern: str = ""
    unique: bool = False


class RoleRule(_Frozen):
    """Which rows of a table may be fitted.

    Attributes
    ----------
    column : str
        The column that holds the role; empty where no row of the table may be fitted.
    calibrate : tuple of str
        The words in that column that allow a fit.
    because : str
        Why, as a user reads it when a row is refused.
    """

    column: str = ""
    calibrate: tuple[str, ...] = ()
    because: str


class Description(_Frozen):
    """The description of one table of evidence.

    Attributes
    ----------
    name, title, source : str
        The name that `ketasim.evidence.load` takes, a heading, and where the values come from.
    rows : int
        How many rows the shipped table has.
    sha256 : str
        Hash of the shipped file with every line end counted as a line feed.
    rules : tuple of str
        What a reader must know before using the numbers.
    role : RoleRule
        Which rows may be fitted.
    label : str
        The column whose text names the source of a row in ``table_sources``; where it is the
        column ``source`` of citation keys, `keyed` is true.
    keyed : bool
        Whether `label` holds citation keys already.
    columns : tuple of Column
        The columns in the order of the file.
    intervals : tuple of (str, str, str)
        Columns (lower, value, upper) that must be in order wherever filled.
    parts : tuple of (str, str)
        Columns (part, whole) of which the first must not exceed the second.
    """

    name: str
    title: str
    source: str
    rows: int
    sha256: str
    rules: tuple[str, ...]
    role: RoleRule
    label: str = ""
    keyed: bool = False
    columns: tuple[Column, ...]
    intervals: tuple[tuple[str, str, str], ...] = ()
    parts: tuple[tuple[str, str], ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """The headings, in the order of the file."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the column of that heading.

        Parameters
        ----------
        name : str
            A heading of the table.

        Returns
        -------
        Column
            Its description.

        Raises
        ------
        UnknownNameError
            If the table has no such column.
        """
        from ketasim.errors import unknown_name

        found = {column.name: column for column in self.columns}
        if name not in found:
            raise unknown_name("column", name, found, where=f"{self.name}.csv")
        return found[name]

    def to_text(self) -> str:
        """Return the description as plain text: title, source, rules and columns."""
        lines = [f"{self.title} ({self.rows} rows)", f"Source: {self.source}", ""]
        lines += [f"- {rule}" for rule in self.rules]
        lines.append("")
        for column in self.columns:
            unit = f" [{column.unit}]" if column.unit else ""
            lines.append(f"{column.name}{unit}: {column.meaning}")
        return "\n".join(lines)


def read_description(path: Path) -> Description:
    """Read and check one description.

    Parameters
    ----------
    path : Path
        A YAML file.

    Returns
    -------
    Description
        The checked content.

    Raises
    ------
    EvidenceError
        If the file is missing, is no YAML, or a field is missing, unknown or of the wrong type.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EvidenceError(
            "the description of the table cannot be read",
            where=path.name,
            expected="a YAML file beside the CSV file",
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise EvidenceError("the description is not valid YAML", where=path.name + line) from error
    try:
        return Description.model_validate(content)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise EvidenceError(
            f"the field '{place}' of the description is wrong: {first['msg'].lower()}",
            where=path.name,
        ) from error
