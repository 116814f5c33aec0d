import numpy as np
import pytest

import ketasim as ks
from ketasim.errors import InputError
from ketasim.instruments.pet.binding import (
    OUTPUTS,
    Truth,
    binding_fold,
    competition,
    density_table,
    draw_truth,
    mean_binding,
    model_binding,
)
from ketasim.instruments.pet.regions import constant, load_regions
from ketasim.instruments.pet.scans import REGIONS
from ketasim.instruments.pet.separation import tell_apart

MANY = np.arange(4000)


@pytest.mark.parametrize("s", [0.05, 0.1, 0.5])
def test_competition_is_the_share_of_free_receptors(s):
    # Free receptors at serotonin S over Ki are 1 / (1 + S / Ki); half occupied at rest is s = 1.
    level = np.array([0.0, 1.0, 3.0])
    assert competition(level, s) == pytest.approx((1 / (1 + s * level)) / (1 / (1 + s)))
    assert competition(1.0, s, 1.0) == pytest.approx((1 + s) / (2 + s))


def test_release_and_receptors_move_binding_in_opposite_directions():
    assert binding_fold(1.0, 1.0) == 1
    assert binding_fold(1.0, 3.0) < 1 < binding_fold(1.2, 1.0)
    # A scan sees the product: enough of both and it sees nothing.
    assert binding_fold(1.3 / 1.1, 3.0) == pytest.approx(1)


def test_the_assumed_occupancy_gives_a_fall_that_releasing_agents_were_seen_to_give():
    fall = 1 - float(competition(constant("released_serotonin")))
    assert 0.13 <= fall <= 0.31  # amphetamine, MDMA, 5-HTP in monkeys (Yang 2018)


@pytest.fixture(scope="module")
def separated():
    return tell_apart(ks.load_model("article"), patients=20)


def test_the_model_tells_release_from_receptors(separated):
    lows = separated.summary()["lowest_percent"]
    highs = separated.summary()["highest_percent"]
    late = separated.to_frame().query("time_h == 24").set_index(["intervention", "region"])
    for region in ("HIP", "VSTR"):
        assert lows["release, fenfluramine-like", region] < -10
        assert highs["release, fenfluramine-like", region] <= 0
        assert lows["transporter block", region] < -1
        assert late.loc[("ketamine", region), "change_percent"] > 0
        assert late.loc[("ketamine", region), "density"] > 1
        assert abs(highs["ketamine after NBQX", region]) < 0.01 * highs["ketamine", region]
    # During the dose serotonin outweighs what receptors there are, a day later the reverse.
    assert lows["ketamine", "HIP"] < 0
    assert highs["ketamine", "HIP"] > highs["ketamine", "VSTR"]


def test_the_figure_has_a_panel_a_region_and_a_line_an_intervention(separated):
    figure = separated.plot()
    assert len(figure.data) == 2 * 4
    assert "%" in figure.layout.yaxis.title.text
    first = separated.to_frame().query("region == 'HIP' and intervention == 'ketamine'")
    assert list(figure.data[0].y) == pytest.approx(list(first["change_percent"]))


def test_model_binding_reads_the_region_that_the_table_names():
    run = ks.simulate(
        ks.load_model("article"), "ketamine 0.5 mg/kg iv over 40 min", patients=3, days=2,
        outputs=OUTPUTS, progress=False,
    )  # fmt: skip
    found = model_binding(run, [24.0], REGIONS)
    where = list(run.times).index(24.0)
    for place, region in enumerate(REGIONS):
        density = run.values(density_table().at[region, "variable"])[:, where]
        serotonin = run.values("serotonin")[:, where]
        assert found[:, 0, place] == pytest.approx(binding_fold(density, serotonin))
    with pytest.raises(InputError, match="outside the run of"):
        model_binding(run, [72.0])


def test_depression_and_age_change_the_regions_that_were_measured():
    values = load_regions()
    fold = dict(zip(values.names, mean_binding(values, True)[0] / values.bpnd, strict=True))
    assert fold["ACC"] == pytest.approx(0.8)
    assert fold["HIP"] == pytest.approx(0.68)
    assert fold["VSTR"] == 1
    older = mean_binding(values, False, constant("age_reference") + 20)[0] / values.bpnd
    by_age = dict(zip(values.names, older, strict=True))
    assert by_age["FC"] == pytest.approx(0.92**2)
    assert by_age["HIP"] == 1


def test_people_differ_as_stated_and_alike_in_all_regions():
    values = load_regions(spread="simulated")
    log = np.log(draw_truth(values, MANY, 1, seed=1).bpnd[:, 0])
    assert log.std(axis=0) == pytest.approx(0.27, rel=0.05)
    assert np.exp(log).mean(axis=0) == pytest.approx(values.bpnd, rel=0.02)
    between = np.corrcoef(log.T)[np.triu_indices(len(values.names), 1)]
    assert between == pytest.approx(constant("between_correlation"), abs=0.02)


def test_scans_of_a_person_differ_by_what_is_asked():
    values = load_regions(["HIP", "THA"])
    truth = draw_truth(values, MANY, 2, seed=1, within_sd=[0.08, 0.05], shift=True)
    ratio = np.log(truth.bpnd[:, 1] / truth.bpnd[:, 0])
    assert ratio.std(axis=0) == pytest.approx(np.sqrt(2) * np.array([0.08, 0.05]), rel=0.05)
    change = np.tanh(ratio / 2) * 2
    assert change.mean(axis=0) == pytest.approx([0, -0.128], abs=0.005)
    same = draw_truth(values, MANY[:5], 2, seed=1)
    assert np.array_equal(same.bpnd[:, 0], same.bpnd[:, 1])


def test_a_patient_is_the_same_in_any_company_and_for_any_regions():
    every = draw_truth(load_regions(), MANY[:30], 2, seed=4, within_sd=0.05)
    alone = draw_truth(load_regions(["THA", "HIP"]), [17], 2, seed=4, within_sd=0.05)
    for name in ("bpnd", "r1", "k2_prime"):
        whole = getattr(every, name)[17][:, [REGIONS.index("THA"), REGIONS.index("HIP")]]
        assert np.array_equal(getattr(alone, name)[0], whole)


def test_people_given_by_their_ventral_striatum_have_it_and_the_rest_follows():
    values = load_regions(spread="simulated")
    fold = np.exp(0.27 * np.random.default_rng(1).standard_normal(4000))
    log = np.log(draw_truth(values, MANY, 1, seed=1, striatum=fold).bpnd[:, 0])
    striatum = log[:, values.names.index("VSTR")]
    assert np.corrcoef(striatum, np.log(fold))[0, 1] == pytest.approx(1)
    hippocampus = log[:, values.names.index("HIP")]
    assert hippocampus.std() == pytest.approx(0.27, rel=0.05)
    correlation = np.corrcoef(striatum, hippocampus)[0, 1]
    assert correlation == pytest.approx(constant("between_correlation"), abs=0.02)
    with pytest.raises(InputError, match="VSTR"):
        draw_truth(load_regions(["HIP"]), MANY, 1, seed=1, striatum=fold)


def test_a_common_rate_of_the_reference_is_common_to_all_regions_of_a_scan():
    values = load_regions()
    common = draw_truth(values, MANY[:50], 2, seed=1, common_k2_prime=True).k2_prime
    assert np.ptp(common, axis=2).max() == 0
    assert np.ptp(common[:, 0, 0]) > 0
    own = draw_truth(values, MANY, 1, seed=1).k2_prime[:, 0]
    assert np.exp(np.log(own).mean(axis=0)) == pytest.approx(values.k2_prime, rel=0.02)


def test_a_truth_whose_parts_disagree_is_refused():
    part = np.ones((2, 1, 1))
    with pytest.raises(InputError, match="r1 has the shape"):
        Truth(np.arange(2), ("HIP",), part, np.ones((2, 2, 1)), part)
    with pytest.raises(InputError, match="negative"):
        competition(-1.0)
