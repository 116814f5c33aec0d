"""SRTM in every voxel of a 2 mm brain, beside niftypad: the same curves, weights and washouts.

niftypad 2.0.0 (Apache-2.0) fits one voxel after the other by basis functions, in Python. It runs in
an interpreter of its own, in turn with ours, on fewer voxels; what counts is the ratio of seconds a
voxel on one core. Both minimise the same sum of squares on the same grid of washouts; what differs
is how the convolution is discretised (1 s there, 1024 points here).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

# A core is a core: threads of the linear algebra would come on top of those that are counted.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
CURVES = ROOT / "tests" / "instruments" / "pet" / "data" / "tacs.csv"
LIMIT_S = 60.0
WASHOUT = (0.001, 1.0)
BASES = 96
NOISE = 0.05
NAMES = ("r1", "k2", "bp")


def problem(voxels: int, seed: int = 1) -> dict[str, Any]:
    """Return curves of SRTM with noise, from a reference curve of the data set in the tests.

    R1, k2 and BPND are uniform over the range of that data set's regions; the noise is Gaussian,
    5 % of a curve's mean in a frame of a minute, and less in a longer one.
    """
    from ketasim.instruments.pet.kinetics.srtm import srtm_curves
    from ketasim.instruments.pet.scans import read_tacs

    scan = read_tacs(CURVES)[0]
    rng = np.random.default_rng(seed)
    ranges = ((0.6, 1.1), (0.08, 0.16), (0.2, 3.0))
    truth = np.stack([rng.uniform(low, high, voxels) for low, high in ranges])
    curves = srtm_curves(scan.reference, scan.frames, *truth)
    spread = NOISE * curves.mean(axis=1, keepdims=True) / np.sqrt(scan.frames.duration_min)
    activity = (curves + spread * rng.standard_normal(curves.shape)).astype(np.float32)
    return {
        "activity": activity, "reference": scan.reference, "truth": truth, "frames": scan.frames,
        "weights": scan.frames.duration_min / scan.frames.duration_min.mean(),
    }  # fmt: skip


def ours(data: dict[str, Any], voxels: int, threads: int, refine: bool) -> tuple[float, Any]:
    """Return seconds and estimates of our fit of the first voxels."""
    from ketasim.instruments.pet.voxelwise import fit_voxels

    begun = time.perf_counter()
    fits = fit_voxels(data["activity"][:voxels], data["reference"], data["frames"],
                      data["weights"], washout=WASHOUT, bases=BASES, refine=refine,
                      threads=threads)  # fmt: skip
    return time.perf_counter() - begun, np.stack([fits.r1, fits.k2, fits.bp])


def working_bytes(data: dict[str, Any], voxels: int, threads: int) -> int:
    """Return the most memory that a fit had at once, the curves that it was given aside."""
    tracemalloc.start()
    ours(data, voxels, threads, True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def peer(
    python: str, data: dict[str, Any], voxels: int, folder: Path
) -> tuple[dict[str, Any], Any]:
    """Return seconds and estimates of niftypad's fit of the first voxels, on one core."""
    given, answer = folder / "given.npz", folder / "answer.npz"
    np.savez(given, activity=data["activity"][:voxels], reference=data["reference"],
             weights=data["weights"], start_s=data["frames"].start_min * 60,
             end_s=data["frames"].end_min * 60)  # fmt: skip
    done = subprocess.run([python, __file__, "--worker", str(given), str(answer)], check=False,
                          env={**os.environ, "MPLBACKEND": "Agg"},
                          capture_output=True, text=True)  # fmt: skip
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()
        return {"not_measured": last[-1] if last else f"code {done.returncode}"}, None
    told = json.loads(done.stdout.strip().splitlines()[-1])
    with np.load(answer) as found:
        return told, np.stack([found[name] for name in NAMES])


def worker(given: Path, answer: Path) -> None:
    """Fit with niftypad; runs in its interpreter, which knows nothing of ketasim."""
    from importlib.metadata import version

    from niftypad import basis, kt
    from niftypad.image_process.parametric_image import image_to_parametric

    with np.load(given) as data:
        frames = np.rint(np.stack([data["start_s"], data["end_s"]])).astype(int)
        image = data["activity"].astype(np.float64)[:, None, None, :]
        begun = time.perf_counter()
        fine = kt.interpt1(kt.dt2mft(frames), data["reference"], frames)
        # Its weights multiply residuals, ours their squares; its washouts are in 1/s.
        made = basis.make_basis(fine, frames, beta_lim=[one / 60 for one in WASHOUT],
                                n_beta=BASES, w=np.sqrt(data["weights"]))  # fmt: skip
        everywhere = np.argwhere(np.ones(image.shape[:3], dtype=bool))
        found = image_to_parametric(image, frames, "srtmb_basis", {"b": made}, list(NAMES),
                                    mask=everywhere)  # fmt: skip
        seconds = time.perf_counter() - begun
    maps = {name: found[name].ravel() for name in NAMES}
    np.savez(answer, r1=maps["r1"], k2=60 * maps["k2"], bp=maps["bp"])
    print(json.dumps({"version": version("niftypad"), "seconds": seconds}))


def differences(one: Any, other: Any) -> dict[str, dict[str, float]]:
    """Return how far two sets of estimates are apart, relative to the second."""
    both = np.isfinite(one).all(axis=0) & np.isfinite(other).all(axis=0)
    apart = np.abs(one[:, both] / other[:, both] - 1)
    return {
        name: {"median": float(np.median(row)), "percentile_99": float(np.percentile(row, 99)),
               "largest": float(row.max())}
        for name, row in zip(NAMES, apart, strict=True)
    }  # fmt: skip


def regional(data: dict[str, Any], voxels: int) -> Any:
    """Return the estimates of the regional fit."""
    from ketasim.instruments.pet.kinetics.srtm import fit_srtm
    from ketasim.instruments.pet.voxelwise import VOXEL_BOUNDS

    found = fit_srtm(data["reference"], data["activity"][:voxels].astype(np.float64),
                     data["frames"], data["weights"], bounds=VOXEL_BOUNDS)  # fmt: skip
    values = np.stack([found.r1, found.k2, found.bp])
    good = np.array([one.name == "CONVERGED" for one in found.status])
    return np.where(good, values, np.nan)


def rmse(found: Any, truth: Any) -> dict[str, float]:
    """Return the root mean square error of the estimates that there are."""
    return {name: float(np.sqrt(np.nanmean((a - b) ** 2)))
            for name, a, b in zip(NAMES, found, truth, strict=True)}  # fmt: skip


def measure(voxels: int, peer_voxels: int, repeats: int, python: str) -> dict[str, Any]:
    """Return all figures; engines take turns, and of repeats the least disturbed counts."""
    data = problem(voxels)
    cores = len(os.sched_getaffinity(0))
    ours(data, 2 * BASES, 1, True)  # compiling is not timed
    seconds: dict[str, list[float]] = {"all": [], "one": [], "grid_one": [], "peer": []}
    told: dict[str, Any] = {}
    theirs = None
    with TemporaryDirectory() as folder:
        for _ in range(repeats):
            taken, refined = ours(data, voxels, cores, True)
            seconds["all"].append(taken)
            seconds["one"].append(ours(data, voxels, 1, True)[0])
            taken, grid = ours(data, voxels, 1, False)
            seconds["grid_one"].append(taken)
            told, estimates = peer(python, data, peer_voxels, Path(folder))
            if estimates is not None:
                theirs = estimates
                seconds["peer"].append(told["seconds"])
    best = {name: min(times) for name, times in seconds.items() if times}
    some = slice(0, peer_voxels)
    content: dict[str, Any] = {
        "voxels": voxels, "frames": len(data["frames"]), "washouts": BASES, "cores": cores,
        "limit_s": LIMIT_S, "seconds": best["all"], "seconds_one_core": best["one"],
        "seconds_grid_only_one_core": best["grid_one"], "met": best["all"] < LIMIT_S,
        "working_bytes": working_bytes(data, voxels, cores),
        "data_bytes": data["activity"].nbytes,
        "fitted_share": float(np.isfinite(refined[2]).mean()),
        "against_regional_fit": differences(refined[:, some], regional(data, peer_voxels)),
        "rmse": {"refined": rmse(refined[:, some], data["truth"][:, some]),
                 "grid_only": rmse(grid[:, some], data["truth"][:, some])},
    }  # fmt: skip
    if theirs is None:
        content["peers"] = {"niftypad": told}
        return content
    each = {name: best[name] / voxels for name in ("all", "one", "grid_one")}
    content["rmse"]["niftypad"] = rmse(theirs, data["truth"][:, some])
    content["peers"] = {
        "niftypad": {
            "version": told["version"], "licence": "Apache-2.0", "voxels": peer_voxels,
            "seconds": best["peer"],
            "ratio_one_core": best["peer"] / peer_voxels / each["one"],
            "ratio_one_core_grid_only": best["peer"] / peer_voxels / each["grid_one"],
            "ratio_all_cores": best["peer"] / peer_voxels / each["all"],
            "difference_same_grid": differences(grid[:, some], theirs),
        }
    }  # fmt: skip
    return content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/pet_voxelwise.json"))
    parser.add_argument("--voxels", type=int, default=230_000)
    parser.add_argument("--peer-voxels", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter with niftypad")
    parser.add_argument("--worker", nargs=2, type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.worker:
        worker(*chosen.worker)
        return
    from benchmarks.solver import machine, write

    content = measure(chosen.voxels, chosen.peer_voxels, chosen.repeats, chosen.peer_python)
    write({"machine": machine(), **content}, chosen.out)
    print(f"{content['seconds']:.2f} s for {content['voxels']} voxels on {content['cores']} cores")
    for name, one in content["peers"].items():
        told = one.get("not_measured") or f"{one['ratio_one_core']:.0f} times our time a voxel"
        print(f"{name}: {told}")


if __name__ == "__main__":
    main()
