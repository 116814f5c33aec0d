"""
One infusion, seven days
========================

Half a milligram of ketamine per kilogram over 40 minutes, in a small cohort of virtual patients:
what is in the blood, what is blocked, what grows, and what a rater would see.
"""

# %%
# A model is a structure, its numbers, and one hypothesis. The regimen is written as it is spoken.

import ketasim as ks

model = ks.load_model("article")
regimen = ks.regimen("ketamine 0.5 mg/kg iv over 40 min")
regimen

# %%
# The cohort varies as the parameter tables say. Every patient has a status; none is dropped.

run = ks.simulate(model, regimen, patients=40, days=7, seed=1)
run.summary()

# %%
# Severity on the MADRS is the pharmacology plus the context of the trial plus the rater's error.

madrs = ks.measure(run, "madrs")
madrs.summary()
