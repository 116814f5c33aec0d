"""Files that are no models, or that would do harm, are refused in one sentence and at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from ketasim.engine import sbml_math, sbml_text
from ketasim.engine.sbml import read_sbml
from ketasim.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

MATH = "http://www.w3.org/1998/Math/MathML"


def document(body: str, level: int = 3, version: int = 2, head: str = "", more: str = "") -> str:
    ending = "/core" if level == 3 else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}'
        f'<sbml xmlns="http://www.sbml.org/sbml/level{level}/version{version}{ending}" '
        f'level="{level}" version="{version}" {more}><model id="m">{body}</model></sbml>'
    )


def parameter(name: str, value: str = "1", constant: bool = False) -> str:
    told = "true" if constant else "false"
    return f'<parameter id="{name}" value="{value}" constant="{told}"/>'


def rate(content: str, variable: str = "x", more: str = "", functions: str = "") -> str:
    """A model of one parameter with a rate rule."""
    return document(
        f"{functions}<listOfParameters>{parameter('x')}{more}</listOfParameters><listOfRules>"
        f'<rateRule variable="{variable}"><math xmlns="{MATH}">{content}</math></rateRule>'
        "</listOfRules>"
    )


def function(name: str, body: str, argument: str = "a") -> str:
    return (
        f'<functionDefinition id="{name}"><math xmlns="{MATH}"><lambda><bvar><ci>{argument}</ci>'
        f"</bvar>{body}</lambda></math></functionDefinition>"
    )


def refusal(text: str, within: float = 10.0) -> str:
    begin = time.process_time()  # of this process: a busy machine makes no difference
    with pytest.raises(ModelError) as caught:
        read_sbml(text)
    assert time.process_time() - begin < within
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 700
    return sentence


# no model at all ---------------------------------------------------------------------------
NO_MODELS = {
    "nothing": "",
    "words": "this is no model",
    "a broken element": document("<listOfParameters>"),
    "two roots": document("") + "<sbml/>",
    "a zero byte": document("").replace("<model", "\0<model"),
    "half a character": document("").replace('id="m"', 'id="m" name="\ud800"'),
    "an unknown encoding": document("").replace("UTF-8", "klingon"),
    "other xml": "<html><body>model</body></html>",
    "no model inside": document("").replace('<model id="m"></model>', ""),
}


@pytest.mark.parametrize("case", NO_MODELS)
def test_what_is_no_model_is_said_to_be_none(case: str) -> None:
    try:
        sentence = refusal(NO_MODELS[case])
    except pytest.fail.Exception:
        # The text arrives decoded: a wrong declaration of its encoding harms nobody.
        assert case == "an unknown encoding"
        return
    assert any(word in sentence for word in ("line", "no model", "characters"))


def test_level_one_is_refused() -> None:
    text = '<sbml xmlns="http://www.sbml.org/sbml/level1" level="1" version="2">{}</sbml>'
    compartment = '<listOfCompartments><compartment name="c"/></listOfCompartments>'
    for model in ("<model/>", f'<model name="m">{compartment}</model>'):
        assert "level 1 is not supported" in refusal(text.format(model))


# bombs -------------------------------------------------------------------------------------
def test_entities_are_refused_before_they_are_expanded() -> None:
    lol = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol"}">' for i in range(10))
    bomb = document("<notes>&l9;</notes>", head=f"<!DOCTYPE sbml [{lol}]>")
    assert "DOCTYPE or ENTITY declaration is not allowed" in refusal(bomb, 1.0)
    file = document("", head='<!DOCTYPE sbml [<!ENTITY x SYSTEM "file:///etc/passwd">]>')
    assert "DOCTYPE or ENTITY declaration is not allowed" in refusal(file, 1.0)
    plain = document("", head='<!DOCTYPE sbml SYSTEM "http://example.org/sbml.dtd">')
    assert "DOCTYPE" in refusal(plain, 1.0)
    assert "undefined entity" in refusal(document("<notes>&nbsp;</notes>"), 1.0)


def test_a_model_of_fifty_megabytes_is_refused_by_the_limit() -> None:
    text = document(f"<notes>{'x' * 50 * 2**20}</notes>")
    assert "the model has 50 MB; expected at most 32 MB" in refusal(text, 1.0)


def test_a_million_parameters_are_refused_by_the_limit() -> None:
    many = "".join(f'<parameter id="p{i:x}"/>' for i in range(1_000_000))
    text = document(f"<listOfParameters>{many}</listOfParameters>", 2, 4)
    assert len(text) < sbml_text.LARGEST_TEXT
    assert "too many compartments, species, parameters" in refusal(text)
    assert "at most 200,000" in refusal(text)


def test_a_million_elements_are_refused_by_the_limit() -> None:
    assert "too many elements; expected at most 1,000,000" in refusal(rate("<e/>" * 1_000_001))


def test_ten_thousand_parameters_are_read_in_seconds() -> None:
    more = "".join(parameter(f"p{i}", str(i), True) for i in range(10_000))
    names = "".join(f"<ci>p{i}</ci>" for i in range(10_000))
    begin = time.perf_counter()
    network = read_sbml(rate(f"<apply><plus/>{names}</apply>", more=more))
    assert time.perf_counter() - begin < 20.0
    assert len(network.parameters) == 10_000
    assert network.graph.evaluate(network.rates, network.defaults, [1.0]) == [49_995_000.0]


def test_deep_formulas_are_read_and_too_deep_ones_refused() -> None:
    def nested(depth: int) -> str:
        return rate("<apply><minus/>" * depth + "<ci>x</ci>" + "</apply>" * depth)

    network = read_sbml(nested(901))
    assert network.graph.evaluate(network.rates, (), [3.0]) == [-3.0]
    assert "nested too deeply; expected at most 1000 levels" in refusal(nested(100_000), 1.0)


def test_functions_that_unfold_without_end_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sbml_math, "MOST_OPERATIONS", 5_000)
    call = "<apply><ci>f{}</ci>{}</apply>"
    shifted = "<apply><plus/><ci>a</ci><cn>{}</cn></apply>"
    functions = function("f0", "<ci>a</ci>") + "".join(
        function(
            f"f{i}",
            f"<apply><times/>{call.format(i - 1, shifted.format(i))}"
            f"{call.format(i - 1, shifted.format(-i))}</apply>",
        )
        for i in range(1, 60)
    )
    text = rate(
        call.format(59, "<ci>x</ci>"),
        functions=f"<listOfFunctionDefinitions>{functions}</listOfFunctionDefinitions>",
    )
    assert "unfold to too many operations; expected at most" in refusal(text)
    # The same call twice is one call: this unfolds to 60 operations, not to 2**60.
    same = text.replace("<cn>-", "<cn>")
    network = read_sbml(same)
    assert len(network.graph) < 400


def test_long_chains_of_rules_and_functions_need_no_deep_stack() -> None:
    count = 3_000
    functions = function("f0", "<ci>a</ci>") + "".join(
        function(
            f"f{i}", f"<apply><plus/><cn>1</cn><apply><ci>f{i - 1}</ci><ci>a</ci></apply></apply>"
        )
        for i in range(1, count)
    )
    text = rate(
        f"<apply><ci>f{count - 1}</ci><ci>x</ci></apply>",
        functions=f"<listOfFunctionDefinitions>{functions}</listOfFunctionDefinitions>",
    )
    network = read_sbml(text)
    assert network.graph.evaluate(network.rates, (), [0.5]) == [count - 0.5]
    chain = assigned(*((f"r{i}", f"r{i + 1}") for i in range(1_500)))
    last = parameter("r1500", "7", True)
    network = read_sbml(chain.replace("</listOfParameters>", f"{last}</listOfParameters>"))
    assert network.graph.evaluate([network.symbols["r0"]], network.defaults) == [7.0]


# circles -----------------------------------------------------------------------------------
def call(name: str) -> str:
    return f"<apply><ci>{name}</ci><ci>a</ci></apply>"


@pytest.mark.parametrize(
    "functions",
    [
        function("f", call("f")),
        function("f", call("g")) + function("g", call("f")),
        function("f", call("g")) + function("g", call("h")) + function("h", call("f")),
    ],
)
def test_recursive_functions_are_refused(functions: str) -> None:
    text = rate(
        "<ci>x</ci>",
        functions=f"<listOfFunctionDefinitions>{functions}</listOfFunctionDefinitions>",
    )
    sentence = refusal(text)
    assert "a function definition calls itself: " in sentence
    assert "'f'" in sentence


def assigned(*pairs: tuple[str, str]) -> str:
    items = "".join(parameter(name) for name in dict.fromkeys(name for name, _ in pairs))
    rules = "".join(
        f'<assignmentRule variable="{name}"><math xmlns="{MATH}"><ci>{other}</ci></math>'
        "</assignmentRule>"
        for name, other in pairs
    )
    return document(
        f"<listOfParameters>{items}</listOfParameters><listOfRules>{rules}</listOfRules>"
    )


def test_rules_in_a_circle_are_refused_however_long() -> None:
    assert "circle: a -> a" in refusal(assigned(("a", "a")))
    assert "circle: a -> b -> a" in refusal(assigned(("a", "b"), ("b", "a")))
    ring = [(f"r{i}", f"r{(i + 1) % 2000}") for i in range(2000)]
    with pytest.raises(ModelError, match="rules define each other in a circle"):
        read_sbml(assigned(*ring))


# names -------------------------------------------------------------------------------------
NAMES = [
    "__import__('os').system('true')", "a b", "a\nb", "1x", "", "é", "a-b", 'x"; drop', "x" * 5 + ";",
    "a.b", "given:x",
]  # fmt: skip


def escaped(name: str) -> str:
    name = name.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return name.replace("\n", "&#10;")


@pytest.mark.parametrize("name", NAMES)
def test_identifiers_that_are_none_are_refused(name: str) -> None:
    sentence = refusal(rate("<ci>x</ci>", more=parameter(escaped(name))))
    assert "is no identifier of SBML" in sentence


@pytest.mark.parametrize("name", NAMES)
def test_a_formula_cannot_mention_what_no_identifier_can_be(name: str) -> None:
    sentence = refusal(rate(f"<ci>{escaped(name)}</ci>"))
    assert "which the model does not define" in sentence or "line" in sentence


WORDS = [
    "lambda",
    "class",
    "None",
    "__import__",
    "exec",
    "print",
    "_",
    "def",
    "time",
    "nan",
    "import",
]


def test_identifiers_that_mean_something_in_python_are_plain_names() -> None:
    items = "".join(parameter(word, str(place), True) for place, word in enumerate(WORDS))
    names = "".join(f"<ci>{word}</ci>" for word in WORDS)
    network = read_sbml(rate(f"<apply><plus/>{names}</apply>", more=items))
    assert network.parameters == tuple(WORDS)
    total = network.graph.evaluate(network.rates, network.defaults, [1.0])
    assert total == [sum(range(len(WORDS)))]


def test_titles_may_hold_anything(sbml: Callable[[str], str]) -> None:
    text = rate("<ci>x</ci>").replace(
        'id="x"', 'id="x" name="&quot;); __import__(&apos;os&apos;) &#10; #"'
    )
    network = read_sbml(text)
    assert (network.name, network.states) == ("m", ("x",))


def test_a_very_long_name_is_cut_in_the_message() -> None:
    assert len(refusal(rate(f"<ci>{'n' * 100_000}</ci>"))) < 300


# what does not fit together ----------------------------------------------------------------
COMPARTMENT = (
    '<listOfCompartments><compartment id="c" size="1" constant="true"/></listOfCompartments>'
)


def species(name: str, compartment: str = "c", constant: str = "false") -> str:
    return (
        f'<species id="{name}" compartment="{compartment}" initialAmount="1" constant="{constant}" '
        'hasOnlySubstanceUnits="false" boundaryCondition="false"/>'
    )


def reacting(name: str, items: str, more: str = "", law: str = "<cn>1</cn>") -> str:
    written = f'<kineticLaw><math xmlns="{MATH}">{law}</math></kineticLaw>' if law else ""
    return document(
        f"{COMPARTMENT}<listOfSpecies>{items}</listOfSpecies>{more}<listOfReactions><reaction "
        f'id="R" reversible="false"><listOfReactants><speciesReference species="{name}" '
        f'stoichiometry="1" constant="true"/></listOfReactants>{written}</reaction></listOfReactions>'
    )


def ruled(kind: str, variable: str, more: str = "") -> str:
    formula = f'<math xmlns="{MATH}"><cn>1</cn></math>'
    return f'<{kind} variable="{variable}"{more}>{formula}</{kind}>'


def started(symbol: str) -> str:
    return (
        f'<listOfInitialAssignments><initialAssignment symbol="{symbol}"><math xmlns="{MATH}">'
        "<cn>1</cn></math></initialAssignment></listOfInitialAssignments>"
    )


def with_event(variables: str, rules: str = "", constant: bool = False) -> str:
    sets = "".join(ruled("eventAssignment", name) for name in variables)
    return document(
        f"<listOfParameters>{parameter('x', constant=constant)}</listOfParameters>{rules}"
        '<listOfEvents><event id="e" useValuesFromTriggerTime="true"><trigger initialValue="true" '
        f'persistent="true"><math xmlns="{MATH}"><true/></math></trigger><listOfEventAssignments>'
        f"{sets}</listOfEventAssignments></event></listOfEvents>"
    )


MISFITS = {
    "the id 'x' is given 2 times": rate("<ci>x</ci>", more=parameter("x")),
    "the id 'c' is given 2 times": document(
        f"{COMPARTMENT}<listOfParameters>{parameter('c')}</listOfParameters>"
    ),
    "species 'S' is in the compartment 'd', which": reacting("S", species("S", "d")),
    "the reaction 'R' mentions the species 'T', which": reacting("T", species("S")),
    "the species 'S' is constant and the reaction 'R' moves it": reacting(
        "S", species("S", constant="true")
    ),
    "the species 'S' has a rule and the reaction 'R' moves it": reacting(
        "S", species("S"), f"<listOfRules>{ruled('rateRule', 'S')}</listOfRules>"
    ),
    "the reaction 'R' has no rate": reacting("S", species("S"), law=""),
    "a rule sets 'z', which": rate("<ci>x</ci>", variable="z"),
    "the variable of a rule 'x' is given 2 times": document(
        f"<listOfParameters>{parameter('x')}</listOfParameters><listOfRules>"
        f"{ruled('rateRule', 'x')}{ruled('assignmentRule', 'x')}</listOfRules>"
    ),
    "'x' is constant and has a rule": document(
        f"<listOfParameters>{parameter('x', constant=True)}</listOfParameters><listOfRules>"
        f"{ruled('rateRule', 'x')}</listOfRules>"
    ),
    "an initial assignment sets 'z', which": document(
        f"<listOfParameters>{parameter('x')}</listOfParameters>{started('z')}"
    ),
    "both an assignment rule and an initial assignment": document(
        f"<listOfParameters>{parameter('x')}</listOfParameters>{started('x')}<listOfRules>"
        f"{ruled('assignmentRule', 'x')}</listOfRules>"
    ),
    "the event 'e' sets 'z', which": with_event("z"),
    "in the event 'e' the variable 'x' is given 2 times": with_event("xx"),
    "'x' is constant and the event 'e' sets it": with_event("x", constant=True),
    "'x' has an assignment rule and the event 'e' sets it": with_event(
        "x", f"<listOfRules>{ruled('assignmentRule', 'x')}</listOfRules>"
    ),
    "the conversion factor 'q' is no parameter": document("").replace(
        'id="m"', 'id="m" conversionFactor="q"'
    ),
}  # fmt: skip


@pytest.mark.parametrize("told", MISFITS)
def test_what_does_not_fit_together_is_refused_by_name(told: str) -> None:
    assert told in refusal(MISFITS[told])


def test_many_findings_make_one_short_sentence() -> None:
    more = "".join(parameter(f"p{i // 2}") for i in range(2_000))
    assert "(and 995 more)" in refusal(rate("<ci>x</ci>", more=more))


# what the engine does not do ---------------------------------------------------------------
def package(name: str, required: str = "true") -> str:
    space = f"http://www.sbml.org/sbml/level3/version1/{name}/version1"
    return document("", 3, 1, more=f'xmlns:{name}="{space}" {name}:required="{required}"')


@pytest.mark.parametrize(
    ("name", "required"),
    [("comp", "true"), ("distrib", "true"), ("qual", "true"), ("multi", "true"),
     ("fbc", "false"), ("spatial", "true"), ("arrays", "true"), ("dyn", "true")],
)  # fmt: skip
def test_packages_that_change_the_meaning_are_refused(name: str, required: str) -> None:
    text = package(name, required)
    if name == "fbc":
        text = text.replace("fbc/version1", "fbc/version2").replace(
            '<model id="m"', '<model id="m" fbc:strict="false"'
        )
    assert f"the SBML package '{name}' is not supported" in refusal(text)


@pytest.mark.parametrize("name", ["layout", "render", "groups"])
def test_packages_that_draw_are_no_reason_to_refuse(name: str) -> None:
    assert read_sbml(package(name, "false")).states == ()


SYMBOL = "http://www.sbml.org/sbml/symbols/"


def test_delays_and_random_numbers_are_refused() -> None:
    delay = (
        f'<apply><csymbol encoding="text" definitionURL="{SYMBOL}delay">d</csymbol>'
        "<ci>x</ci><cn>1</cn></apply>"
    )
    assert "rate rule of x: delays are not supported" in refusal(rate(delay))
    random = (
        '<apply><csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/'
        'distrib/normal">normal</csymbol><cn>0</cn><cn>1</cn></apply>'
    )
    assert "rate rule of x" in refusal(rate(random)) or "line" in refusal(rate(random))


def test_a_fast_reaction_is_refused_by_name() -> None:
    text = reacting("S", species("S")).replace("version2/core", "version1/core")
    text = text.replace('version="2"', 'version="1"')
    assert read_sbml(text.replace('id="R"', 'id="R" fast="false"')).states == ("S",)
    assert "the fast reaction 'R'" in refusal(text.replace('id="R"', 'id="R" fast="true"'))


def test_parameters_that_are_no_numbers_are_named_before_anything_runs() -> None:
    network = read_sbml(rate("<ci>k</ci>", more=parameter("k", "NaN", True)))
    with pytest.raises(ModelError, match="'k' has no value in the model"):
        network.input_table({}, 1)
    with pytest.raises(ModelError, match="'k' is nan; expected a finite number"):
        network.input_table({"k": float("nan")}, 1)
    assert network.input_table({"k": 2.0}, 1).shape[0] == 1


@pytest.mark.parametrize(
    "content",
    [
        "<apply><ci>f</ci><ci>x</ci></apply>", "<apply><forall/><ci>x</ci></apply>", "<ci/>",
        "<cn>x</cn>", "<lambda><ci>x</ci></lambda>", "<cn type='integer'>1e400</cn>",
        "<piecewise><piece><cn>1</cn></piece></piecewise>", "<apply><ci>x</ci></apply>",
        '<csymbol encoding="text" definitionURL="http://evil.example/">x</csymbol>',
        "<semantics/>", "", "<ci>x</ci><ci>x</ci>", "<apply/>",
    ],
)  # fmt: skip
def test_broken_formulas_are_refused_and_never_crash(content: str) -> None:
    assert refusal(rate(content)).startswith(("model m: line", "rate rule of x: ", "SBML, line"))


@pytest.mark.parametrize(
    ("kind", "text"),
    [("real", "1,5"), ("real", "0x10"), ("real", "1 5"), ("real", "2x"), ("integer", "1.5"),
     ("e-notation", "1<sep/>2.5"), ("e-notation", "1x<sep/>2"), ("rational", "1.5<sep/>2"),
     ("rational", "1<sep/>2<sep/>3")],
)  # fmt: skip
def test_a_number_that_libsbml_would_read_in_part_is_refused(kind: str, text: str) -> None:
    assert f"is no number of the type '{kind}'" in refusal(rate(f'<cn type="{kind}">{text}</cn>'))


def test_numbers_of_every_type_are_read() -> None:
    for kind, text, value in (
        ("real", " -2.5e1 ", -25.0), ("integer", "7", 7.0), ("e-notation", " 2.5 <sep/> -3 ", 0.0025),
        ("rational", "3<sep/>4", 0.75), ("real", ".5", 0.5), ("real", "5.", 5.0),
    ):  # fmt: skip
        network = read_sbml(rate(f'<cn type="{kind}">{text}</cn>'))
        assert network.graph.evaluate(network.rates, (), [0.0]) == [value]
    assert "a number has the base '16'" in refusal(rate('<cn type="integer" base="16">1F</cn>'))
