"""Rows are read strictly; an arm is what its row says, and what is guessed is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from ketasim.errors import KetasimError
from ketasim.inference.predicting.arms import NotPredicted, active_arm, control_arm
from ketasim.inference.predicting.rows import COLUMNS, TrialRow, read_trials

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = {
    "study": "A trial", "arm": "ketamine", "drug": "ketamine", "dose": "0.5", "dose_unit": "mg/kg",
    "route": "IV", "infusion_min": "40", "n": "30", "scale": "MADRS", "timepoint_h": "24",
    "kind": "change",
}  # fmt: skip


def row(**changes: str) -> TrialRow:
    return read_trials(pd.DataFrame([{**PLAIN, **changes}]))[0]


def written(tmp_path: Path, *rows: dict[str, str]) -> Path:
    file = tmp_path / "trials.csv"
    pd.DataFrame(rows).to_csv(file, index=False)
    return file


def test_a_plain_row_is_read() -> None:
    found = row()
    assert found.scale == "madrs"
    assert (found.number("n"), found.number("infusion_min")) == (30.0, 40.0)
    assert found.line == 2


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "chang"}, "trials.csv, row 2: unknown kind 'chang': did you mean change"),
        ({"scale": "MADSR"}, "row 2: unknown scale 'MADSR': did you mean MADRS"),
        ({"n": "1"}, "row 2, column 'n': it is 1; expected 2 or more"),
        ({"n": "many"}, "row 2, column 'n': it is 'many'; expected a number or nothing"),
        ({"timepoint_h": "-4"}, "column 'timepoint_h': it is -4; expected 0 or more"),
        ({"drug": ""}, "row 2, column 'drug': the cell is empty"),
        ({"control_type": "sugar"}, "unknown control type 'sugar'"),
        ({"masking": "blind"}, "unknown masking 'blind'"),
    ],
)
def test_bad_cells_are_named(tmp_path: Path, changes: dict[str, str], sentence: str) -> None:
    with pytest.raises(KetasimError) as caught:
        read_trials(written(tmp_path, {**PLAIN, **changes}))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_columns_double_rows_and_mixed_units_are_named(tmp_path: Path) -> None:
    for column in COLUMNS:
        short = {name: cell for name, cell in PLAIN.items() if name != column}
        with pytest.raises(KetasimError, match=f"the column '{column}' is missing"):
            read_trials(written(tmp_path, short))
    with pytest.raises(KetasimError, match="row 3 asks for what row 2 asks for"):
        read_trials(written(tmp_path, PLAIN, PLAIN))
    later = {**PLAIN, "timepoint_h": "168", "dose_unit": "mg"}
    with pytest.raises(KetasimError, match="is in 'mg' here and in 'mg/kg' in row 2"):
        read_trials(written(tmp_path, PLAIN, later))
    with pytest.raises(KetasimError, match="there is no row"):
        read_trials(pd.DataFrame(columns=list(COLUMNS)))
    with pytest.raises(KetasimError, match="cannot be read"):
        read_trials(tmp_path / "nothing.csv")


IV = "ketamine 0.5 mg/kg iv over 40 min"


@pytest.mark.parametrize(
    ("changes", "regimens"),
    [
        ({}, (IV,)),
        ({"infusion_min": "60"}, ("ketamine 0.5 mg/kg iv over 60 min",)),
        ({"schedule": "twice weekly x 4 weeks", "timepoint_h": "672"}, (f"{IV} every 84 h x 8",)),
        ({"schedule": "twice weekly x 4 weeks", "timepoint_h": "168"}, (f"{IV} every 84 h x 2",)),
        ({"schedule": "3x/week for 2 weeks", "timepoint_h": "1000"}, (f"{IV} every 56 h x 6",)),
        ({"schedule": "weekly", "timepoint_h": "24"}, (IV,)),
        ({"schedule": "days 1 and 4", "timepoint_h": "168"}, (f"{IV} every 72 h x 2",)),
        ({"schedule": "days 1 and 4", "timepoint_h": "24"}, (IV,)),
        ({"schedule": "day 1", "timepoint_h": "168"}, (IV,)),
        ({"arm": "ketamine 2x/wk", "timepoint_h": "336"}, (f"{IV} every 84 h x 4",)),
        ({"drug": "esketamine", "dose": "28-84", "dose_unit": "mg", "route": "IN"},
         ("esketamine 28 mg nasal", "esketamine 84 mg nasal")),
        ({"drug": "saline", "dose": "0"}, ()),
        ({"drug": "midazolam", "dose": "0.045"}, ()),
    ],
)  # fmt: skip
def test_what_is_given_up_to_the_rating(changes: dict[str, str], regimens: tuple[str, ...]) -> None:
    assert active_arm(row(**changes)).regimens == regimens


@pytest.mark.parametrize(
    ("changes", "context"),
    [
        ({}, "active"),
        ({"masking": "open_label"}, "open_label"),
        ({"arm": "ketamine, open-label"}, "open_label"),
        ({"masking": "anaesthetised"}, "anaesthesia"),
        ({"drug": "saline", "dose": "0"}, "saline"),
        ({"drug": "midazolam"}, "midazolam"),
        ({"drug": "placebo", "dose": "0", "route": "IN"}, "nasal_placebo_with_antidepressant"),
        ({"drug": "placebo", "dose": "0", "control_type": "active_other"}, "active_placebo"),
    ],
)
def test_the_context_of_an_arm(changes: dict[str, str], context: str) -> None:
    arm = active_arm(row(**changes))
    assert arm.context == context
    declared = context in ("open_label", "anaesthesia", "active_placebo")
    assert ("extrapolated_context" in arm.notes) == declared


def test_what_is_guessed_is_said() -> None:
    guessed = active_arm(row(n="", infusion_min=""))
    assert guessed.n == 20
    assert guessed.notes == ("default_infusion=40min", "default_n=20")
    nasal = {"drug": "esketamine", "dose": "56", "dose_unit": "mg", "route": "IN"}
    assert "default_schedule=2x/week" in active_arm(row(**nasal, timepoint_h="672")).notes
    assert active_arm(row(setting="inpatient")).notes == ("extrapolated_context",)
    assert active_arm(row(arm="esketamine + AD")).new_antidepressant
    assert not active_arm(row(arm="esketamine + AD", background="continued")).new_antidepressant


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"drug": "psilocybin", "dose": "25", "dose_unit": "mg", "route": "PO"}, "psilocybin"),
        ({"route": "rectal"}, "route 'rectal'"),
        ({"dose": "some"}, "dose 'some'"),
        ({"timepoint_h": ""}, "no time point"),
    ],
)
def test_what_the_model_does_not_know_is_not_predicted(
    changes: dict[str, str], reason: str
) -> None:
    with pytest.raises(NotPredicted, match=r"^not_predicted: ") as caught:
        active_arm(row(**changes))
    assert reason in str(caught.value)


def test_the_control_of_a_comparison() -> None:
    versus = row(arm="ketamine vs midazolam", kind="diff")
    assert control_arm(versus, []).context == "midazolam"
    named = row(kind="diff", control_drug="saline", control_n="12")
    assert (control_arm(named, []).context, control_arm(named, []).n) == ("saline", 12)
    other = row(arm="placebo", drug="saline", dose="0", n="17")
    assert control_arm(row(kind="diff"), [other]).n == 17
    with pytest.raises(NotPredicted, match="nothing says what the control was"):
        control_arm(row(kind="diff"), [])
    for changes in ({"control_type": "ect"}, {"arm": "ketamine vs ECT"}):
        with pytest.raises(NotPredicted, match="electroconvulsive"):
            control_arm(row(kind="diff", **changes), [])
    with pytest.raises(NotPredicted, match="'quetiapine' is not in the model"):
        control_arm(row(kind="diff", control_drug="quetiapine"), [])
