"""
A population, from model to picture
===================================

Two compartments and an absorption, a thousand patients, one dose by mouth and one infusion: what the
solver takes, what it returns, and what it says of a patient that cannot be solved.
"""

import antimony
import numpy as np
import plotly.graph_objects as go

from ketasim.engine import DoseSchedule, compile_model

# %%
# The model is SBML, here written as Antimony. Compiled is the model, not its numbers: any of its
# parameters may differ between patients.

antimony.loadAntimonyString("""
model oral
  compartment V = 20                     # L
  substanceOnly species gut in V = 0     # mg
  species central in V = 0               # mg/L
  substanceOnly species tissue in V = 0  # mg
  ka = 1.1; k12 = 0.3; k21 = 0.15        # 1/h
  cl = 4                                 # L/h
  absorption: gut -> central; ka*gut
  elimination: central -> ; cl*central
  out: central -> tissue; k12*central*V
  back: tissue -> central; k21*tissue
end
""")
solver = compile_model(antimony.getSBMLString("oral"))
solver

# %%
# Absorption, clearance and volume vary. 100 mg are swallowed at 0 h, and 50 mg flow into the blood
# from 24 to 26 h.

factors = np.exp(0.3 * np.random.default_rng(1).normal(size=(3, 1000)))
patients = {"ka": 1.1 * factors[0], "cl": 4.0 * factors[1], "V": 20.0 * factors[2]}
doses = DoseSchedule(
    targets=("gut", "central"),
    start_h=np.array([0.0, 24.0]),
    duration_h=np.array([0.0, 2.0]),
    amount=np.array([100.0, 50.0]),
)
times = np.linspace(0.0, 48.0, 193)
run = solver.solve(times, parameters=patients, doses=doses, outputs=["central"])
run.values.shape, run.failed

# %%
# The middle nine tenths of the patients, and the median.

low, middle, high = np.quantile(run.output("central"), [0.05, 0.5, 0.95], axis=0)
figure = go.Figure(
    [
        go.Scatter(
            x=np.concatenate([times, times[::-1]]),
            y=np.concatenate([high, low[::-1]]),
            fill="toself",
            fillcolor="rgba(0,114,178,0.2)",
            line={"width": 0},
            hoverinfo="skip",
            name="90 % of patients",
        ),
        go.Scatter(x=times, y=middle, line={"color": "#0072b2", "width": 2}, name="median"),
    ]
)
figure.update_layout(
    template="plotly_white",
    height=360,
    xaxis_title="time (h)",
    yaxis_title="central (mg/L)",
    legend={"orientation": "h", "y": -0.25},
)
figure

# %%
# A patient who cannot be solved has a status and a sentence, and NaN from there on; the others go
# on. Here a growth whose answer is infinite at 1/k, for two of three patients inside the run.

antimony.loadAntimonyString("model runaway; x = 1; k = 1; x' = k*x^2; end")
runaway = compile_model(antimony.getSBMLString("runaway"))
rates = np.array([0.1, 1.0, 2.0])
broken = runaway.solve(np.linspace(0.0, 2.0, 5), parameters={"k": rates})
for sentence in broken.failures():
    print(sentence.split(";")[0])
