"""One small dossier that all tests of the report read, and a reader of what a page says."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from ketasim.report import Bundle, read_bundle, write_dossier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EXPERIMENTS = ("camp", "ampa")
HYPOTHESES = ("article", "no_opioid", "opioid_agonist")
VOID = {"meta", "br", "link", "input", "img", "hr"}


@dataclass
class Element:
    """One element of a page or a drawing, entities resolved."""

    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    def __getitem__(self, attribute: str) -> str:
        return self.attributes[attribute]

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()

    @property
    def elements(self) -> list[Element]:
        return [one for one in self.children if isinstance(one, Element)]

    @property
    def text(self) -> str:
        return " ".join("".join(self.strings()).split())

    def strings(self) -> Iterator[str]:
        for one in self.children:
            if isinstance(one, Element):
                yield from one.strings()
            else:
                yield one

    def inside(self) -> Iterator[Element]:
        for one in self.elements:
            yield one
            yield from one.inside()

    def every(self, tag: str, css: str = "") -> list[Element]:
        """All descendants of a kind, "" for any, with a class where one is named."""
        return [
            one for one in self.inside() if tag in ("", one.tag) and (not css or css in one.classes)
        ]

    def only(self, tag: str, css: str = "") -> Element:
        [found] = self.every(tag, css)
        return found

    def by_id(self, name: str) -> Element:
        [found] = [one for one in self.inside() if one.attributes.get("id") == name]
        return found


class _Reader(HTMLParser):
    """Builds the tree, and does not forgive an element that is closed in the wrong place."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(made)
        if tag not in VOID:
            self.open.append(made)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read(text: str) -> Element:
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == [reader.root], "something was never closed"
    return reader.root


@pytest.fixture(scope="session")
def parse() -> Callable[[str], Element]:
    return read


@pytest.fixture(scope="session")
def dossier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a dossier of two experiments, three hypotheses and four patients."""
    folder = tmp_path_factory.mktemp("dossier")
    write_dossier(folder, experiments=EXPERIMENTS, hypotheses=HYPOTHESES, patients=4)
    return folder


@pytest.fixture(scope="session")
def bundle(dossier: Path) -> Bundle:
    """What the page is made from; a test that alters it asks for `doctored`."""
    return read_bundle(dossier)


@pytest.fixture
def doctored(bundle: Bundle) -> Bundle:
    """A copy of the bundle whose index, experiments and tables may be altered in place."""
    return replace(
        bundle,
        index=json.loads(json.dumps(bundle.index)),
        experiments=json.loads(json.dumps(bundle.experiments)),
        parameters=bundle.parameters.copy(),
        observations=bundle.observations.copy(),
        trials=bundle.trials.copy(),
    )


@pytest.fixture(scope="session")
def page_text(dossier: Path) -> str:
    return (dossier / "dossier.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def page(page_text: str) -> Element:
    return read(page_text)


@pytest.fixture
def verdicts_of() -> Callable[..., list[Any]]:
    """By observation, every comparison that decides, over all hypotheses of a record."""

    def gathered(record: Any) -> list[Any]:
        return [
            made
            for one in record["hypotheses"].values()
            for made in one["comparisons"]
            if made["role"] == "decides"
        ]

    return gathered
