"""A weight to drag: scores, drift of relations and predictions at the weights of the attention term that were run."""

from pathlib import Path

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from satkit.analysis.measured_weights import DRIFT, FILE, MEASURES, MeasuredWeights, read_weights
from satkit.evaluation.seeds import CLASSES, Estimate
from satkit.plots.weight_effect import WorldColumn, weight_effect
from satkit.utils.assets import asset
from satkit.utils.errors import UsageError
from satkit.widgets.explorer import Explorer

LABEL = "Scores, drift of relations and predictions by the weight of attention transfer."


def explore_weight(path: str | Path = "", **choices) -> "WeightExplorer":
    """A slider whose steps are the weights that were run; old, new and all, drift and predictions follow it.

    Args:
        path: What `satkit reference --weights` wrote; empty for the file of the kit.
        **choices: As `WeightExplorer.choose`; by default the paper's weight.

    Raises:
        ValueError: For a weight that was not run, or a file that holds something else.
    """
    return WeightExplorer(read_weights(path or asset(FILE)), **choices)


class WeightExplorer(Explorer):
    """See `explore_weight`.

    Attributes:
        measured: What is shown.
        weight: The slider.
    """

    def __init__(self, measured: MeasuredWeights, **choices):
        self.measured = measured
        self._figures: dict[float, Figure] = {}
        options = [(text_of(weight), weight) for weight in measured.weights]
        self.weight = ipywidgets.SelectionSlider(description="weight", options=options, value=measured.first)
        self._curves = {world: {name: measured.curve(world, name) for name in MEASURES} for world in measured.worlds}
        super().__init__(LABEL, [self.weight])
        with self.with_one_refresh():
            self._choose(**choices)

    def choose(self, **choices) -> None:
        """Choose in code.

        Args:
            **choices: `weight`, one that was run.

        Raises:
            ValueError: If it was not run.
        """
        with self._lock, self.with_one_refresh():
            self._choose(**choices)

    def arrays(self) -> dict[str, np.ndarray]:
        """The weights, and by world and measure the means and half widths: "habitat old", "habitat old half width"."""
        found = {"weight": np.array(self.measured.weights)}
        for world, curves in self._curves.items():
            for name, (means, widths) in curves.items():
                found |= {f"{world} {name}": means, f"{world} {name} half width": widths}
        return found

    def refresh(self) -> None:
        """Draw what the slider asks for."""
        weight = self.weight.value
        if weight not in self._figures:
            self._figures[weight] = self._drawn(weight)
        words = [f"{world} world: {self._words(world, weight)}" for world in self.measured.worlds]
        text = " \N{MIDDLE DOT} ".join([f"weight {text_of(weight)}", *words])
        self.show(self._figures[weight], text, self._alt(weight))

    def _choose(self, *, weight=None) -> None:
        if weight is None:
            return
        if weight not in self.measured.weights:
            run = ", ".join(map(text_of, self.measured.weights))
            raise UsageError(f"The weight must be one that was run: {run}, got {weight!r}. Nothing lies between them.")
        self.weight.value = weight

    def _drawn(self, weight: float) -> Figure:
        measured, place = self.measured, self.measured.weights.index(weight)
        columns = {
            world: WorldColumn(
                {name: means for name, (means, _) in self._curves[world].items()},
                {name: widths for name, (_, widths) in self._curves[world].items()},
                [(each.image, each.truth, each.predictions[place]) for each in measured.examples[world]],
            )
            for world in measured.worlds
        }
        every = [
            labels for world in measured.worlds for each in measured.examples[world] for labels in each.predictions
        ]
        weights = [text_of(each) for each in measured.weights]
        looks = {"chosen": place, "old": measured.old, "occurring": every, "seeds": len(measured.seeds)}
        figure = weight_effect(columns, weights, measured.names, **looks)
        plt.close(figure)  # a notebook would draw it a second time
        return figure

    def _words(self, world: str, weight: float) -> str:
        found = {name: self.measured.estimate(world, weight, name) for name in MEASURES}
        scores = [f"{name} {percent(found[name])}" for name in CLASSES]
        return ", ".join([*scores, f"drift {found[DRIFT].mean:.3f}"])

    def _alt(self, weight: float) -> str:
        """What changes from the smallest weight to this one, in every world."""
        least, seeds = self.measured.weights[0], len(self.measured.seeds)
        over = f"over {seeds} seeds" if seeds > 1 else "of one seed"
        at = f"Weight {text_of(weight)} of attention transfer" + (f", and {text_of(least)}" if weight != least else "")
        parts = []
        for world in self.measured.worlds:
            before = f"; at weight {text_of(least)} {self._words(world, least)}" if weight != least else ""
            parts.append(f"In the {world} world {self._words(world, weight)}{before}.")
        return f"{at}: mean IoU in % {over}. {' '.join(parts)}"


def text_of(weight: float) -> str:
    """A weight as it is read."""
    return f"{weight:g}"


def percent(score: Estimate) -> str:
    """A mean IoU in percent, with the half width of its interval where it has one."""
    width = f" ± {100 * score.half_width:.1f}" if score.seeds > 1 else ""
    return f"{100 * score.mean:.1f}{width}"
