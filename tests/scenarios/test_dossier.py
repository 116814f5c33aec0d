"""The report as its readers meet it: made from the prompt, opened in a browser, read on a phone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from ketasim.experiments import list_experiments
from ketasim.model import list_hypotheses

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.scenario

LIMIT_BYTES = 8 * 2**20
CHROMIUM = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
    "--allow-file-access-from-files", "--virtual-time-budget=8000",
)  # fmt: skip

# A frame of the width asked for: Chromium's own window is never narrower than 500 pixels.
FRAME = """<!doctype html><body style="margin:0"><iframe id="f" src="{page}"
style="width:{width}px;height:900px;border:0"></iframe><script>
addEventListener("load", () => {{
  const inside = document.getElementById("f").contentWindow, d = inside.document;
  const answer = (() => {{ {script} }})();
  document.body.textContent = "@@" + JSON.stringify(answer) + "@@";
}});</script>"""


def ask(chromium: str, page: Path, script: str, width: int = 1280) -> Any:
    """Run a script beside the page, which it sees as ``inside`` and ``d``, and return its answer."""
    frame = page.parent / f"frame-{width}.html"
    frame.write_text(FRAME.format(page=page.name, width=width, script=script), encoding="utf-8")
    profile = page.parent / "profile"
    done = subprocess.run(
        [chromium, *CHROMIUM, f"--user-data-dir={profile}", "--dump-dom", frame.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = re.search(r"@@(.*)@@", done.stdout, re.DOTALL)
    assert found, done.stdout[-2000:]
    # The answer is text of an element, so the browser escapes these three.
    plain = found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return json.loads(plain)


def write(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ketasim", "dossier", "--out", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    done = write(folder)
    assert done.returncode == 0, done.stderr
    return folder / "dossier.html"


def test_the_report_is_one_file_under_eight_megabytes(page: Path) -> None:
    assert page.stat().st_size < LIMIT_BYTES
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", text.split("<body>")[0])
    assert not re.search(r"<(?:script|img|link|iframe)[^>]+(?:src|href)=", text)


def test_every_hypothesis_stands_in_every_experiment(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name in list_experiments():
        section = text.split(f'<section id="experiment-{name}"')[1].split("</section>")[0]
        missing = [one for one in list_hypotheses() if f"<b>{one}</b>" not in section]
        assert not missing, name


def test_the_bundle_beside_it_answers_plain_sql(page: Path) -> None:
    table = page.parent / "experiments" / "naltrexone" / "comparisons.parquet"
    [(rows,)] = duckdb.sql(
        f"SELECT count(*) FROM '{table}' WHERE hypothesis = 'article' AND role = 'decides'"
    ).fetchall()
    record = json.loads((table.parent / "experiment.json").read_text(encoding="utf-8"))
    detail = record["hypotheses"]["article"]["verdict_detail"]
    parts = ("agree", "disagree", "disputed")
    assert rows == sum(len(detail[part]) for part in parts) > 0


def test_a_second_run_simulates_nothing_and_makes_the_same_page(page: Path) -> None:
    stored = {one: one.stat().st_mtime_ns for one in page.parent.glob("experiments/*/*")}
    before = page.read_text(encoding="utf-8")
    assert write(page.parent).returncode == 0
    assert {one: one.stat().st_mtime_ns for one in page.parent.glob("experiments/*/*")} == stored
    assert _timeless(page.read_text(encoding="utf-8")) == _timeless(before)


def _timeless(text: str) -> str:
    return re.sub(r"20\d\d-\d\d-\d\dT[\d:.+Z]+", "", text)


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_makes_the_page_scroll_sideways(page: Path, chromium: str, width: int) -> None:
    script = (
        "for (const one of d.querySelectorAll('details')) one.open = true;"
        "return d.documentElement.scrollWidth;"
    )
    assert ask(chromium, page, script, width) <= width


@pytest.mark.browser
def test_choosing_a_hypothesis_changes_map_and_charts(page: Path, chromium: str) -> None:
    script = """
      const seen = (name) => {
        const choice = d.getElementById("only");
        choice.value = name;
        choice.dispatchEvent(new inside.Event("change"));
        const line = d.querySelector(".chart.course .line.h1");
        return [d.querySelectorAll(".map .off").length, inside.getComputedStyle(line).opacity];
      };
      return [seen(""), seen("no_opioid"), seen("")];
    """
    usual, one, again = ask(chromium, page, script)
    assert usual == again
    assert one[0] > usual[0] == 0
    assert float(one[1]) < float(usual[1]) == 1.0


@pytest.mark.browser
def test_the_keyboard_reaches_every_box_of_the_map_and_each_table(
    page: Path, chromium: str
) -> None:
    script = """
      const boxes = [...d.querySelectorAll(".map .node")];
      boxes[3].focus();
      const near = d.querySelectorAll(".map .node.near").length;
      const wide = (one) => one.scrollWidth > one.clientWidth + 1;
      const scrolled = [...d.querySelectorAll(".scroll")].filter(wide);
      const bare = scrolled.filter((one) => one.tabIndex < 0 && !one.querySelector("a"));
      return [d.activeElement === boxes[3], near > 1 && near < boxes.length, bare.length];
    """
    assert ask(chromium, page, script, 390) == [True, True, 0]


@pytest.mark.browser
def test_words_stand_out_from_their_ground(page: Path, chromium: str) -> None:
    # WCAG 2 asks for a contrast of 4.5 for text.
    script = """
      const light = (rgb) => { const [r, g, b] = rgb.map((v) => { v /= 255;
        return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
      const parse = (text) => text.match(/[\\d.]+/g).map(Number);
      const ground = (node) => { for (let one = node; one; one = one.parentElement) {
        const c = parse(inside.getComputedStyle(one).backgroundColor);
        if (c.length === 3 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
      const poor = new Set();
      const words = "p, li, td, th, h1, h2, h3, h4, h5, span, a, summary, dd, dt";
      for (const one of d.querySelectorAll(words)) {
        if (!one.textContent.trim() || one.closest(".visually-hidden, svg")) continue;
        const [a, b] = [light(parse(inside.getComputedStyle(one).color).slice(0, 3)), light(ground(one))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < 4.5) poor.add(one.className + " " + contrast.toFixed(2));
      }
      return [...poor];
    """
    assert ask(chromium, page, script) == []


@pytest.mark.browser
def test_it_prints_with_every_part_unfolded(page: Path, chromium: str, tmp_path: Path) -> None:
    target = tmp_path / "dossier.pdf"
    subprocess.run(
        [chromium, *CHROMIUM, f"--user-data-dir={tmp_path / 'profile'}",
         f"--print-to-pdf={target}", "--no-pdf-header-footer", page.as_uri()],
        capture_output=True, check=True, timeout=240,
    )  # fmt: skip
    assert target.read_bytes().startswith(b"%PDF")
    script = """
      inside.dispatchEvent(new inside.Event("beforeprint"));
      return [...d.querySelectorAll("details")].every((one) => one.open);
    """
    assert ask(chromium, page, script) is True
