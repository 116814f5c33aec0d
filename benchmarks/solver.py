"""`make bench`: the solver against its peers at equal achieved error; JSON for the report."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .case import FLOOR
from .curves import geometric_mean, points_of, ratios
from .measure import CHECK_RTOL, OURS, REFERENCE_RTOL, CaseRun, Plan
from .models import NAMES, load_case
from .peers import ADAPTERS, adapter
from .process import empty_folder
from .scale import LEVEL, chosen_rtol, measure_all_cores, measure_cohorts

RIVALS = ("libroadrunner", "numbalsoda")
FORMAT = 1
QUICK = {
    "engines": (OURS, *RIVALS), "cases": ("shipped", "effect_site", "rescue"), "patients": 256,
    "compared": 16, "levels": (1e-2, 1e-3, 1e-4), "repeats": 2, "point_seconds": 0.5,
}  # fmt: skip


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    names = ("numpy", "numba", "llvmlite", "scipy")
    return {
        "processor": _processor(), "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(), "packages": {name: version(name) for name in names},
    }  # fmt: skip


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def say(text: str) -> None:
    """Tell how far the run is."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def described(name: str) -> dict[str, Any]:
    """Return what a model is."""
    case = load_case(name)
    return {
        "title": case.title, "source": case.source, "absolute": case.absolute,
        "events": case.events, "outputs": list(case.outputs),
    }  # fmt: skip


def compared(engines: dict[str, Any], levels: tuple[float, ...]) -> dict[str, Any]:
    """Return the ratios of every engine on one model."""
    ours = points_of(engines[OURS])
    return {
        name: ratios(ours, points_of(one), levels) for name, one in engines.items() if name != OURS
    }


def overall(cases: dict[str, Any], engines: tuple[str, ...]) -> dict[str, Any]:
    """Return, for each engine, on how many models we are ahead and by how much on the whole."""
    found = {}
    for name in engines:
        means = {
            case: one["ratios"].get(name, {}).get("geometric_mean") for case, one in cases.items()
        }
        known = {case: mean for case, mean in means.items() if mean is not None}
        found[name] = {
            "measured": len(known), "ahead": sum(mean > 1.0 for mean in known.values()),
            "geometric_mean": geometric_mean(known.values()),
        }  # fmt: skip
    return found


def write(content: dict[str, Any], out: Path) -> None:
    """Write the figures so far, whole or not at all."""
    out.parent.mkdir(parents=True, exist_ok=True)
    new = out.with_suffix(".tmp")
    new.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    os.replace(new, out)


def known_cases(out: Path) -> dict[str, Any]:
    """Return the models that an interrupted run has measured on this machine already."""
    if not out.exists():
        return {}
    before = json.loads(out.read_text(encoding="utf-8"))
    same = before.get("format") == FORMAT and before.get("machine") == machine()
    return dict(before["cases"]) if same else {}


def run(plan: Plan, sizes: tuple[int, ...], out: Path, resume: bool) -> dict[str, Any]:
    """Measure everything; what is known is written after every step."""
    engines = {name: {"configuration": adapter(name).configuration} for name in plan.engines}
    content: dict[str, Any] = {
        "format": FORMAT, "machine": machine(), "engines": engines, "plan": asdict(plan),
        "floor": FLOOR, "reference_rtol": REFERENCE_RTOL, "check_rtol": CHECK_RTOL,
        "level": LEVEL, "cases": known_cases(out) if resume else {},
    }  # fmt: skip
    first = plan.cases[0]
    with empty_folder() as folder:
        for case in plan.cases:
            (folder / case).mkdir()
            if case in content["cases"]:
                continue
            _measure(case, plan, folder / case, content)
            write(content, out)
        rivals = tuple(name for name in plan.engines if name != OURS)
        content["overall"] = overall(content["cases"], rivals)
        measured = content["cases"][first]["engines"]
        limit, own = plan.limit_seconds, folder / first
        together = measure_all_cores(first, measured, plan.repeats, limit, own, say)
        content["all_cores"] = {"case": first, "engines": together}
        write(content, out)
        rtol = chosen_rtol(measured[OURS])
        if rtol is not None and sizes:
            rows = measure_cohorts(first, rtol, sizes, 10 * limit, own, say)
            content["cohorts"] = {"case": first, "rows": rows}
    write(content, out)
    return content


def _measure(case: str, plan: Plan, folder: Path, content: dict[str, Any]) -> None:
    """Measure one model on one core and add what was found."""
    found = CaseRun(case, plan, folder, say).measure()
    found["ratios"] = compared(found["engines"], tuple(plan.levels))
    content["cases"][case] = {**described(case), **found}
    _tell(case, found["ratios"])


def _tell(case: str, found: dict[str, Any]) -> None:
    for name, one in found.items():
        if one["geometric_mean"] is not None:
            levels = ", ".join(f"{level}: {ratio:.1f}" for level, ratio in one["levels"].items())
            say(f"{case:>16} {name:>18}: {one['geometric_mean']:.1f} times our time ({levels})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/solver.json"))
    parser.add_argument("--quick", action="store_true", help="two peers, three models, 2 minutes")
    parser.add_argument("--engines", nargs="+", choices=ADAPTERS, default=None)
    parser.add_argument("--cases", nargs="+", choices=NAMES, default=None)
    parser.add_argument("--patients", type=int, default=None, help="timed together")
    parser.add_argument("--compared", type=int, default=None, help="held against the reference")
    parser.add_argument("--repeats", type=int, default=None)
    parser.add_argument(
        "--limit-seconds", type=float, default=None, help="an engine may take for one answer"
    )
    parser.add_argument("--resume", action="store_true", help="keep the models already in --out")
    parser.add_argument(
        "--point-seconds", type=float, default=None, help="spent on an engine at one tolerance"
    )
    parser.add_argument("--largest", type=int, default=None, help="largest cohort of ours")
    parser.add_argument("--commit", action="store_true", help="copy to benchmarks/results too")
    chosen = parser.parse_args()
    options: dict[str, Any] = dict(QUICK) if chosen.quick else {}
    options |= {
        name: value
        for name in (
            "engines",
            "cases",
            "patients",
            "compared",
            "repeats",
            "point_seconds",
            "limit_seconds",
        )
        if (value := getattr(chosen, name)) is not None
    }
    plan = Plan(**{"engines": tuple(ADAPTERS), "cases": NAMES, **options})
    if OURS not in plan.engines:
        parser.error(f"{OURS} must be among the engines: the others are compared with it")
    largest = chosen.largest or (1000 if chosen.quick else 100_000)
    sizes = tuple(size for size in (100, 1000, 10_000, 100_000) if size <= largest)
    run(plan, sizes, chosen.out, chosen.resume)
    if chosen.commit:
        kept = Path(__file__).parent / "results" / chosen.out.name
        kept.parent.mkdir(exist_ok=True)
        shutil.copyfile(chosen.out, kept)


if __name__ == "__main__":
    main()
