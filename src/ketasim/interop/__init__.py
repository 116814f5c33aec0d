"""The model in formats that other tools read."""

from ketasim.interop.sbml import write_sbml

__all__ = ["write_sbml"]
