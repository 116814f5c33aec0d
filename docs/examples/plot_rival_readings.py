"""
Two readings of naltrexone
==========================

Does the opioid antagonist take the effect of ketamine away? The ``article`` says that cAMP rises,
PKA switches mTORC1 off and no synapse is built. ``no_opioid`` has no such edge.
"""

import textwrap

import pandas as pd

import ketasim as ks

alone = ks.regimen("ketamine 0.5 mg/kg iv over 40 min")
together = ks.regimen("naltrexone 50 mg oral at -45 min") + alone

# %%
# The same patients, the same doses, two hypotheses; the readouts on the way differ too. Shown are
# medians over the patients: cAMP and mTORC1 at one hour, spines and relief at one day.

rows = {}
for name in ("article", "no_opioid"):
    model = ks.load_model(name)
    for arm, regimen in {"ketamine": alone, "with naltrexone": together}.items():
        run = ks.simulate(
            model, regimen, patients=20, days=2, outputs=("camp", "mtorc1", "spines", "relief")
        )
        median = run.to_xarray()[list(run.outputs)].median("patient")
        early = median.sel(time=1.0, method="nearest")
        late = median.sel(time=24.0, method="nearest")
        rows[name, arm] = {
            "cAMP, 1 h": float(early["camp"]),
            "mTORC1, 1 h": float(early["mtorc1"]),
            "spines, 24 h": float(late["spines"]),
            "relief, 24 h": float(late["relief"]),
        }

pd.DataFrame(rows).T.round(3)

# %%
# What would refute each of them is written in its file.

for name in ("article", "no_opioid"):
    print(textwrap.fill(f"{name}: {ks.load_hypothesis(name).refuted_by}", 80))
