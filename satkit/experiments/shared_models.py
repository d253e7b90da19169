"""A model as it is given to others: a network, and everything that somebody must know to use it.

An exported model is a folder of three files, which needs neither the run nor its data:

    config.json        how the network is built, its classes and colours, preparation of images, scores, configuration
    model.safetensors  the weights by their names in the network, as plain safetensors
    README.md          a model card, see `satkit.experiments.model_card`

The step of a run is described in the same words, so that whoever takes a model need not care which of both it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import satkit
from satkit.analysis.whole_images import Preparation, predict_image
from satkit.data.batches import MEAN, STD
from satkit.data.labels import colour_code
from satkit.evaluation.conventions import evaluation_of
from satkit.evaluation.metrics import iou
from satkit.experiments.manifest import METRICS, WEIGHTS, train_again
from satkit.experiments.run_folder import Run
from satkit.models import Segmenter, build_segmenter
from satkit.models.weight_files import check_weights, read_weights
from satkit.scenario import DOMAIN_SETTINGS, task_sizes
from satkit.strategies.step_state import StepState
from satkit.utils.errors import UsageError
from satkit.utils.files import DamagedFile, read_json, tensors_digest
from satkit.utils.json_form import SCORE, must_hold
from satkit.utils.sealed_json import read_sealed

CONFIG, FORMAT = "config.json", 1
EXPORTED_AGAIN = "Fetch the model again, or export it again with satkit models export."
MOST_OUTPUTS, WIDEST = 254, 8192  # label values of a mask; channels of a decoder
# What of a run's config.json describes its models.
TRAINED = {
    "data": str,
    "task": str,
    "setting": str,
    "order": [int],
    "backbone": str,
    "data_fingerprint": str,
    "augment": {"size": int},
    "conventions": {"evaluation": str, "background_in_old": bool, "future_classes_at_test": str},
    "strategy": {"name": str, "joint": bool, "base_terms": list, "targets": dict, "head": dict},
}
FORM = {
    "format": int,
    "step": int,
    "steps": int,
    "model": {"backbone": str, "decoder_width": int, "counts": [int], "reserved": int, "readout": str},
    "classes": [str],
    "colours": [str],
    "learnt_in": [int],
    "preprocessing": {"mean": [float], "std": [float], "evaluation": str, "size": int},
    "scores": {"old": SCORE, "new": SCORE, "all": SCORE, "iou": {str: SCORE}},
    "training": TRAINED,
    "weights": str,
}


@dataclass(frozen=True, eq=False)
class SharedModel:
    """A network and what belongs to it.

    Attributes:
        folder: Of the run, or of the exported model.
        about: What config.json of an exported model holds, see `FORM`.
        network: The segmenter with its weights, in evaluation mode, on the CPU.
        state: What the step has measured beside its weights; nothing in an exported model.
    """

    folder: Path
    about: dict
    network: Segmenter
    state: StepState

    def predict(self, image: np.ndarray, **options) -> np.ndarray:
        """Class of every pixel of an image as the evaluation predicts it, see `satkit.analysis.whole_images`."""
        return predict_image(self.network, image, self.preparation, **options)

    @property
    def preparation(self) -> Preparation:
        """How images are prepared."""
        return Preparation(*(self.about["preprocessing"][name] for name in ("evaluation", "size")))

    def __str__(self):
        return f"step {self.about['step']} of {self.about['training']['strategy']['name']} in {self.folder}"


def is_exported(folder: Path) -> bool:
    """Whether a folder holds an exported model, sound or damaged, and no run."""
    if not (folder / CONFIG).is_file() or (folder / "steps").is_dir():
        return False
    try:
        return (folder / WEIGHTS).is_file() or read_json(folder / CONFIG).get("library") == "satkit"
    except DamagedFile:
        return False


def open_exported(folder: Path) -> SharedModel:
    """The model in a folder that `satkit models export` wrote; nothing in it is run.

    Raises:
        DamagedFile: If a file of it is missing or damaged, or its weights are others than were exported.
        UsageError: If config.json or the weights hold something else than they must.
    """
    path = folder / CONFIG
    about = read_sealed(path, EXPORTED_AGAIN)
    must_hold(path, about, FORM)
    if about["format"] != FORMAT:
        raise UsageError(f"{path} must have the format {FORMAT}, got {about['format']}. Update satkit to read it.")
    counts, classes = about["model"]["counts"], about["classes"]
    lengths = {len(about[name]) for name in ("classes", "colours", "learnt_in")}
    if lengths != {sum(counts)} or not 1 <= len(classes) <= MOST_OUTPUTS or min(counts) < 1:
        raise UsageError(f"{path} must name every output of the network, {sum(counts)}, got {len(classes)} classes.")
    if not (0 < about["model"]["decoder_width"] <= WIDEST and 0 <= about["model"]["reserved"] <= MOST_OUTPUTS):
        raise UsageError(f"{path} must describe a network of satkit, got a decoder or classifier of another size.")
    return SharedModel(folder, about, _network(folder, about), StepState())


def of_run(run: Run, step: int | None = None, names: Sequence[str] = ()) -> SharedModel:
    """The model after a step of a run.

    Args:
        step: None for the last finished one.
        names: Of all classes in the order of learning, background first.

    Raises:
        UsageError: If the step is not finished, or the run's settings lack what describes a model.
        DamagedFile: If a file of the step is damaged.
    """
    if not run.steps_done():
        raise UsageError(f"{run.folder} has no finished step yet. Train it first: satkit study.")
    step = run.steps_done() - 1 if step is None else step
    trained = {name: value for name, value in run.config.items() if name != "machine"}
    must_hold(run.folder / CONFIG, trained, TRAINED)
    network, state = run.load_model(step), run.load_state(step)
    outputs = sum(network.classifier.counts)
    if len(names) < outputs:
        raise UsageError(f"The model in {run.folder} has {outputs} classes, but there are {len(names)} names for them.")
    scores = read_json(run.file(step, METRICS), train_again(run.step_folder(step)))
    each = dict(zip(names, iou(run.load_confusion(step)).tolist(), strict=False))
    learnt_in = steps_of_classes(trained)
    size = trained["augment"]["size"]
    evaluation = evaluation_of(trained["conventions"], size)
    about = {
        "library": "satkit",
        "format": FORMAT,
        "satkit": satkit.__version__,
        "model": network.spec,
        "classes": list(names[:outputs]),
        "colours": list(map(colour_code, range(outputs))),
        "learnt_in": learnt_in[:outputs],
        "preprocessing": {"mean": list(MEAN), "std": list(STD), "evaluation": evaluation, "size": size},
        "step": step,
        "steps": len(trained.get("schedules", ())) or step + 1,
        "scores": {**{name: scores.get(name) for name in ("old", "new", "all")}, "iou": each},
        "training": trained,
        "machine": run.manifest(step).machine,
        "weights": tensors_digest(network.state_dict()),
    }
    return SharedModel(run.folder, about, network, state)


def steps_of_classes(trained: dict) -> list[int]:
    """The step in which each class is learnt, background first, from the configuration of a run."""
    count = len(trained["order"])
    if trained["strategy"]["joint"] or trained["setting"] in DOMAIN_SETTINGS:
        return [0] * (count + 1)
    sizes = task_sizes(trained["task"], count)
    return [0, *(step for step, size in enumerate(sizes) for _ in range(size))]


def _network(folder: Path, about: dict) -> Segmenter:
    path = folder / WEIGHTS
    if not path.is_file():
        raise DamagedFile(path, "is missing", EXPORTED_AGAIN)
    try:
        network = build_segmenter(**{**about["model"], "pretrained": False})
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"{folder / CONFIG} describes no network of satkit ({error}). {EXPORTED_AGAIN}") from error
    weights = read_weights(path)
    check_weights(weights, network.state_dict(), str(path))
    if tensors_digest(weights) != about["weights"]:
        raise DamagedFile(path, f"holds other weights than those that {CONFIG} belongs to", EXPORTED_AGAIN)
    network.load_state_dict(weights)
    return network.eval()
