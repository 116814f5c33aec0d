"""Settings: a table that is checked, and a slow response that begins with the trial."""

from __future__ import annotations

import numpy as np
import pytest

from ketasim.errors import EvidenceError, InputError
from ketasim.instruments.settings import DECLARED_CONTEXTS, load_settings, settings_table


def test_contexts_that_no_trial_has_are_declared_and_say_so() -> None:
    table = settings_table()
    assert set(table.loc[list(DECLARED_CONTEXTS), "status"]) == {"assumed"}
    assert set(DECLARED_CONTEXTS) <= set(load_settings().assumed)
    assert (table["sd"] > 0.0).all()


def test_the_slow_response_begins_at_0_and_has_come_to_63_percent_after_tau() -> None:
    settings = load_settings()
    found = settings.antidepressant_course([-5.0, 0.0, settings.antidepressant_tau_h, 1e6])
    assert found == pytest.approx([0.0, 0.0, 1.0 - np.exp(-1.0), 1.0])


@pytest.mark.parametrize(
    ("row", "column", "value", "sentence"),
    [
        ("inpatient", "unit", "h", "has the unit 'h'"),
        ("inpatient", "value", "many", "holds 'many'"),
        ("between_trial_sd", "value", "0", "'between_trial_sd' is 0"),
    ],
)
def test_a_wrong_table_is_named(row: str, column: str, value: str, sentence: str) -> None:
    table = settings_table().astype(str)
    table.loc[row, column] = value
    with pytest.raises((EvidenceError, InputError), match=sentence):
        load_settings(table)
    with pytest.raises(EvidenceError, match="has no row 'inpatient'"):
        load_settings(settings_table().drop(index="inpatient"))
