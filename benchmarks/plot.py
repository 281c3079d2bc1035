"""How the cost grows with the number of packages, as a picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.race import WORKS, Result
from benchmarks.table import TITLES

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "vendorws"  # the same figures give the same bytes


def growth_plot(found: Mapping[int, Sequence[Result]]) -> str:
    """An SVG with a panel for each piece of work: seconds over packages, both logarithmic, a line for each tool.

    `found` has the results for each number of packages, the tools in the same order each time.
    """
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    panels = figure.subplots(1, len(WORKS), sharey=True)
    counts = sorted(found)
    for panel, work in zip(panels, WORKS, strict=True):
        for results in zip(*(found[count] for count in counts), strict=True):
            seconds = [result.figures(work).seconds for result in results]
            panel.loglog(counts, seconds, marker="o", label=results[0].tool)
        panel.set(title=TITLES[work], xlabel="packages", xticks=counts, xticklabels=map(str, counts))
        panel.minorticks_off()
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("seconds")
    panels[0].legend()
    picture = io.StringIO()
    figure.savefig(picture, format="svg", metadata={"Date": None})
    return picture.getvalue()
