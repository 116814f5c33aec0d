"""`ketasim pet fit`: a file of curves in, a file of fits out, and one sentence when it cannot be."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from ketasim.cli.examples import EXAMPLES
from ketasim.instruments.pet.kinetics import fit
from ketasim.instruments.pet.scans import read_tacs

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).parents[1] / "instruments" / "pet" / "data"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the curves of two scans."""
    monkeypatch.chdir(tmp_path)
    table = pd.read_csv(DATA / "tacs.csv")
    table[table["participant"] == "Control_2"].to_csv(tmp_path / "tacs.csv", index=False)
    return tmp_path


def test_the_examples_run(folder: Path, call: Callable[..., Any]) -> None:
    for example in EXAMPLES["pet fit"]:
        done = call(*shlex.split(example)[1:])
        assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["file"] is None
    assert [one["region"] for one in told["fits"]][:2] == ["FC", "ACC"]
    fits = pd.read_csv(folder / "out" / "fits.csv")
    known = pd.read_csv(DATA / "kinfitr_srtm.csv").query("participant == 'Control_2'")
    np.testing.assert_allclose(fits["BPND"], known["BPND"], rtol=1e-5)


def test_the_whole_data_set_is_kinfitrs(tmp_path: Path, call: Callable[..., Any]) -> None:
    out = tmp_path / "fits.csv"
    done = call("pet", "fit", str(DATA / "tacs.csv"), "--model", "srtm", "--out", str(out))
    assert done.exit_code == 0, done.output
    assert "srtm of 180 curves of 20 scans" in done.stdout
    fits, known = pd.read_csv(out), pd.read_csv(DATA / "kinfitr_srtm.csv")
    assert list(fits.columns[:8]) == ["participant", "scan", "region", "R1", "k2", "BPND",
                                      "se_BPND", "status"]  # fmt: skip
    assert (fits["region"] == known["region"]).all()
    np.testing.assert_allclose(fits[["R1", "k2", "BPND"]], known[["R1", "k2", "BPND"]], rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "called"),
    [
        (("--model", "srtm2", "--k2-prime", "coupled"), {"model": "srtm2", "k2_prime": "coupled"}),
        (("--model", "mrtm2", "--k2-prime", "0.12"), {"model": "mrtm2", "k2_prime": 0.12}),
        (("--model", "logan_ref", "--t-star", "40"), {"model": "logan_ref", "t_star_min": 40.0}),
        (
            ("--model", "suvr", "--window", "50", "70"),
            {"model": "suvr", "window_min": (50.0, 70.0)},
        ),
    ],
)
def test_options_reach_the_model(
    folder: Path, call: Callable[..., Any], options: tuple[str, ...], called: dict[str, Any]
) -> None:
    done = call("pet", "fit", "tacs.csv", *options, "--json")
    assert done.exit_code == 0, done.output
    found = [one["BPND"] for one in json.loads(done.stdout)["fits"]]
    expected = fit(read_tacs(folder / "tacs.csv"), **called).to_frame()["BPND"]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_blood_is_read_from_its_file(folder: Path, call: Callable[..., Any]) -> None:
    times = np.linspace(0, 93, 200)
    plasma = 40 * times * np.exp(-1.2 * times) + np.exp(-0.02 * times)
    pd.DataFrame({"time_min": times, "plasma": plasma}).to_csv(folder / "blood.csv", index=False)
    done = call("pet", "fit", "tacs.csv", "--model", "1tcm", "--input", "blood.csv",
                "--blood-fraction", "0.05", "--json")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert {one["vB"] for one in json.loads(done.stdout)["fits"]} == {0.05}


def test_regularised_learns_from_the_file(tmp_path: Path, call: Callable[..., Any]) -> None:
    table = pd.read_csv(DATA / "tacs.csv")
    few = table[table["participant"].isin(["Control_1", "Control_2", "Patient_1"])]
    few.to_csv(tmp_path / "few.csv", index=False)
    done = call("pet", "fit", str(tmp_path / "few.csv"), "--regularised", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    plain = fit(read_tacs(few)).to_frame()
    hip = [place for place, one in enumerate(told["fits"]) if one["region"] == "HIP"]
    drawn = np.log([told["fits"][place]["BPND"] for place in hip])
    assert np.std(drawn) < np.std(np.log(plain["BPND"][hip]))
    assert "posterior" in told["notes"][0]


def test_a_curve_that_cannot_be_fitted_is_named_and_the_others_are_written(
    folder: Path, call: Callable[..., Any]
) -> None:
    table = pd.read_csv("tacs.csv")
    spoilt = (table["scan"] == "Control_2_Placebo") & (table["region"] == "HIP")
    table.loc[spoilt, "tac"] = 0.0
    table.to_csv("tacs.csv", index=False)
    done = call("pet", "fit", "tacs.csv", "--out", "fits.csv")
    assert done.exit_code == 0
    assert done.stderr.splitlines() == [
        "tacs.csv, scan 'Control_2_Placebo' of 'Control_2', region HIP: not fitted: the curve is"
        " zero throughout"
    ]
    assert "1 of 18 curves were not fitted" in done.stdout
    assert pd.read_csv("fits.csv")["BPND"].isna().sum() == 1
    table.assign(tac=-1.0).to_csv("tacs.csv", index=False)
    done = call("pet", "fit", "tacs.csv", "--out", "none.csv")
    assert done.exit_code == 1
    assert "none of the curves could be fitted" in done.stderr
    assert "8 more curves were not fitted." in done.stderr


def test_a_folder_is_read_as_a_data_set(tmp_path: Path, call: Callable[..., Any]) -> None:
    pytest.importorskip("nibabel")
    from ketasim.interop.bids_pet import write_synthetic_dataset

    scans = read_tacs(DATA / "tacs.csv")[:1]
    write_synthetic_dataset(tmp_path / "set", scans, voxel_mm=8.0, noise=0.0)
    done = call("pet", "fit", str(tmp_path / "set"), "--json")
    assert done.exit_code == 0, done.output
    found = {one["region"]: one["BPND"] for one in json.loads(done.stdout)["fits"]}
    # The weights of images are another rule's, so that the fits are near and not the same.
    own = fit(scans).to_frame().set_index("region")["BPND"]
    assert found["FC"] == pytest.approx(own["FC"], rel=0.05)
    assert found["OC"] == pytest.approx(own["OC"], rel=0.05)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing.csv",), "nothing.csv: the curves cannot be read: No such file or directory"),
        (("tacs.csv", "--model", "strm"), "unknown model 'strm': did you mean srtm"),
        (("tacs.csv", "--model", "2tcm"), "the model needs an arterial input, and none was given"),
        (
            ("tacs.csv", "--out", "tacs.csv"),
            "tacs.csv: the file is there already; expected another",
        ),
        (
            ("tacs.csv", "--model", "1tcm", "--delay", "soon"),
            "--delay is 'soon'; expected a number",
        ),
        (("tacs.csv", "--regularised"), "there are curves of 1 participants to learn from"),
        (("tacs.csv", "--model", "mrtm1", "--input", "b.csv"), "b.csv: the blood cannot be read"),
    ],
)
def test_bad_words_are_one_sentence(
    folder: Path, sentence: Callable[..., str], words: tuple[str, ...], said: str
) -> None:
    assert said in sentence(2, "pet", "fit", *words)
    assert [one.name for one in folder.iterdir()] == ["tacs.csv"]


def test_times_in_seconds_are_found_out(folder: Path, sentence: Callable[..., str]) -> None:
    table = pd.read_csv("tacs.csv")
    table[["frame_mid_min", "frame_duration_min"]] *= 60
    table.to_csv("tacs.csv", index=False)
    said = sentence(2, "pet", "fit", "tacs.csv", "--out", "fits.csv")
    assert said.startswith("tacs.csv, scan 'Control_2_Control' of 'Control_2', rows 2 to 39")
    assert said.endswith("frames end at 5580 min; did you mean seconds?")
    assert not Path("fits.csv").exists()
