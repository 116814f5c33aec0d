"""
What an amount in the blood depends on
======================================

A model with absorption and elimination, differentiated by its parameters and by its dose: how much,
and when. The answer is known in closed form, so the error of every derivative can be seen.
"""

import antimony
import numpy as np
import plotly.graph_objects as go

from ketasim.engine import DoseSchedule, compile_model

# %%
# Amounts in the gut and in the blood, and 100 units by mouth at 1 h.

antimony.loadAntimonyString("""
model oral
  compartment V = 1
  substanceOnly species gut in V = 0
  substanceOnly species blood in V = 0
  ka = 1.2; k = 0.25
  absorption: gut -> blood; ka*gut
  elimination: blood -> ; k*blood
end
""")
solver = compile_model(antimony.getSBMLString("oral"))
doses = DoseSchedule(("gut",), np.array([1.0]), np.array([0.0]), np.array([100.0]))
times = np.linspace(1.05, 24.0, 154)

# %%
# One run gives the values and all derivatives.

run = solver.sensitivities(
    times,
    ["ka", "k"],
    dose_amounts=[0],
    dose_starts=[0],
    doses=doses,
    outputs=["blood"],
    start=0.0,
    rtol=1e-8,
    atol=1e-10,
)
run.derivatives.shape, run.directions

# %%
# The closed form, and its derivatives by hand.

amount, since, ka, k = 100.0, times - 1.0, 1.2, 0.25
fast, slow, gap = np.exp(-ka * since), np.exp(-k * since), ka - k
blood = amount * ka / gap * (slow - fast)
exact = {
    "ka": amount * (ka / gap * since * fast - k / gap**2 * (slow - fast)),
    "k": amount * ka * ((slow - fast) / gap**2 - since * slow / gap),
    "amount of dose 0": blood / amount,
    "start of dose 0": amount * ka / gap * (k * slow - ka * fast),
}
for name, derivative in exact.items():
    error = np.abs(run.derivative("blood", name)[0] - derivative).max()
    print(f"by {name}: largest error {error:.1e}, largest value {np.abs(derivative).max():.1e}")

# %%
# Each derivative times the number it belongs to: a hundred times what one per cent more of it does.
# The start counts by the hour.

sizes = {"ka": ka, "k": k, "amount of dose 0": amount, "start of dose 0": 1.0}
colours = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
figure = go.Figure()
for colour, (name, size) in zip(colours, sizes.items(), strict=True):
    figure.add_scatter(
        x=times,
        y=run.derivative("blood", name)[0] * size,
        line={"color": colour, "width": 2},
        name=name,
    )
figure.update_layout(
    template="plotly_white",
    height=380,
    xaxis_title="time (h)",
    yaxis_title="change of the amount in the blood",
    legend={"orientation": "h", "y": -0.25},
)
figure
