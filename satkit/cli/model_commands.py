"""satkit pretrain: what it takes, and what it does.

Libraries are imported where they are needed, so that `satkit --help` answers at once.
"""

from functools import partial

from satkit.cli.options import add_track
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
