"""Scales that trials use and the model cannot predict, each with the reason."""

from __future__ import annotations

from dataclasses import dataclass

from ketasim.errors import EvidenceError

__all__ = ["UnmappedScale"]


@dataclass(frozen=True)
class UnmappedScale:
    """A scale to which no map from the model's own outcomes is in the evidence.

    Parameters
    ----------
    name : str
        The name in code, for instance ``"qids"``.
    title : str
        The name in print.
    reason : str
        Why nothing is predicted, as the end of a sentence without a full stop.
    """

    name: str
    title: str
    reason: str

    @property
    def sentence(self) -> str:
        """What a row of predictions says in place of a number."""
        return f"{self.title} cannot be predicted: {self.reason}"

    def refusal(self) -> EvidenceError:
        """Make the error that says so."""
        return EvidenceError(self.sentence, expected="a scale of list_scales()")
