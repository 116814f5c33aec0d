"""Tables of curves: read, written, and refused with the place that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from ketasim.errors import InputError
from ketasim.instruments.pet.frames import AZ10419369_93MIN, Frames
from ketasim.instruments.pet.scans import COLUMNS, Scan, read_tacs, to_table

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).parent / "data"


def small() -> pd.DataFrame:
    """Two scans of one person, two regions, three frames."""
    rows = [
        ("P1", scan, region, mid, 1.0, level * mid, 1.0, 2.0 * mid)
        for scan in ("before", "after")
        for region, level in (("HIP", 3.0), ("VSTR", 4.0))
        for mid in (0.5, 1.5, 2.5)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_the_data_set_is_read_in_its_order() -> None:
    scans = read_tacs(DATA / "tacs.csv")
    table = pd.read_csv(DATA / "tacs.csv")
    assert [one.scan for one in scans] == list(table["scan"].unique())
    assert all(one.regions == tuple(table["region"].unique()) for one in scans)
    assert {len(one.frames) for one in scans} == {38}
    np.testing.assert_array_equal(scans[0].curve("ACC"), table["tac"][38:76])
    # Mid-times with six digits are those of the scheme, and not a hair's breadth beside.
    np.testing.assert_allclose(scans[0].frames.mid_min, AZ10419369_93MIN.mid_min, atol=1e-12)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    scans = read_tacs(small())
    to_table(scans).to_csv(tmp_path / "tacs.csv", index=False)
    pd.testing.assert_frame_equal(to_table(read_tacs(tmp_path / "tacs.csv")), to_table(scans))


def test_frames_may_stand_in_any_order_and_regions_keep_theirs() -> None:
    table = small().iloc[[5, 0, 2, 1, 4, 3, *range(6, 12)]]
    first = read_tacs(table)[0]
    assert first.regions == ("VSTR", "HIP")
    np.testing.assert_array_equal(first.curve("VSTR"), [2.0, 6.0, 10.0])


def test_the_reference_may_have_rows_of_its_own() -> None:
    table = small()
    own = table[table["region"] == "HIP"].assign(region="CER", tac=lambda one: one["reference_tac"])
    joined = pd.concat([table, own]).drop(columns="reference_tac")
    for scan, other in zip(read_tacs(joined), read_tacs(table), strict=True):
        assert scan.regions == other.regions == ("HIP", "VSTR")
        np.testing.assert_array_equal(scan.reference, other.reference)


def test_identifiers_stay_text(tmp_path: Path) -> None:
    small().assign(participant="007").to_csv(tmp_path / "t.csv", index=False)
    assert read_tacs(tmp_path / "t.csv")[0].participant == "007"


def test_a_missing_value_stays_with_its_curve() -> None:
    table = small()
    table.loc[1, "tac"] = np.nan
    assert np.isnan(read_tacs(table)[0].curve("HIP")[1])


def put(row: int, column: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table = table.astype(object)
        table.loc[row, column] = value
        return table

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.drop(columns="tac"), "tacs.csv: the column 'tac' is missing"),
        (lambda t: t.drop(columns="weight"), "(1 in every row weighs frames alike)"),
        (lambda t: t.drop(columns="reference_tac"), "the reference region is missing"),
        (lambda t: t.iloc[:0], "there is no row"),
        (lambda t: pd.concat([t, t.iloc[[4]]]), "row 14 gives what row 6 gives: before, VSTR"),
        (put(3, "tac", "much"), "row 5, column 'tac': it is 'much'; expected a number"),
        (put(3, "frame_mid_min", ""), "row 5, column 'frame_mid_min': it is ''"),
        (put(2, "weight", -1), "row 4, column 'weight': it is -1; expected zero or more"),
        (put(2, "region", " "), "row 4, column 'region': the cell is empty"),
        (put(4, "reference_tac", 9.0), "row 6, column 'reference_tac': the reference curve beside"),
        (lambda t: t.drop(index=4), "the frames of VSTR differ from those of HIP"),
        (lambda t: t[t["frame_mid_min"] != 1.5], "frames 1 and 2 leave a gap"),
        (lambda t: t.assign(frame_duration_min=1.5), "frames 1 and 2 overlap"),
        (
            lambda t: t.assign(frame_mid_min=t["frame_mid_min"] * 1860, frame_duration_min=1860.0),
            "rows 2 to 4, columns 'frame_mid_min' and 'frame_duration_min': frames end at 5580 min;"
            " did you mean seconds?",
        ),
        (
            lambda t: t.assign(reference_tac=0.0),
            "column 'reference_tac': the reference curve is zero",
        ),
        (lambda t: t.assign(reference_tac=-1.0), "the reference curve is negative on the whole"),
    ],
)
def test_a_table_that_cannot_be_is_one_sentence(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], sentence: str
) -> None:
    change(small()).to_csv(tmp_path / "tacs.csv", index=False)
    with pytest.raises(InputError) as caught:
        read_tacs(tmp_path / "tacs.csv")
    assert sentence in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: the curves cannot be read: No such file"):
        read_tacs(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ({"activity": np.ones((1, 4))}, "activity has the shape"),
        ({"weights": -np.ones((1, 3))}, "a weight is negative"),
        ({"reference": np.zeros(3)}, "is zero throughout"),
        ({"reference": np.array([1, np.nan, 1.0])}, "has no number in frame 2"),
        ({"regions": ("HIP", "HIP"), "activity": np.ones((2, 3))}, "stands twice"),
        ({"regions": ()}, "no target region"),
    ],
)
def test_a_scan_checks_itself(part: dict[str, object], sentence: str) -> None:
    whole = {"regions": ("HIP",), "activity": np.ones((1, 3)), "reference": np.ones(3),
             "weights": np.ones((1, 3))}  # fmt: skip
    with pytest.raises(InputError, match="scan 'S' of 'P'") as caught:
        Scan("P", "S", Frames.of_scheme("3x1min"), **{**whole, **part})  # type: ignore[arg-type]
    assert sentence in str(caught.value)


def test_a_region_that_is_not_there_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean HIP"):
        read_tacs(small())[0].curve("HIPP")
