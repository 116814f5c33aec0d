"""Expectancy and care from control arms alone."""

from pathlib import Path

import numpy as np
import pytest

from ketasim.inference import fit_contexts, write_contexts
from ketasim.instruments.context import context_table, load_context


def test_each_control_type_is_its_trial_at_24_h() -> None:
    table = fit_contexts()
    published = {"midazolam": -8.8, "saline": -3.8, "nasal_placebo_with_antidepressant": -5.7}
    for kind, value in published.items():
        assert table.loc[kind, "value"] == pytest.approx(value)
    assert table.loc["active", "value"] == pytest.approx(np.mean(list(published.values())))
    assert table.loc["active", "status"] == "assumed"


def test_the_course_follows_the_nasal_placebo_arm() -> None:
    # Daly 2018: -9.7 at 2 h, -5.7 at 24 h, -4.9 at day 8 (SE about 1.8).
    context = load_context(fit_contexts())
    found = context.mean_change("nasal_placebo_with_antidepressant", [2.0, 24.0, 168.0])
    np.testing.assert_allclose(found, [-9.7, -5.7, -4.9], atol=1.8)


def test_spread_and_correlation_are_as_declared() -> None:
    context = load_context(fit_contexts())
    assert 9.5 <= context.change_sd() <= 11.0
    assert context.visit_correlation() == pytest.approx(0.7)


def test_the_shipped_table_is_what_the_fit_writes(tmp_path: Path) -> None:
    path = write_contexts(fit_contexts(), tmp_path / "context.csv")
    assert path.read_text("utf-8") == context_table_text()
    assert list(context_table(path).index) == list(context_table().index)


def context_table_text() -> str:
    from ketasim.instruments.context import CONTEXT_FILE

    return CONTEXT_FILE.read_text("utf-8")
