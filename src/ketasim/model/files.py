"""Reading the model's own files: where they lie, and one sentence for whatever is wrong in them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ketasim.errors import ModelError, nearest_names

if TYPE_CHECKING:
    from pydantic import BaseModel

FOLDER = Path(__file__).parent
MECHANISMS = FOLDER / "mechanisms"
PARAMETERS = FOLDER / "parameters"
DRUGS = FOLDER / "drugs"
HYPOTHESES = FOLDER / "hypotheses"
CALIBRATED = FOLDER / "calibrated"
VARIABLES = FOLDER / "variables.csv"
LIMITS = FOLDER / "limits.txt"

Checked = TypeVar("Checked", bound="BaseModel")


def known_limits() -> tuple[str, ...]:
    """Return what the model is known to fall short of, one paragraph each."""
    return tuple(LIMITS.read_text("utf-8").splitlines())


@cache
def mechanism_texts() -> dict[str, str]:
    """Antimony text of every mechanism, keyed by its file's name without the ending."""
    return {path.stem: path.read_text("utf-8") for path in sorted(MECHANISMS.glob("*.ant"))}


def read_yaml(path: Path, schema: type[Checked]) -> Checked:
    """Read one YAML file and check it against its schema.

    Raises
    ------
    ModelError
        The file is missing, is no YAML, or a field is unknown, absent or of the wrong kind.
    """
    import yaml
    from pydantic import ValidationError

    try:
        content: Any = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise ModelError("cannot be read", where=str(path), expected="a YAML file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = str(error).splitlines()[0]
        raise ModelError(f"is not valid YAML ({problem})", where=path.name) from error
    if not isinstance(content, dict):
        raise ModelError(
            "holds no fields", where=path.name, expected="a mapping of names to values"
        )
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        raise _as_sentence(path, schema, error) from error


def _as_sentence(path: Path, schema: type[BaseModel], error: Any) -> ModelError:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = nearest_names(place, schema.model_fields)
        return ModelError(f"unknown field '{place}'", where=path.name, suggestions=known)
    return ModelError(f"field '{place}' {first['msg'].lower()}", where=path.name)
