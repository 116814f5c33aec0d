"""The two examples that end each command's help; a test runs every one of them."""

from __future__ import annotations

__all__ = ["EXAMPLES", "epilog"]

EXAMPLES: dict[str, tuple[str, str]] = {
    "lint": (
        "ketasim lint",
        'ketasim lint --regimen "ketamine 0.5 mg/kg iv over 40 min"',
    ),
    "simulate": (
        'ketasim simulate --drug ketamine --dose "0.5 mg/kg" --route iv --over "40 min"'
        " --patients 20 --days 3 --out out/run",
        'ketasim simulate --regimen "naltrexone 50 mg oral at -45 min; ketamine 0.5 mg/kg iv over'
        ' 40 min" --patients 20 --days 2 --json',
    ),
    "solve": (
        "ketasim solve model.xml --end 24 --steps 48",
        "ketasim solve model.xml --end 24 --outputs S1,S2 --amounts --csv out/course.csv",
    ),
    "experiment": (
        "ketasim experiment --list",
        "ketasim experiment occupancy --hypothesis article",
    ),
    "trial": (
        "ketasim trial murrough2013 --replicates 200 --null --people 500 --out out/trial",
        "ketasim trial murrough2013 --replicates 200 --people 500 --power 0.8 --json",
    ),
    "predict": (
        "ketasim predict trials.csv --out out/predicted --hypothesis article",
        "ketasim predict trials.csv --out out/predicted --hypothesis article --draws 16 --json",
    ),
    "score": (
        "ketasim score out/predicted/predictions.csv results.csv",
        "ketasim score out/predicted/predictions.csv results.csv --json",
    ),
    "pet fit": (
        "ketasim pet fit tacs.csv --model srtm --out out/fits.csv",
        "ketasim pet fit tacs.csv --model mrtm2 --k2-prime-region VSTR --json",
    ),
    "pet power": (
        "ketasim pet power --design change --region HIP --effect 0.167 --n 20",
        "ketasim pet power --design group --region HIP --effect 0.167 --n 20 --n-control 10"
        " --absolute-variability 0.12 --json",
    ),
    "pool": (
        "ketasim pool --event Dissociation --measure rr --hartung-knapp",
        "ketasim pool --event Sedation --measure or --method glmm --glmm-model CM.EL --json",
    ),
    "discover": (
        "ketasim discover --list",
        "ketasim discover --generations 3 --population 56 --draws 2 --out out/search",
    ),
    "dossier": (
        "ketasim dossier --experiment occupancy --hypothesis article --out out/occupancy",
        "ketasim dossier --out out/dossier",
    ),
    "export sbml": (
        "ketasim export sbml --out out/ketasim.xml",
        "ketasim export sbml --hypothesis no_opioid --out out/no_opioid.xml",
    ),
    "cite": (
        "ketasim cite",
        "ketasim cite --bibtex",
    ),
    "rerun": (
        "ketasim rerun out/run/manifest.json",
        "ketasim rerun out/run/manifest.json --check-only --json",
    ),
    "doctor": (
        "ketasim doctor",
        "ketasim doctor --json",
    ),
}


def epilog(command: str) -> str:
    """Return the closing lines of a command's help.

    Parameters
    ----------
    command : str
        The command's words, for instance ``"export sbml"``.

    Returns
    -------
    str
        Rich markup; a blank line between two lines, as typer asks.
    """
    # A bracket opens markup in rich; none of the examples may hold one.
    lines = ["[bold]Examples[/bold]", *EXAMPLES[command]]
    return "\n\n".join(lines)
