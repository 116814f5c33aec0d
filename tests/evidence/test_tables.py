"""The shipped tables are the recorded ones, and a table that breaks its schema says where."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ketasim.errors import EvidenceError, UnknownNameError
from ketasim.evidence import (
    Description,
    bounds,
    describe,
    estimates,
    evidence_hash,
    list_tables,
    load,
    read_description,
    read_table,
    tables,
    verify,
)

# Counts and content of the tables as they were handed over; a change of a value changes a hash.
HANDED_OVER = {
    "clinical_arms": (162, "45a589d14c9df345e2431406e469b6ae8b64ebef64a97a885557bb4e76335596"),
    "clinical_aux": (21, "82f45096fb4160bae86a2e46cb08daa5c065793e5cfba9d7a3d1ad8dfa0a0c61"),
    "adverse_events": (524, "40810a3fe359e7131c4022c3aa2ea9f4a19464d427dace67b49c378b20220d45"),
    "safety_timecourse": (42, "e14e522961f97841c6051f13a13575ef4a83cf84f2a53442355050b7acf149cd"),
}
SMALL = """\
name: small
title: A small table
source: made for a test
rows: 2
sha256: none
rules: [An empty cell is missing.]
role: {because: it is a test}
columns:
- {name: study, meaning: who, required: true, unique: true}
- {name: value, meaning: what, kind: number, unit: h}
- {name: lower, meaning: from, kind: number, unit: h}
- {name: upper, meaning: to, kind: number, unit: h}
- {name: percent, meaning: share, kind: bounded, unit: '%'}
- {name: n, meaning: patients, kind: integer}
- {name: use, meaning: what for, kind: choice, choices: [fit, judge]}
- {name: key, meaning: source, pattern: '[a-z0-9]+'}
intervals: [[lower, value, upper]]
"""
GOOD = [
    ["study", "value", "lower", "upper", "percent", "n", "use", "key"],
    ["one", "2.5", "1", "4", ">=50", "12", "fit", "williams2018"],
    ["two", "", "", "", "5-16", "", "judge", "yoon2025"],
]


@pytest.fixture
def small(tmp_path):
    (tmp_path / "small.yaml").write_text(SMALL, encoding="utf-8")
    description = read_description(tmp_path / "small.yaml")

    def read(rows):
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(rows)
        (tmp_path / "small.csv").write_text(buffer.getvalue(), encoding="utf-8")
        return read_table(tmp_path / "small.csv", description)

    return read


def changed(row, column, text):
    rows = [list(cells) for cells in GOOD]
    rows[row - 1][GOOD[0].index(column)] = text
    return rows


@pytest.mark.parametrize("name", list(HANDED_OVER))
def test_tables_are_those_handed_over(name):
    rows, content = HANDED_OVER[name]
    assert len(load(name)) == rows == describe(name).rows
    assert tables.file_hash(tables.FOLDER / f"{name}.csv") == content == describe(name).sha256


@pytest.mark.parametrize("name", list_tables())
def test_table_and_description_agree(name):
    description = describe(name)
    frame = load(name)
    assert len(frame) == description.rows
    assert tuple(frame.columns[: len(description.columns)]) == description.column_names
    assert all(column.meaning for column in description.columns)
    assert description.title in description.to_text()
    assert all(column in description.to_text() for column in description.column_names)


def test_nothing_was_edited():
    assert verify() == ()


def test_an_edited_table_is_noticed(monkeypatch):
    monkeypatch.setattr(tables, "file_hash", lambda path: "0")
    assert len(verify()) == len(list_tables())
    assert "clinical_arms.csv" in " ".join(verify())


def test_hash_is_stable_and_blind_to_line_ends(tmp_path):
    tables.evidence_hash.cache_clear()
    first = evidence_hash()
    tables.evidence_hash.cache_clear()
    assert evidence_hash() == first
    assert len(first) == 64
    (tmp_path / "a").write_bytes(b"x\ny\n")
    (tmp_path / "b").write_bytes(b"x\r\ny\r\n")
    assert tables.file_hash(tmp_path / "a") == tables.file_hash(tmp_path / "b")


def test_hash_follows_every_file(monkeypatch):
    files = list(tables._shipped_files())
    assert {path.suffix for path in files} == {".csv", ".yaml", ".bib"}
    before = evidence_hash()
    true_hash = tables.file_hash
    for path in files[:3]:
        tables.evidence_hash.cache_clear()
        monkeypatch.setattr(
            tables, "file_hash", lambda one, path=path: true_hash(one) + ("x" * (one == path))
        )
        assert evidence_hash() != before
    tables.evidence_hash.cache_clear()


def test_known_values_come_back_as_printed():
    arms = load("clinical_arms").set_index("row_id")
    murrough = arms.loc["clinical_arms-006"]
    assert (murrough["study"], murrough["value"], murrough["sd"]) == ("Murrough 2013", -16.5, 10.97)
    assert np.isnan(murrough["ci_low"])
    jelen = arms[arms["study"] == "Jelen 2025"]
    assert len(jelen) == 1
    assert np.isnan(jelen["value"].iloc[0])  # no arm means were published where it could be read
    events = load("adverse_events")
    dissociation = events[(events["event"] == "Dissociation") & (events["n"] == 346)]
    assert dissociation["events_count"].tolist() == [142]


def test_bounds_stay_text_and_never_become_estimates():
    percent = load("adverse_events")["percent"]
    text = percent[percent.isin([">=50", "61-84", "5-16", "48-61", "0.3-0.4", "2.0-4.9", "0-0.9"])]
    assert len(text) == 8 + 6
    assert estimates(text).isna().all()
    plain = percent[percent.notna() & ~percent.index.isin(text.index)]
    assert estimates(plain).notna().all()
    assert estimates(percent[percent == "0"]).eq(0).all()
    doses = load("clinical_arms")["dose"]
    assert estimates(doses[doses == "56-84"]).isna().all()


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("41", (41, 41)),
        (">=50", (50, np.inf)),
        ("<9", (-np.inf, 9)),
        ("5-16", (5, 16)),
        ("0.3-0.4", (0.3, 0.4)),
        ("-0.5", (-0.5, -0.5)),
    ],
)
def test_bounds_are_read(text, interval):
    assert bounds(text) == interval


def test_no_interval_is_said():
    with pytest.raises(EvidenceError, match="'5 of 5' states no interval"):
        bounds("5 of 5")


def test_load_gives_a_copy():
    copy = load("clinical_aux")
    copy["value"] = 0.0
    assert not load("clinical_aux")["value"].eq(0).any()


def test_good_small_table(small):
    frame = small(GOOD)
    assert frame["value"].tolist()[0] == 2.5
    assert np.isnan(frame["value"].iloc[1])
    assert np.isnan(frame["n"].iloc[1])
    assert frame["percent"].tolist() == [">=50", "5-16"]


@pytest.mark.parametrize(
    ("row", "column", "text", "expected"),
    [
        (2, "value", "2,5", "the value '2,5' is not allowed; expected a number or an empty cell"),
        (3, "value", "n/a", "expected a number"),
        (2, "n", "12.5", "expected a whole number"),
        (2, "percent", "about 50", "a bound such as '>=50'"),
        (3, "use", "fitt", "expected one of fit, judge"),
        (2, "key", "Williams 2018", "text of the form"),
        (3, "study", "", "the cell is empty; expected some text"),
        (3, "study", "one", "a value that no other row has"),
        (2, "lower", "3", "'lower' 3 is above 'value' 2.5"),
        (2, "upper", "2", "'value' 2.5 is above 'upper' 2"),
    ],
)
def test_a_bad_cell_is_one_sentence_with_its_place(small, row, column, text, expected):
    with pytest.raises(EvidenceError) as caught:
        small(changed(row, column, text))
    sentence = str(caught.value)
    place = "value" if "upper" in expected else column
    line = 2 if "no other row" in expected else row
    assert sentence.startswith(f"small.csv, row {line}, column '{place}': ")
    assert expected in sentence
    assert "\n" not in sentence


@given(
    row=st.integers(2, 3),
    column=st.sampled_from(["value", "lower", "upper", "n"]),
    text=st.text(alphabet="abcxyz,;-./ ", min_size=1, max_size=6),
)
def test_text_in_a_number_column_never_passes(row, column, text):
    raw = pd.DataFrame(GOOD[1:], columns=GOOD[0], dtype=str)
    raw.loc[row - 2, column] = text
    with pytest.raises(EvidenceError, match=f"row {row}, column '{column}'"):
        tables._check_cells(raw, Description.model_validate(yaml.safe_load(SMALL)), "small.csv")


def test_a_column_without_description(small):
    rows = [[*cells, extra] for cells, extra in zip(GOOD, ["valeu", "1", "2"], strict=True)]
    with pytest.raises(EvidenceError, match=r"'valeu' is not in the description.*mean value\?"):
        small(rows)


def test_a_description_without_column(small):
    with pytest.raises(EvidenceError, match="'key' of the description is not in the table"):
        small([cells[:-1] for cells in GOOD])


def test_a_column_twice(small):
    with pytest.raises(EvidenceError, match="the column 'study' appears twice"):
        small([[*cells, cells[0]] for cells in GOOD])


def test_columns_in_another_order(small):
    with pytest.raises(EvidenceError, match="not in the order of the description"):
        small([cells[1:] + cells[:1] for cells in GOOD])


def test_a_row_of_the_wrong_length(small):
    with pytest.raises(EvidenceError, match=r"small.csv, row 3: the row has 7 cells; expected 8"):
        small([*GOOD[:2], GOOD[2][:-1]])


def test_an_empty_and_a_missing_file(small, tmp_path):
    with pytest.raises(EvidenceError, match="the table is empty"):
        small([])
    description = read_description(tmp_path / "small.yaml")
    with pytest.raises(EvidenceError, match=r"absent.csv: the table cannot be read"):
        read_table(tmp_path / "absent.csv", description)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("title: [", "bad.yaml, line 1: the description is not valid YAML"),
        (SMALL.replace("meaning: who", "meening: who"), "'columns.0.meaning'"),
        (SMALL.replace("rows: 2", "rows: two"), "the field 'rows' of the description is wrong"),
    ],
)
def test_a_bad_description(tmp_path, text, expected):
    (tmp_path / "bad.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(EvidenceError) as caught:
        read_description(tmp_path / "bad.yaml")
    assert expected in str(caught.value)


def test_a_missing_description(tmp_path):
    with pytest.raises(EvidenceError, match="a YAML file beside the CSV file"):
        read_description(tmp_path / "none.yaml")


def test_unknown_names():
    with pytest.raises(UnknownNameError, match="did you mean clinical_arms"):
        load("clinical_arm")
    with pytest.raises(UnknownNameError, match="did you mean value"):
        describe("observations").column("valu")
