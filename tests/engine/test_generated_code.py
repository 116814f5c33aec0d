"""The generated code holds indices, numbers and the engine's own names: nothing of a model's text.

A model file is untrusted. One test reads every token of the code against a strict grammar; the
others attack it through every place of a model where an author may write what he likes.
"""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ketasim.engine.expressions import UNARY
from ketasim.engine.kernels import plan_kernels, plan_outputs
from ketasim.engine.lowering import module_text
from ketasim.engine.rodas import METHODS
from ketasim.engine.sbml import read_sbml
from ketasim.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OWN = (
    "initialise", "rates", "linearise", "factor", "solve", "triggers", "effects", "observe",
    "guards", "begin", "attempt", "adopt", "look_inside", "look_now", "interpolant",
)  # fmt: skip
WORDS = (
    "define", "declare", "void", "double", "i1", "i32", "i64", "x", "noalias", "align", "label",
    "getelementptr", "bitcast", "to", "load", "store", "call", "ret", "br", "phi", "select", "undef",
    "fadd", "fsub", "fmul", "fdiv", "fneg", "fcmp", "olt", "ole", "ogt", "oge", "oeq", "uno", "ord",
    "icmp", "eq", "ne", "ult", "slt", "add", "sub", "mul", "shl", "ashr", "lshr", "and", "or",
    "xor", "insertelement", "extractelement", "shufflevector", "zeroinitializer", "true", "false",
)  # fmt: skip
MATHEMATICS = r"llvm\.(?:fabs|floor|ceil|trunc|sqrt|fma|minnum|maxnum)\.(?:v\d+)?f64"
FUNCTIONS = "|".join((*OWN, MATHEMATICS, *sorted(UNARY), "exp", "log", "pow"))
TOKEN = re.compile(
    r"\s+"
    r'|%"\.\d+"|^\.\d+:'  # a value, a label: numbered, never named
    rf'|@"(?:{FUNCTIONS})"'
    r"|-?0x[0-9a-f]{1,16}\b"  # a float by its bits
    r"|-?\d+\b"
    rf"|(?:{'|'.join(WORDS)})\b"
    r"|[][{}()<>,=*]",
    re.MULTILINE,
)
HEADER = (
    '; ModuleID = "kernels"\ntarget triple = "unknown-unknown-unknown"\ntarget datalayout = ""\n'
)

TEMPLATE = Path(__file__).with_name("template_of_attacks.xml")
HARMLESS = {
    "MODEL": "m", "COMPARTMENT": "c", "SPECIES": "s", "OTHER": "t", "PARAMETER": "p",
    "LOCAL": "l", "FUNCTION": "f", "ARGUMENT": "a", "REACTION": "r", "RULE": "u", "RATE": "v",
    "START": "w", "EVENT": "e", "UNIT": "z", "REFERENCE": "q",
}  # fmt: skip
TEXTS = {"NAME": "a name", "NOTES": "a note", "ANNOTATION": "an annotation"}

IDENTIFIERS = {
    "Python": ("__import__", "lambda", "None", "def", "exec", "eval", "import", "class", "os",
               "globals", "True", "yield", "print", "__builtins__", "async"),
    "code": ("declare", "define", "ret", "void", "double", "call", "br", "label", "malicious",
             "asm", "sideeffect", "module", "target", "llvm", "undef"),
    "own": ("initialise", "rates", "linearise", "factor", "solve", "triggers", "effects", "observe",
            "t", "y", "q", "out", "block", "lane", "kernel"),
    "mathematics": ("exp", "sin", "pow", "log", "time", "pi", "avogadro", "nan", "inf", "e",
                    "x0", "_0", "given", "true", "false"),
}  # fmt: skip
WORDINGS = {
    "Python": "__import__('os').system('touch /tmp/attacked')",
    "quotes": '"; \'\'\' """ \\" ` ${x} %s {0} \\x00 \\n',
    "lines": 'first\nret void\n}\ndefine void @malicious() {\r\n; comment\n!0 = !{!"x"}',
    "declare": 'declare i32 @malicious(i8*)\n@malicious = global [4 x i8] c"sh\\00"',
    "assembly": 'call void asm sideeffect "int3", ""() ; ret void',
    "letters": "größe \N{SNOWMAN} \N{RIGHT-TO-LEFT OVERRIDE}dlroW \N{ZERO WIDTH SPACE} 漢字 \U0001f480",
    "long": "A" * 100_000,
}


def written(identifiers: dict[str, str], texts: dict[str, str]) -> str:
    """Return the model with its identifiers and texts replaced by the given ones."""
    content = TEMPLATE.read_text("utf-8")
    for place, text in texts.items():
        content = content.replace(f"${place}$", html.escape(text))
    for place, name in identifiers.items():
        content = content.replace(f"@{place}@", name)
    return content


def code(sbml: str) -> str:
    """Return all that is generated for a model, its outputs included."""
    network = read_sbml(sbml)
    plan = plan_kernels(network, METHODS["rodas5p"], 4)
    nodes = network.output_nodes(tuple(network.symbols))
    kernel, viewing = plan_outputs(plan, network, nodes)
    parts = [module_text(plan.kernels, [plan.stepping], fused=fused) for fused in (True, False)]
    return "".join([*parts, module_text([kernel], [viewing])])


def strangers(text: str) -> Iterator[str]:
    """Yield what is not of the grammar, with what stands around it."""
    place = 0
    for module in re.split(f"(?={re.escape(HEADER)})", text):
        body = module.removeprefix(HEADER)
        place = 0
        while place < len(body):
            token = TOKEN.match(body, place)
            if token is None:
                yield body[max(0, place - 30) : place + 30]
                return
            place = token.end()


def test_every_token_of_the_code_is_an_index_a_number_or_a_word_of_the_engine() -> None:
    text = code(written(HARMLESS, TEXTS))
    assert text.count(HEADER) == 3
    assert list(strangers(text)) == []


@pytest.mark.parametrize(
    "stranger",
    [
        "; a comment", '%"x"', "%x", '@"malicious"', "declare i32 @malicious(i8*)", '"text"',
        "asm", "!0", "c\"sh\\00\"", "0xzz", "given", "1.5", '@"system"', '%".5.name"', "ö",
    ],
)  # fmt: skip
def test_the_grammar_lets_nothing_else_pass(stranger: str) -> None:
    text = code(written(HARMLESS, TEXTS))
    place = text.index("\n}", len(text) // 2)
    assert list(strangers(text[:place] + f"\n  {stranger}" + text[place:]))


@pytest.mark.parametrize("kind", IDENTIFIERS)
def test_identifiers_leave_no_trace(kind: str) -> None:
    names = dict(zip(HARMLESS, IDENTIFIERS[kind], strict=True))
    assert code(written(names, TEXTS)) == code(written(HARMLESS, TEXTS))


@pytest.mark.parametrize("kind", WORDINGS)
@pytest.mark.parametrize("place", TEXTS)
def test_names_notes_and_annotations_leave_no_trace(kind: str, place: str) -> None:
    attacked = written(HARMLESS, {**TEXTS, place: WORDINGS[kind]})
    assert code(attacked) == code(written(HARMLESS, TEXTS))


def test_an_attack_from_every_place_at_once_leaves_no_trace() -> None:
    names = {place: f"malicious_{place.lower()}" for place in HARMLESS}
    texts = dict.fromkeys(TEXTS, 'malicious"); declare void @malicious()')
    text = code(written(names, texts))
    assert "malicious" not in text
    assert list(strangers(text)) == []


@pytest.mark.parametrize(
    "name",
    ["x y", "x;ret", 'x"', "x'", "x\n", "1x", "", "x()", "x.y", "größe", "@x", "%x", "x-1", "x\\n"],
)
@pytest.mark.parametrize("place", ["SPECIES", "PARAMETER", "REACTION", "FUNCTION", "LOCAL"])
def test_an_identifier_that_is_none_is_refused_in_one_sentence(place: str, name: str) -> None:
    attacked = written({**HARMLESS, place: html.escape(name)}, TEXTS)
    with pytest.raises(ModelError) as refused:
        read_sbml(attacked)
    assert len(str(refused.value).splitlines()) == 1


def test_a_long_identifier_is_no_part_of_the_code() -> None:
    names = {**HARMLESS, "SPECIES": "s" * 50_000}
    assert code(written(names, TEXTS)) == code(written(HARMLESS, TEXTS))


@pytest.mark.parametrize(
    ("number", "bits"),
    [("1e300", None), ("0.1", "0x3fb999999999999a"), ("-0.0", None), ("12345.678", "40c81cd6")],
)
def test_a_number_is_written_by_its_bits(
    sbml: Callable[[str], str], number: str, bits: str | None
) -> None:
    text = sbml("model m; x = 1; x' = -x*sin(0.75*x); end").replace("0.75", number)
    assert number in text
    found = code(text)
    assert list(strangers(found)) == []
    assert number not in found
    assert bits is None or bits in found


def test_the_code_is_the_same_in_every_process(tmp_path: Path) -> None:
    """Otherwise the cache would be missed; sets of names have another order in each process."""
    model = tmp_path / "model.xml"
    model.write_text(written(HARMLESS, TEXTS), encoding="utf-8")
    program = (
        "import hashlib, importlib.util, pathlib, sys\n"
        "spec = importlib.util.spec_from_file_location('tests_of_code', sys.argv[1])\n"
        "tests = importlib.util.module_from_spec(spec); spec.loader.exec_module(tests)\n"
        "text = tests.code(pathlib.Path(sys.argv[2]).read_text('utf-8'))\n"
        "print(hashlib.sha256(text.encode()).hexdigest())\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program, __file__, str(model)],
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(found) == 1
