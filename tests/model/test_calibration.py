"""Reading what a calibration wrote."""

from pathlib import Path

import numpy as np
import pytest

from ketasim.errors import ModelError
from ketasim.model.calibration import read_calibration

TEXT = """# made by a test
id,value,cov_a,cov_b
a,2.0,0.04,0.01
b,0.5,0.01,0.09
"""


def test_values_and_covariance_come_back(tmp_path: Path) -> None:
    (tmp_path / "article.csv").write_text(TEXT, "utf-8")
    read = read_calibration("article", tmp_path)
    assert dict(read.values) == {"a": 2.0, "b": 0.5}
    np.testing.assert_array_equal(read.covariance.to_numpy(), [[0.04, 0.01], [0.01, 0.09]])


def test_a_hypothesis_without_one_inherits_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "article.csv").write_text(TEXT, "utf-8")
    assert read_calibration("mine", tmp_path).of == "article"


def test_no_calibration_at_all_is_empty(tmp_path: Path) -> None:
    assert not read_calibration("mine", tmp_path).values


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [("2.0", "-2.0", "not positive"), (",cov_b", ",cov_c", "column 'cov_b' is missing")],
)
def test_a_wrong_file_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    (tmp_path / "article.csv").write_text(TEXT.replace(old, new), "utf-8")
    with pytest.raises(ModelError, match=words):
        read_calibration("article", tmp_path)
