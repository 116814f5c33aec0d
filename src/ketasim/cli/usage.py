"""What is wrong with the words of a command, as one sentence like any other error."""

from __future__ import annotations

import re
from typing import Any

from ketasim.errors import InputError, nearest_names

__all__ = ["is_usage_error", "usage_sentence"]

_NO_WORDS = "NoArgsIsHelpError"
_PREFIX = re.compile(r"^(?:Value error|Assertion failed), ")
_SHOULD = re.compile(r"^Input should be (?P<expected>.*?)(?:, unable to .*)?$")


def is_usage_error(error: Exception) -> bool:
    """Return whether an error is the command line's own, about words it cannot use.

    Parameters
    ----------
    error : Exception
        Whatever was raised. typer once took these errors from click and now has its own, so they
        are known by what they offer.
    """
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def usage_sentence(error: Any) -> str:
    """Return the sentence for an error of the command line; empty where help was the answer.

    Parameters
    ----------
    error : Exception
        For which `is_usage_error` holds.

    Returns
    -------
    str
        With the command, the option and, where one is near, the word that was perhaps meant.
    """
    if type(error).__name__ == _NO_WORDS:
        # With rich the help is printed already; without, it is the message.
        return str(error.format_message())
    command = error.ctx.command_path if getattr(error, "ctx", None) is not None else "ketasim"
    option = getattr(error, "option_name", None)
    if getattr(error, "possibilities", None) is not None or type(error).__name__ == "NoSuchOption":
        near = nearest_names(str(option).lstrip("-"), _options_of(error))
        suggestions = [f"--{name}" for name in near]
        what = f"there is no option {option}"
        return str(InputError(what, where=command, suggestions=suggestions))
    what, expected = _complaint(error)
    return str(InputError(what, where=f"{command}{_place(error)}", expected=expected))


def _options_of(error: Any) -> list[str]:
    parameters = error.ctx.command.params if error.ctx is not None else []
    # The dashes they all begin with would make any two look alike.
    return [name[2:] for one in parameters for name in one.opts if name.startswith("--")]


def _place(error: Any) -> str:
    parameter = getattr(error, "param", None)
    return f" {parameter.opts[-1]}" if parameter is not None and parameter.opts else ""


def _complaint(error: Any) -> tuple[str, str | None]:
    """Return what is wrong with a value, and what would have been right if that is known."""
    if type(error).__name__ == "MissingParameter":
        return "it is missing", None
    text = _PREFIX.sub("", " ".join(str(error.message).split()).rstrip("."))
    should = _SHOULD.match(text)
    if should:
        return f"{_given(error)} cannot be used", should["expected"]
    # Two sentences become one.
    text = text.replace(". Did you mean", ": did you mean")
    return text[:1].lower() + text[1:], None


def _given(error: Exception) -> str:
    found: list[Any] = getattr(error.__cause__, "errors", list)()
    return repr(found[0]["input"]) if found else "the value"
