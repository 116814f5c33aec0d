"""`ketasim predict` and `ketasim score`: trials foretold, and how well."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ketasim.cli import completion
from ketasim.cli.output import AsJson, print_frame, print_json, say


def predict(
    trials: Annotated[
        Path,
        typer.Argument(
            help="CSV, one row a result: study, arm, drug, dose, dose_unit, route, infusion_min, n,"
            " scale, timepoint_h (from the first dose), kind (mean, change, diff, effect_size,"
            " response, remission)."
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for predictions.csv and its SHA-256.", file_okay=False)
    ],
    hypothesis: Annotated[
        list[str] | None,
        typer.Option(
            help="One hypothesis instead of all; may be given several times.",
            autocompletion=completion.hypotheses,
        ),
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(help="Family of trials nothing may learn from; may be given several times."),
    ] = None,
    draws: Annotated[int, typer.Option(help="Sets of parameters that are drawn.", min=8)] = 48,
    seed: Annotated[int, typer.Option(help="Seed of the random numbers.", min=0)] = 1,
    as_json: AsJson = False,
) -> None:
    """Predict results of trials from what the trials are, with intervals for their own size.

    Columns that may be given besides: control_type (saline, midazolam, nasal_placebo, active_other, ect,
    none), control_drug, control_n, setting (outpatient, inpatient), background (none, continued,
    new_antidepressant), masking (double_blind, anaesthetised, open_label), schedule ("day 1", "days 1,
    4", "twice weekly x 4 weeks"), baseline_mean, baseline_sd, age_mean, population. A change is post
    minus baseline, a diff active minus control, a positive effect_size is benefit; response and
    remission are in percent.
    """
    from ketasim.inference.predicting import Sizes, predict_trials, read_trials
    from ketasim.model import list_hypotheses
    from ketasim.simulate.progress import shown

    rows = read_trials(trials)
    with shown(None, len(hypothesis or list_hypotheses()), "hypotheses") as advance:
        found = predict_trials(
            rows, hypotheses=hypothesis, leave_out=leave_out or (), sizes=Sizes(draws=draws),
            seed=seed, progress=advance,
        )  # fmt: skip
    file = found.save(out)
    average = found.table[found.table["hypothesis"] == "all"]
    columns = [
        "study",
        "arm",
        "scale",
        "timepoint_h",
        "kind",
        "predicted",
        "lo95",
        "hi95",
        "status",
    ]
    if as_json:
        print_json({"file": str(file), "sha256": found.digest,
                    "rows": average[columns].to_dict("records")})  # fmt: skip
        return
    print_frame(average[columns], as_json=False)
    left = int(average["predicted"].isna().sum())
    if left:
        say(f"{left} of {len(average)} rows are not predicted; the column status says why.")
    say(f"{file}: {len(found.table)} rows, SHA-256 {found.digest}")


def score(
    predictions: Annotated[Path, typer.Argument(help="What `ketasim predict` wrote.")],
    truth: Annotated[
        Path,
        typer.Argument(
            help="CSV of results: study, arm, scale, timepoint_h, kind, value; sd, ci_low and"
            " ci_high where known."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Score predictions against results, beside two baselines from pooled evidence.

    The baselines pool trials that may be among those predicted, so they may have seen the answer.
    """
    from ketasim.inference.predicting.scoring import score_predictions

    found = score_predictions(predictions, truth)
    summary = found.summary()
    if as_json:
        print_json({"summary": summary.to_dict("records"),
                    "not_predicted": found.not_predicted.to_dict("records")})  # fmt: skip
        return
    print_frame(summary.round(3), as_json=False)
    if len(found.not_predicted):
        say(f"{len(found.not_predicted)} rows with a result were not predicted.")
