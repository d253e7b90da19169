"""The figure of a running training: loss terms, and mean IoU of old and new classes."""

from collections.abc import Mapping, Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from satkit.plots import style
from satkit.plots.training_curves import loss_terms

SIZE = (11.4, 3.9)  # inches
LEAST = 10  # percent at the top of the axis of scores
LOOKS = {"old classes": style.OLD, "new classes": style.NEW}


class TrainingView:
    """Loss terms on the left, mean IoU of old and new classes on the right; updated with `show`.

    Args:
        total: Iterations of the step.

    Attributes:
        figure: The matplotlib figure. losses, scores: Its axes.
    """

    def __init__(self, total: int):
        self.total = total
        self.figure = Figure(figsize=SIZE, dpi=100)
        FigureCanvasAgg(self.figure)
        self.losses = self.figure.add_axes((0.07, 0.14, 0.33, 0.74))
        self.scores = self.figure.add_axes((0.7, 0.14, 0.28, 0.74))

    def show(
        self, history: Mapping[str, Sequence[float]], iterations: Sequence[int], scores: Mapping[str, Sequence[float]]
    ) -> None:
        """Draw the current state.

        Args:
            history: As `loss_terms` takes it; may be empty.
            iterations: At which the scores were measured.
            scores: Mean IoU in [0, 1] under "old classes" and "new classes".
        """
        self.losses.clear()
        if history:
            loss_terms(history, ax=self.losses)
        self.losses.set(title="loss terms", xlim=(0, self.total), xlabel="iteration")
        self.scores.clear()
        for name, values in scores.items():
            percent = [100 * value for value in values]
            self.scores.plot(iterations, percent, **LOOKS[name].line(), markersize=5, label=name)
        self.scores.set_title("mean IoU on some test images", pad=22 if scores else None)
        self.scores.set(xlabel="iteration", ylabel="mean IoU (%)")
        self.scores.set(xlim=(0, self.total), ylim=(0, max(LEAST, self.scores.get_ylim()[1])))
        for ax in (self.losses, self.scores):
            ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        if scores:
            above = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "borderaxespad": 0.1, "ncols": 2}
            self.scores.legend(fontsize=style.SMALL, **above)
