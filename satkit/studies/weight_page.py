"""The weight that one drags in a page: what the script draws, and the picture that is there without JavaScript."""

from typing import NamedTuple

import numpy as np

from satkit.analysis.codes import label_runs
from satkit.analysis.measured_weights import DRIFT, FILE, Example, MeasuredWeights, read_weights
from satkit.plots import style
from satkit.plots.weight_effect import LOOKS
from satkit.studies.explorer import Still, source_of
from satkit.utils.assets import asset
from satkit.widgets.scene import picture_of
from satkit.widgets.weight import WeightExplorer, text_of

ROOM = 200_000  # bytes of a page that its data and its picture take at most


class WeightSection(NamedTuple):
    """What a page needs for a weight that one drags.

    Attributes:
        data: What the script reads, see `satkit/widgets/weight_canvas`.
        still: The picture at the paper's weight, for readers without JavaScript.
        lead: Which weights there are, and what each run has learnt, in two sentences.
        made: What was run, and where, in two sentences.
    """

    data: dict
    still: Still
    lead: str
    made: str


def weight_section() -> WeightSection:
    """The section of the file that comes with the kit."""
    return section_of(read_weights(asset(FILE)))


def section_of(measured: MeasuredWeights) -> WeightSection:
    """The section of some measured weights."""
    shown = WeightExplorer(measured)
    see = "The dotted line marks the weight of the predictions below: compare them with the ground truth above them."
    still = Still(source_of(shown.figure), shown.alt, see)
    return WeightSection(data_of(measured), still, _lead(measured), _made(measured))


def _lead(measured: MeasuredWeights) -> str:
    weights, base = ", ".join(map(text_of, measured.weights)), len(measured.old)
    paper = " (the paper's weight)" if measured.weights[-1] == measured.about["paper_weight"] else ""
    added, each = len(measured.names) - 1 - base, measured.about["settings"]["task"].split("-")[1]
    learnt = f"In each run a model learnt {base} classes, and then {added} more, {each} at a time."
    return f"The weights are {weights}{paper}. {learnt}"


def _made(measured: MeasuredWeights) -> str:
    about, machine, numbers = measured.about, measured.about["machines"][0], ", ".join(map(str, measured.seeds))
    name, settings = about["strategies"][about["strategy"]]["name"], about["settings"]
    seeds = f"seeds {numbers}" if len(measured.seeds) > 1 else f"one seed ({numbers})"
    return (
        f"{name}, without and with attention transfer; {settings['data']} {settings['task']}, preset "
        f"{settings['preset']}, {seeds}, torch {machine['torch']} on {machine['device']}. Measured by satkit "
        f"{machine['satkit']}."
    )


def data_of(measured: MeasuredWeights) -> dict:
    """What the script draws."""
    looks = {**LOOKS, DRIFT: style.STUDENT}
    return {
        "weights": [int(each) if each == int(each) else each for each in measured.weights],
        "first": measured.weights.index(measured.first),
        "paper": measured.about["paper_weight"],
        "seeds": len(measured.seeds),
        "names": list(measured.names),
        "old": list(measured.old),
        "looks": {name: {"name": name, "marker": look.marker} for name, look in looks.items()},
        "worlds": [
            {
                "name": world,
                "curves": {name: _curve(*measured.curve(world, name)) for name in looks},
                "images": [_image(each) for each in measured.examples[world]],
            }
            for world in measured.worlds
        ],
    }


def _curve(means: np.ndarray, widths: np.ndarray) -> dict:
    """Means, and half widths of their intervals; None where there is none."""
    return {"means": means.tolist(), "widths": [each if np.isfinite(each) else None for each in widths.tolist()]}


def _image(example: Example) -> dict:
    drawn = picture_of(example.image, example.truth, exact=False)
    return {**drawn, "predictions": [label_runs(each) for each in example.predictions]}
