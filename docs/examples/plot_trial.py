"""
A trial before it begins
========================

Ketamine against midazolam as it was once done, run four hundred times: what such a trial finds, how
often, and what stands between its patients and its analysis.
"""

# %%
# A design is a file; those of published trials ship with the package.

from ketasim.trial import load_design, operating_characteristics

design = load_design("murrough2013")
found = operating_characteristics(design, replicates=400, seed=1, people=500)
found

# %%
# Patients come from the mechanism; each trial draws its own, and rates and loses them anew.

found.plot("spaghetti")

# %%
# Every trial has an estimate. The dashed line is what a trial of everybody would find.

found.plot("estimates", at_most=40)

# %%
# With the drug's effect off, one trial in twenty finds a difference all the same.

found.plot("distribution")
