from __future__ import annotations

from typing import TYPE_CHECKING

import libsbml
import numpy as np
import pytest

from ketasim.engine import compile_model
from ketasim.errors import OutputError
from ketasim.interop import write_sbml
from ketasim.interop.sbml import sbml_text
from ketasim.model import list_hypotheses, load_model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("hypothesis", list_hypotheses())
def test_the_file_holds_the_values_of_its_hypothesis(hypothesis: str) -> None:
    model = load_model(hypothesis)
    written = libsbml.readSBMLFromString(sbml_text(model))
    assert (written.getLevel(), written.getVersion()) == (3, 2)
    for name, value in model.values().items():
        assert written.getModel().getParameter(name).getValue() == value


def test_the_file_passes_libsbml_without_a_unit_warning() -> None:
    document = libsbml.readSBMLFromString(sbml_text(load_model("no_opioid")))
    document.checkConsistency()
    assert document.getNumErrors(libsbml.LIBSBML_SEV_ERROR) == 0
    assert document.getNumErrors(libsbml.LIBSBML_SEV_WARNING) == 0


def test_the_file_alone_gives_the_numbers_of_the_package() -> None:
    model = load_model("no_opioid")
    alone, inside = compile_model(sbml_text(model)), model.compiled()
    values = {name: one for name, one in model.values().items() if name in inside.parameters}
    state = np.full(len(inside.states), 0.1)
    assert alone.states == inside.states
    np.testing.assert_allclose(
        alone.derivatives(state, {}), inside.derivatives(state, values), rtol=1e-12
    )


def test_a_value_that_is_not_the_table_s_says_what_set_it() -> None:
    model = load_model("mtor_sparing")
    document = libsbml.readSBMLFromString(sbml_text(model))
    notes = {one.getId(): one.getNotesString() for one in document.getModel().getListOfParameters()}
    assert "set by hypothesis mtor_sparing" in notes["mtorc1_share_fast"]
    assert {name for name, text in notes.items() if "fitted for mtor_sparing" in text} == {
        name for name, value in model.calibration.values.items()
        if value != model.table.at[name, "value"]
    }  # fmt: skip
    assert "set by" not in notes["v_arterial_70"]


def test_a_file_in_the_way_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="could not be written"):
        write_sbml(load_model(), tmp_path / "file" / "model.xml")
