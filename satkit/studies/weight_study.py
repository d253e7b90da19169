"""The weight study: what the weight of the attention term does, measured on the finished runs of a sweep.

From runs that differ in this weight, in their world and in their seed come their scores, how far the relations of the
base step's classes have moved between the base step and the last step, and what the models of the first seed predict
for a few test images. Nothing is trained. Lesson 10 and the page without Python show the file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from satkit.analysis.codes import label_runs
from satkit.analysis.images import image_and_labels, prediction
from satkit.analysis.measured_weights import DRIFT, FILE
from satkit.analysis.probes import region_drift
from satkit.data import SegmentationData
from satkit.data.step_images import StepImages
from satkit.evaluation.seeds import CLASSES
from satkit.experiments.experiment import Experiment
from satkit.experiments.run_folder import Run
from satkit.experiments.run_places import run_folder
from satkit.experiments.study_folder import StudyFolder, stored_settings
from satkit.strategies import SATS, AttentionTransfer
from satkit.studies.page_data import as_text
from satkit.studies.weight_runs import WeightRun, left_out, weight_runs
from satkit.utils.errors import UsageError
from satkit.utils.files import write_json
from satkit.utils.progress import Progress
from satkit.widgets import scene

IMAGES = 3
DIGITS = 5
RULE = (
    "Of the test images that show a class learnt after the base step, the three with most different classes of the "
    "base step; where several have as many, the first ones. The models of the first seed predict them."
)
COLUMNS = {
    "world": "which images, as in the attention study",
    "weight": "of the attention term; 0 for the strategy without it",
    "seed": "of everything random",
    **{name: f"mean IoU of {name} classes after the last step, [0, 1]" for name in CLASSES},
    DRIFT: "distance of a region's relation from the one after the base step: mean over test images, classes of the "
    "base step, heads and stages",
}


def write_weights(
    sweep: str | Path, out: str | Path, seeds: Sequence[int] = (), strategies: Sequence[str] = ()
) -> Path:
    """Measure the runs of a sweep, and write `weight_study.json` into a folder; gives its path.

    Args:
        sweep: Name or folder of a sweep of trainings that differ in the weight of the attention term.
        out: Name or folder.
        seeds: Those to take; all of the sweep if empty.
        strategies: Those to take, as the sweep was given them; all of the sweep if empty.

    Raises:
        UsageError: As `weight_runs`.
    """
    study = weight_study(sweep, seeds, strategies)
    path = run_folder(out) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, study)
    return path


def weight_study(sweep: str | Path, seeds: Sequence[int] = (), strategies: Sequence[str] = ()) -> dict:
    """What `write_weights` writes, as plain values: what all runs have in common, a row for each, and examples."""
    folder = run_folder(sweep).absolute()
    runs = weight_runs(folder, seeds, strategies)
    experiments: list[Experiment] = []
    for run in runs:
        experiments.append(opened(run, {each.plan.settings.habitat: each.plan.data for each in experiments}))
    with Progress(len(runs), "runs measured", unit="run") as progress:
        rows = []
        for run, experiment in zip(runs, experiments, strict=True):
            rows.append(measured(run, experiment))
            progress.update(len(rows))
    first = [pair for pair in zip(runs, experiments, strict=True) if pair[0].seed == runs[0].seed]
    worlds = {run.world: {"habitat": run.habitat} for run in runs}
    examples = {world: examples_of([each for run, each in first if run.world == world]) for world in worlds}
    found = {"worlds": worlds, "left_out": left_out(folder, runs), "rows": rows}
    return {**common(runs, experiments), **found, "images": RULE, "examples": as_text(examples)}


def common(runs: Sequence[WeightRun], experiments: Sequence[Experiment]) -> dict:
    """What the runs have in common, and where they were carried out."""
    plan, machines = experiments[0].plan, []
    for experiment in experiments:
        where = experiment.run.result()["machine"]
        machines += [where] if where not in machines else []
    return {
        "settings": {
            **plan.settings.plain(),
            "task": plan.task,
            "habitat": list(dict.fromkeys(run.habitat for run in runs)),
            "seed": sorted({run.seed for run in runs}),
        },
        "strategy": runs[0].strategy,
        "strategies": {
            run.strategy: experiment.plan.strategy.describe() for run, experiment in zip(runs, experiments, strict=True)
        },
        "weights": sorted({run.weight for run in runs}),
        "paper_weight": next(term.weight for term in SATS.terms if isinstance(term, AttentionTransfer)),
        "backbone": plan.backbone,
        "schedules": [asdict(plan.schedule(step)) for step in plan.steps],
        "data_options": plan.preset.data,
        "conventions": plan.conventions,
        "class_names": list(plan.scenario.names),
        "base_classes": list(plan.scenario.base),
        "test_images": len(plan.tests(plan.steps[-1])),
        "machines": machines,
        "columns": COLUMNS,
    }


def opened(run: WeightRun, data: Mapping[float, SegmentationData]) -> Experiment:
    """The experiment of a finished run, only to be read.

    Args:
        data: Images that are loaded already, by the habitat of their world.

    Raises:
        UsageError: If the run is not there, or not finished.
    """
    settings = stored_settings(run.folder.parent)
    found = Run.open(run.folder)
    if settings is None or found.result() is None:
        raise UsageError(f"{run.folder} must hold a finished run, it lacks settings or result. Run the sweep again.")
    return Experiment(StudyFolder(run.folder.parent, settings, data.get(run.habitat)).plan(run.strategy), found)


def measured(run: WeightRun, experiment: Experiment) -> dict:
    """The row of a run: what it is, its scores, and the mean drift of relations."""
    result = experiment.run.result()
    scores = {name: round(result[name], DIGITS) for name in CLASSES}
    what = {"world": run.world, "weight": run.weight, "seed": run.seed}
    return {**what, **scores, DRIFT: round(mean_drift(experiment), DIGITS)}


def mean_drift(experiment: Experiment) -> float:
    """How far the relations of the base step's classes have moved since: mean over classes and heads, then stages."""
    plan, last = experiment.plan, experiment.plan.steps[-1]
    before, after = (experiment.model(step) for step in (0, last.index))
    moved = region_drift(before, after, plan.complete(plan.tests(last)), plan.scenario.base)
    return float(np.mean([np.nanmean(each) for each in moved.values()]))


def examples_of(experiments: Sequence[Experiment]) -> list[dict]:
    """Test images of a world, with what the last model of each experiment predicts."""
    plan = experiments[0].plan
    tests, last = plan.complete(plan.test_pictures(plan.steps[-1])), plan.steps[-1].index
    models = [experiment.model(last) for experiment in experiments]
    found = []
    for number in telling(tests, plan.scenario.base, plan.scenario.added):
        image, truth = image_and_labels(tests, number)
        seen = [prediction(model, image, plan.window) for model in models]
        drawn = scene.picture_of(image, truth, exact=False)
        found.append({"number": number, **drawn, "predictions": [label_runs(each) for each in seen]})
    return found


def telling(tests: StepImages, base: Sequence[int], added: Sequence[int]) -> list[int]:
    """Numbers of the images that `RULE` chooses."""
    shown = [set(np.unique(tests.labels(number)).tolist()) for number in range(len(tests))]
    order = sorted(range(len(shown)), key=lambda each: (not shown[each] & set(added), -len(shown[each] & set(base))))
    return order[:IMAGES]
