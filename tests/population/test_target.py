"""The table that a cohort shall match: read, written, and refused where it contradicts itself."""

from __future__ import annotations

import pandas as pd
import pytest

from ketasim.errors import InputError, UnknownNameError
from ketasim.population import TargetRow, TargetTable

TARGET = TargetTable(
    (
        TargetRow("age", mean=46.1, sd=11.0, lower=18, upper=64),
        TargetRow("sex", shares={"female": 0.7, "male": 0.3}),
        TargetRow("weight", lower=45.0),
    ),
    "trial",
)
HEADER = "covariate,statistic,level,value\n"


def test_a_target_survives_its_file(tmp_path):
    path = tmp_path / "trial.csv"
    TARGET.to_frame().to_csv(path, index=False)
    assert TargetTable.read(path) == TARGET
    assert TARGET.names == ("age", "sex", "weight")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("covariate,statistic,value\nage,mean,4\n", "bad: the column 'level' is missing"),
        (HEADER + "age,median,,4\n", "bad, row 2, column statistic: unknown statistic 'median'"),
        (HEADER + "age,mean,,46\nage,sd,,old\n", "bad, row 3, column value: 'old' is no number"),
        (HEADER + "sex,share,,0.5\n", "bad, row 2, column level: a share needs a level"),
        (HEADER + "age,mean,female,46\n", "bad, row 2, column level: a share needs a level"),
        (HEADER + "age,mean,,46\nage,mean,,47\n", "bad, row 3, column statistic: the statistic"),
        (HEADER, "bad: the target says nothing"),
        (HEADER + "age,mean,,\n", "target of 'age': a value is missing"),
    ],
)
def test_a_file_that_is_no_target_is_refused_with_its_place(tmp_path, text, words):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        TargetTable.read(tmp_path / "bad.csv")
    assert words in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot be read as a table"):
        TargetTable.read(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "nothing is said of it"),
        ({"mean": 40.0, "lower": 45.0}, "the mean 40 lies outside the range"),
        ({"lower": 45.0, "upper": 40.0}, "the range 45 to 40 is empty"),
        ({"sd": 4.0, "lower": 1.0}, "an SD needs a mean"),
        ({"mean": 40.0, "sd": 0.0}, "must be above 0"),
        ({"mean": 40.0, "sd": 10.0, "lower": 35, "upper": 45}, "larger than the range allows"),
        ({"shares": {"a": 1.2}}, "the share 1.2 of 'a' is none"),
        ({"shares": {"a": 0.7, "b": 0.7}}, "the shares add up to 1.4"),
        ({"shares": {"a": 0.7}, "mean": 4.0}, "it has shares and a mean"),
        ({"mean": float("nan")}, "a value is missing"),
    ],
)
def test_a_row_that_contradicts_itself(fields, words):
    with pytest.raises(InputError, match=f"target of 'x': .*{words}"):
        TargetRow("x", **fields)


def test_a_covariate_stands_once():
    with pytest.raises(InputError, match="target 'two': 'age' stands twice"):
        TargetTable((TargetRow("age", mean=4.0), TargetRow("age", lower=1.0)), "two")
    with pytest.raises(UnknownNameError):
        TargetTable.from_frame(
            pd.DataFrame([["a", "men", "", 1.0]], columns=HEADER.strip().split(","))
        )
