from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import FrozenInstanceError

import pytest

from ketasim.dosing import Dose, Regimen, regimen
from ketasim.errors import RegimenError

INFUSION = regimen("ketamine 0.5 mg/kg iv over 40 min")
TABLET = regimen("naltrexone 50 mg oral at -45 min")


def test_regimens_add_up():
    both = TABLET + INFUSION
    assert both.doses == TABLET.doses + INFUSION.doses
    assert sum([TABLET, INFUSION], start=Regimen()) == both
    with pytest.raises(TypeError):
        INFUSION + "ketamine"


def test_a_shift_moves_every_start_and_nothing_else():
    both = TABLET + INFUSION
    later = both.shift("30 min")
    assert [dose.start_h for dose in later] == [-0.25, 0.5]
    assert later.shift(-0.5) == both
    assert both.doses[0].start_h == -0.75


def test_the_ends_of_a_course():
    course = regimen("ketamine 1 mg iv over 1 h every 24 h x 3 at 2 h")
    assert (course.start_h, course.last_start_h, course.end_h) == (2.0, 50.0, 51.0)
    assert (Regimen().start_h, Regimen().last_start_h, Regimen().end_h) == (0.0, 0.0, 0.0)


def test_administrations_come_in_the_order_of_time():
    both = regimen("ketamine 1 mg iv over 1 h every 24 h x 2") + TABLET
    found = [(one.dose.drug, one.start_h, one.stop_h) for one in both.administrations()]
    assert found == [
        ("naltrexone", -0.75, -0.75),
        ("ketamine", 0.0, 1.0),
        ("ketamine", 24.0, 25.0),
    ]


def test_a_regimen_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        INFUSION.doses = ()
    assert isinstance(hash(INFUSION), int)


def test_the_repr_is_what_was_written():
    assert repr(INFUSION) == "Regimen('ketamine 0.5 mg/kg iv over 40 min')"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"amount": float("nan")}, "amount nan is not finite"),
        ({"amount": -1.0}, "amount -1 is negative"),
        ({"start_h": float("inf")}, "start inf is not finite"),
        ({"duration_h": -1.0}, "duration -1 h is negative"),
        ({"repeats": 2}, "needs an interval"),
        ({"interval_h": 2.0}, "not how often"),
        ({"unit": "mgs"}, "unknown unit"),
        ({"unit": "mg kg"}, "has a space"),
        ({"unit": "L"}, "cannot be measured"),
        ({"drug": "two words"}, "no name of a drug"),
        ({"route": ""}, "no name of a route"),
        ({"salt": "1"}, "no name of a salt"),
    ],
)
def test_an_impossible_dose_says_why(fields, words):
    good = {"drug": "ketamine", "amount": 1.0, "unit": "mg", "route": "iv"}
    with pytest.raises(RegimenError, match=words):
        Dose(**{**good, **fields})


def svg_of(of):
    text = of._repr_html_()
    begin, end = text.index("<svg"), text.index("</svg>") + len("</svg>")
    return ElementTree.fromstring(text[begin:end])


def test_the_timeline_draws_every_administration_once():
    svg = svg_of(regimen("ketamine 1 mg iv over 2 h every 24 h x 5") + TABLET)
    name = "{http://www.w3.org/2000/svg}"
    assert len(svg.findall(f"{name}rect")) == 5
    assert len(svg.findall(f"{name}circle")) == 1
    lanes = [one.text for one in svg.findall(f"{name}text")]
    assert {"ketamine", "naltrexone"} <= set(lanes)


def test_the_timeline_is_to_scale():
    svg = svg_of(regimen("ketamine 1 mg iv over 1 h; ketamine 1 mg iv over 2 h at 8 h"))
    short, long = svg.findall("{http://www.w3.org/2000/svg}rect")
    assert float(long.get("width")) == pytest.approx(2 * float(short.get("width")), abs=0.2)
    shift = float(long.get("x")) - float(short.get("x"))
    assert shift == pytest.approx(8 * float(short.get("width")), abs=0.5)


@pytest.mark.parametrize(
    "text", ["nothing", "ketamine 1 mg iv", "ketamine 1 mg iv over 10 min", "saline 0 mg iv"]
)
def test_every_regimen_can_be_drawn(text):
    html = regimen(text)._repr_html_()
    assert html.count("<div") == html.count("</div>") == 1
