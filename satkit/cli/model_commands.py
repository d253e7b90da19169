"""satkit pretrain, models and predict: what they take, and what they do.

Libraries are imported where they are needed, so that `satkit --help` answers at once.
"""

import sys
from functools import partial

from satkit.cli.options import add_track, number
from satkit.utils.saying import LIBRARIES, saying


def add_pretrain(commands) -> None:
    """satkit pretrain."""
    command = commands.add_parser(
        "pretrain",
        help="train the backbones that come with the kit again; an hour or two each; run again, it continues",
    )
    command.add_argument(
        "--backbone",
        default="mit_quick",
        metavar="NAME",
        help="mit_quick (64 pixels) or mit_scenes (96 pixels) (default mit_quick)",
    )
    command.add_argument("--preset", default="", help="of the pretext: smoke, quick or full; default: the backbone's")
    command.add_argument("--out", default="", help="folder for the run and the weights (default pretrained)")
    command.add_argument(
        "--check",
        action="store_true",
        help="instead, repeat a tenth of the training that made the kit's weights, or those in --out, and compare the "
        "loss; exit code 1 if it differs by more than noise",
    )
    add_track(command)
    command.set_defaults(run=run_pretrain)


def run_pretrain(options) -> int:
    """Pretrain a backbone, or check how one was pretrained."""
    with saying(LIBRARIES):
        from satkit.experiments import pretraining
        from satkit.experiments.run_places import run_folder
        from satkit.experiments.trackers.choice import how_to_look, tracking
    from satkit.utils.progress import training_progress

    plan = pretraining.pretext_plan(options.backbone, options.preset)
    if not options.check:
        folder = run_folder(options.out or "pretrained")
        with tracking(options.track):
            path = pretraining.pretrain(plan, folder, training_progress)
            print("\n".join(filter(None, [f"{path}", how_to_look(folder)])))
        return 0
    folder = run_folder(options.out) if options.out else pretraining.kit_folder()
    found = pretraining.repeat(plan, folder, partial(training_progress, resumes=False))
    print(found)
    return 0 if found.agrees else 1


A_MODEL = (
    "a run, as STUDY/STRATEGY or by its folder; the folder of an exported model; or a model of the kit: fine-tuning, "
    "pseudo+distillation or sats"
)


def add_models(commands) -> None:
    """satkit models."""
    models = commands.add_parser("models", help="export a model to share it")
    actions = models.add_subparsers(dest="action", metavar="ACTION", parser_class=type(models), required=True)
    command = actions.add_parser(
        "export",
        help="write the model of a run into a folder of its own: weights, settings and a model card, as hubs of models "
        "expect them",
    )
    command.add_argument("model", metavar="RUN", help=A_MODEL)
    command.add_argument("folder", metavar="FOLDER", help="folder to write, new or empty")
    _add_which(command)
    command.add_argument(
        "--license",
        default="",
        metavar="NAME",
        help="of the model, as hubs name it, such as mit or cc-by-4.0; default: the card says that none is stated",
    )
    models.set_defaults(run=run_export)


def run_export(options) -> int:
    """Export a model, and say what to do with it."""
    with saying(LIBRARIES):
        from satkit.experiments.model_export import empty_folder, export_model
        from satkit.experiments.model_places import find_model

    empty_folder(options.folder)  # before anything is read
    with saying("Reading the model ..."):
        model = find_model(options.model, _step(options), options.root)
    folder = export_model(model, options.folder, options.license)
    print(f"Exported {model} to {folder}: config.json, model.safetensors and README.md, the model card.")
    print("" if options.license else "No licence is stated; name one with --license, or in README.md.\n", end="")
    print(f"Use it: satkit predict {folder} IMAGES --out MASKS")
    return 0


def add_predict(commands) -> None:
    """satkit predict."""
    command = commands.add_parser(
        "predict", help="masks and overlays for images of your own; run again, it goes on where it stopped"
    )
    command.add_argument("model", metavar="RUN", help=A_MODEL)
    command.add_argument("images", metavar="IMAGES", help="an image, .jpg, .jpeg or .png, or a folder with subfolders")
    command.add_argument(
        "--out",
        required=True,
        metavar="FOLDER",
        help="folder to write into; masks of this model that are there are kept, other files are not replaced",
    )
    _add_which(command)
    command.add_argument(
        "--whole",
        action="store_true",
        help="take images of more than a million pixels in one pass too, as the evaluation of most models does; much "
        "slower than in windows, and needs much memory",
    )
    command.add_argument("--overwrite", action="store_true", help="replace what is in the folder under the same names")
    command.set_defaults(run=run_predict)


def run_predict(options) -> int:
    """Predict images; exit code 1 if one of them cannot be used."""
    with saying(LIBRARIES):
        from satkit.experiments.model_places import find_model
        from satkit.studies.image_masks import predict_images, report_of

    with saying("Reading the model ..."):
        model = find_model(options.model, _step(options), options.root)
    print(f"Model: {model}", file=sys.stderr, flush=True)
    written = predict_images(model, options.images, options.out, options.whole, options.overwrite)
    said, wrong = report_of(written)
    print(said)
    print(wrong, end="", file=sys.stderr)
    return 1 if written.problems else 0


def _add_which(command) -> None:
    command.add_argument("--step", default="", metavar="N", help="of the run; default: the last that is finished")
    command.add_argument(
        "--root",
        default="",
        metavar="FOLDER",
        help="folder of your own data, for the names of its classes; only where a study has moved away from it",
    )


def _step(options) -> int | None:
    return number("--step", options.step) if options.step else None
