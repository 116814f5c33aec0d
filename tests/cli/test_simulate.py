"""`ketasim simulate`: what is measured, what it refuses, and what it never loses."""

from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from ketasim.cli import observing
from ketasim.dosing import regimen
from ketasim.instruments import CONTROL_TYPES, list_measures, measure
from ketasim.model import load_model
from ketasim.simulate import load_bundle, simulate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Call = Callable[..., Any]
    Sentence = Callable[..., str]

INFUSION = ("--drug", "ketamine", "--dose", "0.5 mg/kg", "--over", "40 min")
SMALL = (*INFUSION, "--patients", "6", "--days", "8")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from typer.testing import CliRunner

    from ketasim.cli.application import application

    folder = tmp_path_factory.mktemp("simulate") / "run"
    done = CliRunner().invoke(application(), ["simulate", *SMALL, "--out", str(folder)])
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def run(bundle: Path, tmp_path: Path) -> Path:
    """A copy of the bundle that a test may change."""
    import shutil

    return shutil.copytree(bundle, tmp_path / "run")


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def attributes(folder: Path) -> tuple[dict[str, str], dict[str, Any]]:
    metadata = pq.read_schema(folder / "observations.parquet").metadata
    return json.loads(metadata[b"units"]), json.loads(metadata[b"ketasim"])


def test_the_bundle_holds_all_that_it_is_specified_to_hold(bundle: Path) -> None:
    names = {one.name for one in bundle.iterdir()}
    assert names == {
        "manifest.json", "patients.parquet", "status.parquet", "trajectories",
        "observations.parquet",
    }  # fmt: skip
    columns = duckdb.sql(f"DESCRIBE SELECT * FROM '{bundle}/observations.parquet'").fetchall()
    assert [name for name, *_ in columns] == [
        "patient", "arm", "visit", "time_h", "measure", "value", "missing_why",
    ]  # fmt: skip


def test_every_measure_is_taken_in_every_patient_at_every_visit(bundle: Path) -> None:
    found = duckdb.sql(
        f"SELECT measure, count(*), count(DISTINCT patient), count(DISTINCT time_h), min(arm) "
        f"FROM '{bundle}/observations.parquet' WHERE value IS NOT NULL GROUP BY measure"
    ).fetchall()
    visits = len(observing.visits(8 * 24.0))
    assert visits == 9
    assert sorted(found) == sorted(
        (name, 6 * visits, 6, visits, "ketamine") for name in observing.MEASURES
    )
    assert set(observing.MEASURES) <= set(list_measures())


def test_the_measures_are_those_of_the_specification() -> None:
    words = {"madrs", "hamd17", "hamd21", "madrs_response", "madrs_remission", "cadss"}
    assert set(observing.MEASURES) == words


def test_units_and_setting_stand_in_the_metadata(bundle: Path) -> None:
    units, about = attributes(bundle)
    assert units["time_h"] == "h"
    assert {units[name] for name in ("madrs", "hamd17", "hamd21")} == {"points"}
    assert units["madrs_response"] == units["madrs_remission"] == "0 or 1"
    assert units["cadss"] == "share of own peak"
    assert (about["control"], about["seed"]) == ("active", 1)
    assert any("CADSS" in note for note in about["notes"])


@pytest.mark.parametrize("name", observing.MEASURES)
def test_what_is_stored_is_what_the_instrument_says(bundle: Path, name: str) -> None:
    run = load_bundle(bundle)
    expected = measure(run, name, visits=observing.visits(192.0)).table["value"].to_numpy()
    table = pq.read_table(bundle / "observations.parquet").to_pandas()
    np.testing.assert_array_equal(table.loc[table["measure"] == name, "value"], expected)
    assert np.ptp(expected) > 0


def test_the_bundle_is_made_again_bit_for_bit(call: Call, bundle: Path) -> None:
    before = content(bundle)
    done = call("rerun", str(bundle), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["largest_difference"] == 0.0
    assert json.loads(done.stdout)["differences"] == []
    assert content(bundle) == before


@pytest.mark.parametrize(
    ("end_h", "times"),
    [
        (0.24, (0.0, 0.24)),
        (2.0, (0.0, 2 / 3, 2.0)),
        (48.0, (0.0, 2 / 3, 2.0, 4.0, 24.0, 48.0)),
        (336.0, (0.0, 2 / 3, 2.0, 4.0, 24.0, 48.0, 72.0, 168.0, 336.0)),
        (400.0, (0.0, 2 / 3, 2.0, 4.0, 24.0, 48.0, 72.0, 168.0, 336.0, 400.0)),
    ],
)
def test_visits_lie_within_the_run(end_h: float, times: tuple[float, ...]) -> None:
    assert observing.visits(end_h) == times


def test_visits_of_the_default_run_are_simulated_times() -> None:
    run = simulate(load_model(), "ketamine 0.5 mg/kg iv over 40 min", patients=1)
    assert set(observing.visits(336.0)) <= set(run.times.tolist())


@pytest.mark.parametrize(
    ("text", "control"),
    [
        ("ketamine 0.5 mg/kg iv over 40 min", "active"),
        ("naltrexone 50 mg oral", "active"),
        ("midazolam 0.045 mg/kg iv; ketamine 0.5 mg/kg iv", "active"),
        ("midazolam 0.045 mg/kg iv over 40 min", "midazolam"),
        ("saline 0 mg iv; midazolam 0.045 mg/kg iv", "midazolam"),
        ("saline 0 mg iv", "saline"),
        ("saline 0 mg nasal", "saline"),
        ("saline 0 mg nasal; ssri 10 mg oral", "nasal_placebo_with_antidepressant"),
        ("saline 0 mg iv; ssri 10 mg oral", "active"),
        ("esketamine 84 mg nasal; ssri 10 mg oral", "active"),
        ("nothing", None),
    ],
)
def test_the_control_type_follows_from_the_drugs(text: str, control: str | None) -> None:
    assert observing.control_of(regimen(text)) == control


@pytest.mark.parametrize("control", CONTROL_TYPES)
def test_the_control_type_can_be_named(control: str) -> None:
    assert observing.control_of(regimen("ketamine 1 mg iv"), control) == control
    assert observing.control_of(regimen("ketamine 1 mg iv"), "none") is None


def test_another_control_type_changes_the_scores_and_no_trajectory(call: Call, run: Path) -> None:
    before = content(run)
    done = call("simulate", *SMALL, "--out", str(run), "--control", "midazolam")
    assert done.exit_code == 0, done.output
    assert attributes(run)[1]["control"] == "midazolam"
    changed = {path.name for path, data in content(run).items() if before[path] != data}
    assert changed == {"observations.parquet", "manifest.json"}


def test_an_unknown_control_type_is_said_before_anything_is_solved(
    sentence: Sentence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ketasim.model.load_model", pytest.fail)
    said = sentence(2, "simulate", *INFUSION, "--control", "midazolan")
    assert said == "--control: unknown control type 'midazolan': did you mean midazolam?"


def test_people_are_told_what_they_must_know_beside_the_numbers(call: Call, tmp_path: Path) -> None:
    words = ("simulate", "--regimen", "nothing", "--patients", "2", "--days", "1")
    done = call(*words, "--out", str(tmp_path / "run"))
    assert "Note: CADSS is shown as a share of the patient's own peak" in done.stdout
    assert attributes(tmp_path / "run")[1]["control"] == "none"
    assert "Note" not in call(*words).stdout
    json.loads(call(*words, "--json", "--out", str(tmp_path / "run")).stdout)


def test_another_run_in_the_folder_is_refused_until_told_to_overwrite(
    call: Call, sentence: Sentence, run: Path
) -> None:
    before = content(run)
    other = ("simulate", *SMALL, "--seed", "2", "--out", str(run))
    said = sentence(2, *other)
    assert said.startswith(f"{run}: the folder holds another run: the seed was 1; now 2")
    assert "--overwrite" in said
    assert content(run) == before
    done = call(*other, "--overwrite")
    assert done.exit_code == 0, done.output
    assert load_bundle(run).manifest.seed == 2
    assert attributes(run)[1]["seed"] == 2


def test_the_same_run_again_is_done_without_a_word(call: Call, run: Path) -> None:
    before = content(run)
    done = call("simulate", *SMALL, "--out", str(run))
    assert (done.exit_code, done.stderr) == (0, "")
    assert {path for path, data in content(run).items() if before[path] != data} <= {
        run / "manifest.json"
    }


def test_observations_of_an_earlier_run_do_not_survive(
    sentence: Sentence, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(observing, "observe", interrupt)
    assert (run / "observations.parquet").is_file()
    words = ("simulate", *SMALL, "--seed", "2", "--overwrite", "--out", str(run))
    assert sentence(130, *words).startswith("Stopped.")
    assert not (run / "observations.parquet").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--over", "-40 min"), "--over: '-40 min' is negative; expected 0 or more, as '40 min'"),
        (("--over", "40"), "--over: '40' is not a time; expected a time such as '40 min'"),
        (("--at", "5 days", "--days", "2"), "dose 'ketamine 0.5 mg/kg iv at 120 h': it begins at"),
        (("--regimen", "ketamine 1 mg iv"), "--regimen: --drug is given as well; expected the"),
    ],
)
def test_a_dose_that_cannot_be_given_is_one_sentence(
    sentence: Sentence, words: tuple[str, ...], said: str
) -> None:
    dose = ("--drug", "ketamine", "--dose", "0.5 mg/kg")
    assert sentence(2, "simulate", *dose, *words).startswith(said)


def test_a_regimen_without_a_dose_is_one_sentence(sentence: Sentence) -> None:
    assert "there is no dose in an empty text" in sentence(2, "simulate", "--regimen", "")


def test_overlapping_infusions_are_added_up(call: Call) -> None:
    def peak(text: str) -> float:
        words = ("--patients", "2", "--days", "1", "--json")
        rows = json.loads(call("simulate", "--regimen", text, *words).stdout)
        return float(next(row for row in rows if row["output"] == "ketamine_ng_ml")["peak"])

    one = "ketamine 0.5 mg/kg iv over 40 min"
    assert peak(f"{one}; {one}") == pytest.approx(peak(one.replace("0.5", "1")), rel=1e-6)
    assert peak(f"{one}; {one} at 20 min") > 1.2 * peak(one)


def test_a_folder_that_cannot_be_made_is_code_1(sentence: Sentence, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    said = sentence(1, "simulate", *INFUSION, "--out", str(tmp_path / "file" / "run"))
    assert said.startswith(
        f"{tmp_path}/file/run could not be written: a part of the path is a file"
    )
    assert (tmp_path / "file").read_text() == "mine"


def refusing(number: int) -> Callable[..., Any]:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize(
    ("number", "reason"), [(errno.EROFS, "read-only"), (errno.EACCES, "no permission")]
)
def test_a_read_only_folder_is_code_1(
    sentence: Sentence, run: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    before = content(run)
    monkeypatch.setattr("ketasim.results.tempfile.TemporaryFile", refusing(number))
    said = sentence(1, "simulate", *SMALL, "--out", str(run))
    assert said.startswith(f"{run} could not be written")
    assert reason in said
    assert content(run) == before


def test_a_full_disk_is_code_1_and_the_same_run_goes_on_later(
    call: Call, sentence: Sentence, run: Path
) -> None:
    before = content(run)
    (run / "observations.parquet").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", refusing(errno.ENOSPC))
        said = sentence(1, "simulate", *SMALL, "--out", str(run))
    assert "the disk is full" in said
    assert not list(run.rglob("*.tmp"))
    assert content(run) == {path: data for path, data in before.items() if path in content(run)}
    assert len(content(run)) == len(before) - 1
    assert call("simulate", *SMALL, "--out", str(run)).exit_code == 0
    assert (run / "observations.parquet").read_bytes() == before[run / "observations.parquet"]


def test_a_disk_that_fills_up_before_the_first_part_leaves_no_half_of_one(
    sentence: Sentence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", refusing(errno.ENOSPC))
    said = sentence(1, "simulate", *SMALL, "--out", str(tmp_path / "run"))
    assert "part-00000.parquet could not be written: the disk is full" in said
    assert content(tmp_path / "run") == {}
