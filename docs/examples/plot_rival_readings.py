"""
Two readings of naltrexone
==========================

Does the opioid antagonist take the effect of ketamine away? The ``article`` says that cAMP rises,
PKA switches mTORC1 off and no synapse is built. ``no_opioid`` has no such edge.
"""

import pandas as pd

import ketasim as ks

alone = ks.regimen("ketamine 0.5 mg/kg iv over 40 min")
together = ks.regimen("naltrexone 50 mg oral at -45 min") + alone

# %%
# The same patients, the same doses, two hypotheses; the readouts on the way differ too.

rows = {}
for name in ("article", "no_opioid"):
    model = ks.load_model(name)
    for arm, regimen in {"ketamine": alone, "with naltrexone": together}.items():
        run = ks.simulate(
            model, regimen, patients=20, days=2, outputs=("camp", "mtorc1", "spines", "relief")
        )
        day = run.to_xarray().sel(time=24.0, method="nearest").median("patient")
        rows[name, arm] = {variable: float(day[variable]) for variable in day.data_vars}

pd.DataFrame(rows).T.round(3)

# %%
# What would refute each of them is written in its file.

print(ks.load_hypothesis("article").refuted_by)
print(ks.load_hypothesis("no_opioid").refuted_by)
