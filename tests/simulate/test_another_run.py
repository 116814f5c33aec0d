"""At a prompt, a folder that holds another run is not written over; the same run goes on."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ketasim.errors import InputError
from ketasim.provenance import Manifest, manifest_for
from ketasim.simulate import bundle, load_bundle, simulate

DOSE = "ketamine 1 mg/kg iv"
OUTPUTS = ["drug", "concentration"]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(bundle, "CHUNK", 4)


def run_of(tiny, **options):
    chosen = {"patients": 10, "days": 1, "outputs": OUTPUTS, **options}
    return simulate(tiny, chosen.pop("regimen", DOSE), **chosen)


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(tiny, folder, **change):
    """Run into a folder that must be left alone, and return what was said."""
    before = content(folder)
    with pytest.raises(InputError) as caught:
        run_of(tiny, out=folder, overwrite=False, **change)
    assert content(folder) == before
    said = str(caught.value)
    assert said.startswith(f"{folder}: the folder holds ")
    assert said.endswith("; expected another folder, or --overwrite to replace what is there")
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 2}, "another run: the seed was 1; now 2"),
        ({"patients": 12}, "another run: the option patients was 10; now 12"),
        ({"days": 2}, "another run: the option times_h was 0 to 24 h at"),
        ({"rtol": 1e-7}, "another run: the option rtol was 1e-06; now 1e-07"),
        (
            {"overrides": {"loss": 0.4}},
            "another run: the option overrides was {}; now {'loss': 0.4}",
        ),
        (
            {"regimen": "ketamine 2 mg/kg iv"},
            "another run: the option regimen was ketamine 1 mg/kg",
        ),
    ],
)
def test_another_run_is_refused_and_says_what_differs(tiny, tmp_path, change, words):
    run_of(tiny, out=tmp_path / "run")
    assert words in refused(tiny, tmp_path / "run", **change)


def test_another_model_is_refused(tiny, tmp_path):
    run_of(tiny, out=tmp_path / "run")
    assert "the parameters were" in refused(tiny.with_values({"room": 12.0}), tmp_path / "run")


def test_a_difference_too_long_to_read_is_not_printed(tiny, tmp_path):
    run_of(tiny, out=tmp_path / "run", overrides={"loss": np.full(10, 0.4)})
    said = refused(tiny, tmp_path / "run", overrides={"loss": np.full(10, 0.41)})
    assert len(said) < 300 + len(str(tmp_path))
    many = np.linspace(0.3, 0.5, 40)
    run_of(tiny, out=tmp_path / "many", patients=40, overrides={"loss": many})
    said = refused(tiny, tmp_path / "many", patients=40, overrides={"loss": many[::-1]})
    assert "another run: its inputs were others" in said


def test_the_same_run_is_welcome(tiny, tmp_path):
    first = run_of(tiny, out=tmp_path / "run")
    again = run_of(tiny, out=tmp_path / "run", overwrite=False)
    assert again.dataset.identical(first.dataset)


def test_an_upgrade_does_not_make_it_another_run(tiny, tmp_path):
    run_of(tiny, out=tmp_path / "run")
    file = tmp_path / "run" / "manifest.json"
    older = {**json.loads(file.read_text()), "ketasim": "0.0.1", "evidence_hash": "older"}
    file.write_text(json.dumps(older))
    run_of(tiny, out=tmp_path / "run", overwrite=False)
    assert Manifest.load(file).ketasim != "0.0.1"


def test_a_result_of_another_kind_is_refused(tiny, tmp_path):
    (tmp_path / "report").mkdir()
    manifest_for(hypothesis="article", seed=1, options={"experiment": "camp"}).save(
        tmp_path / "report"
    )
    assert "another result, which is no simulation" in refused(tiny, tmp_path / "report")


def test_a_manifest_of_something_else_is_refused(tiny, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "manifest.json").write_text('{"name": "my site"}')
    assert "a manifest.json that this version" in refused(tiny, tmp_path / "site")


def interrupt(tiny, folder, monkeypatch, after, **options):
    """Solve only the first parts of a run."""
    solve, solved = bundle.solve, []

    def stop(plan, advance):
        if len(solved) == after:
            raise KeyboardInterrupt
        solved.append(plan)
        return solve(plan, advance)

    with monkeypatch.context() as patch:
        patch.setattr(bundle, "solve", stop)
        with pytest.raises(KeyboardInterrupt):
            run_of(tiny, out=folder, **options)


def test_an_interrupted_run_goes_on(tiny, tmp_path, monkeypatch):
    interrupt(tiny, tmp_path / "run", monkeypatch, 1)
    continued = run_of(tiny, out=tmp_path / "run", overwrite=False)
    assert continued.dataset.identical(run_of(tiny).dataset)


def test_an_interrupted_run_is_not_replaced_by_another(tiny, tmp_path, monkeypatch):
    interrupt(tiny, tmp_path / "run", monkeypatch, 1)
    said = refused(tiny, tmp_path / "run", seed=2)
    assert "parts of another run, which was interrupted" in said


def test_an_overwriting_run_that_was_interrupted_goes_on(tiny, tmp_path, monkeypatch):
    run_of(tiny, out=tmp_path / "run")
    interrupt(tiny, tmp_path / "run", monkeypatch, 1, seed=2)
    continued = run_of(tiny, out=tmp_path / "run", seed=2, overwrite=False)
    assert continued.dataset.identical(run_of(tiny, seed=2).dataset)


def test_a_broken_part_is_no_other_run(tiny, tmp_path, monkeypatch):
    interrupt(tiny, tmp_path / "run", monkeypatch, 1)
    part = tmp_path / "run" / "trajectories" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:100])
    run_of(tiny, out=tmp_path / "run", seed=2, overwrite=False)
    assert load_bundle(tmp_path / "run", model=tiny).cohort.seed == 2


@pytest.mark.parametrize("said", [{}, {"overwrite": True}])
def test_elsewhere_another_run_replaces_what_is_there(tiny, tmp_path, said):
    run_of(tiny, out=tmp_path / "run")
    run_of(tiny, out=tmp_path / "run", seed=2, **said)
    assert load_bundle(tmp_path / "run", model=tiny).cohort.seed == 2


SEEN = pd.DataFrame({"patient": [0], "time_h": [24.0], "measure": ["madrs"], "value": [20.0]})


def with_observations(tiny, folder, **options):
    run_of(tiny, out=folder, **options).save(folder, observations=SEEN)
    return folder / "observations.parquet"


@pytest.mark.parametrize("change", [{"seed": 2}, {"patients": 8}, {"patients": 4}, {"days": 2}])
def test_observations_of_another_run_do_not_stay(tiny, tmp_path, change):
    stored = with_observations(tiny, tmp_path / "run", patients=10)
    assert stored.is_file()
    run_of(tiny, out=tmp_path / "run", **change)
    assert not stored.exists()


def test_observations_do_not_stay_when_the_run_that_replaces_them_stops(
    tiny, tmp_path, monkeypatch
):
    stored = with_observations(tiny, tmp_path / "run")
    interrupt(tiny, tmp_path / "run", monkeypatch, 1, seed=2)
    assert not stored.exists()


def test_observations_of_the_same_run_stay(tiny, tmp_path):
    stored = with_observations(tiny, tmp_path / "run")
    before = stored.read_bytes()
    run_of(tiny, out=tmp_path / "run")
    assert stored.read_bytes() == before


def test_what_a_table_of_observations_says_of_itself_is_kept(tiny, tmp_path):
    import pyarrow.parquet as pq

    seen = SEEN.copy()
    seen.attrs = {"units": {"madrs": "points"}, "control": "active", "notes": ["a note"]}
    run_of(tiny).save(tmp_path / "run", observations=seen)
    metadata = pq.read_schema(tmp_path / "run" / "observations.parquet").metadata
    assert json.loads(metadata[b"units"]) == {"time_h": "h", "madrs": "points"}
    assert json.loads(metadata[b"ketasim"]) == {"control": "active", "notes": ["a note"]}
    assert seen.attrs["units"] == {"madrs": "points"}
