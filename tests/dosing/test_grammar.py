from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from ketasim.dosing import Dose, Regimen, regimen
from ketasim.errors import InputError, RegimenError, UnknownNameError
from ketasim.model import list_drugs, load_drug

INFUSION = "ketamine 0.5 mg/kg iv over 40 min"


def test_the_infusion_of_the_trials():
    (dose,) = regimen(INFUSION)
    assert dose == Dose("ketamine", 0.5, "mg/kg", "iv", duration_h=40 / 60)


def test_a_tablet_before_the_infusion():
    both = regimen(f"naltrexone 50 mg oral at -45 min; {INFUSION}")
    assert [dose.start_h for dose in both] == [-0.75, 0.0]
    assert both.drugs == ("naltrexone", "ketamine")


def test_a_course_counts_its_first_dose():
    (dose,) = regimen("esketamine 84 mg nasal every 84 h x 8")
    assert dose.starts().tolist() == [84.0 * k for k in range(8)]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Ketamine 0.5mg/kg intravenous over 40min", INFUSION),
        ("ketamine 0.5 mg/kg i.v. over 2400 s", INFUSION),
        ("naltrexone 50 mg po at -0.75 h", "naltrexone 50 mg oral at -45 min"),
        ("esketamine 84 mg intranasal every 3.5 days x8", "esketamine 84 mg nasal every 84 h x 8"),
        ("esketamine HCl 32.3 mg nasal", "esketamine hydrochloride 32.3 mg nasal"),
        ("ketamine 1 mg iv at 1 h over 1 h", "ketamine 1 mg iv over 1 h at 1 h"),
        ("ketamine 1 mg iv\nketamine 2 mg iv", "ketamine 1 mg iv; ketamine 2 mg iv"),
    ],
)
def test_words_that_mean_the_same(text, same):
    assert regimen(text) == regimen(same)


def test_a_list_and_typed_doses_are_welcome():
    (dose,) = regimen(INFUSION)
    parts = [INFUSION, dose, regimen(INFUSION)]
    assert regimen(parts) == Regimen((dose, dose, dose))
    assert regimen([]) == Regimen()


def test_nothing_is_a_regimen_too():
    assert str(Regimen()) == "nothing"
    assert regimen("nothing") == Regimen()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ketamine 0.5 mgkg iv", ["unknown unit 'mgkg'", "did you mean mg/kg"]),
        ("ketamine -1 mg iv", ["the amount -1 is negative"]),
        ("ketamine 1 mg iv over -3 min", ["the duration -3 min is negative"]),
        ("ketamin 0.5 mg/kg iv", ["unknown drug 'ketamin'", "did you mean ketamine"]),
        ("naltrexone 5 mg nasal", ["unknown route for naltrexone 'nasal'", "iv, oral"]),
        ("ketamine sulfate 1 mg iv", ["unknown salt of ketamine 'sulfate'", "hydrochloride"]),
        ("saline citrate 1 mg iv", ["unknown salt of saline 'citrate': none is known"]),
        ("ketamine 1 mg", ["there is no route", "sublingual"]),
        ("ketamine 1 mg over 40 min", ["there is no route"]),
        ("ketamine 1", ["the amount 1 has no unit"]),
        ("ketamine five mg iv", ["there is no amount"]),
        ("5 mg ketamine iv", ["there is no drug before the amount"]),
        ("ketamine 1 h iv", ["a dose cannot be measured in 'h'"]),
        ("ketamine 1 mg iv ovr 40 min", ["'ovr' was not understood", "did you mean over"]),
        ("ketamine 1 mg iv over", ["no time follows 'over'"]),
        ("ketamine 1 mg iv over 40", ["'40' is not a time"]),
        ("ketamine 1 mg iv over 40 mg", ["'40 mg' is not a time"]),
        ("ketamine 1 mg iv at 1 h at 2 h", ["'at' stands twice"]),
        ("ketamine 1 mg iv every 3 h", ["not said how often"]),
        ("ketamine 1 mg iv every 3 h x many", ["'many' is no count"]),
        ("ketamine 1 mg iv every 3 h x 0", ["0 administrations"]),
        ("ketamine 1 mg iv every 0 h x 3", ["needs an interval"]),
        (" ; ", ["empty text"]),
    ],
)
def test_a_mistake_is_answered_in_one_sentence(text, words):
    with pytest.raises(InputError) as caught:
        regimen(text)
    sentence = str(caught.value)
    assert all(word in sentence for word in words)
    assert "\n" not in sentence
    if text.strip(" ;"):
        assert repr(text) in sentence


def test_an_unknown_name_is_that_kind_of_error():
    with pytest.raises(UnknownNameError):
        regimen("ketamin 1 mg iv")
    with pytest.raises(RegimenError):
        regimen("ketamine 1 mgkg iv")


positive = st.floats(1e-6, 1e6, allow_nan=False)
times = st.one_of(st.floats(-1e4, 1e4), st.integers(-5000, 5000).map(lambda n: n / 60))
durations = st.one_of(st.just(0.0), positive, st.integers(1, 600).map(lambda n: n / 60))


# Doses are made outside the strategies, which must not call code whose types are checked at random.
ROUTES = {
    name: (sorted(load_drug(name).routes), [None, *sorted(load_drug(name).salts)])
    for name in list_drugs()
    if load_drug(name).routes
}


@st.composite
def fields(draw):
    drug = draw(st.sampled_from(sorted(ROUTES)))
    routes, salts = ROUTES[drug]
    repeats = draw(st.integers(1, 30))
    return {
        "drug": drug,
        "amount": draw(st.one_of(st.just(0.0), positive)),
        "unit": draw(st.sampled_from(["mg", "ug", "g", "mg/kg", "ug/kg", "umol"])),
        "route": draw(st.sampled_from(routes)),
        "start_h": draw(times),
        "duration_h": draw(durations),
        "repeats": repeats,
        "interval_h": draw(positive) if repeats > 1 else 0.0,
        "salt": draw(st.sampled_from(salts)),
    }


@given(st.lists(fields(), max_size=4))
def test_what_is_written_is_read_back_bit_for_bit(doses):
    written = Regimen(tuple(Dose(**one) for one in doses))
    assert regimen(str(written)) == written
