"""satkit study, report, page, runs and reference: what they take, and what they do.

Libraries are imported where they are needed, so that `satkit --help` answers at once.
"""

import argparse
import os

from satkit.cli.options import add_settings, add_track, given, number, whole_numbers
from satkit.experiments.settings import STRATEGIES
from satkit.utils.errors import UsageError
from satkit.utils.saying import LIBRARIES, saying

TORCHRUN = """several processes:
  torchrun --standalone --nproc-per-node 2 -m satkit train --strategy sats
  Each has its part of every batch, so it is the same training as by one process, but faster: on a computer with
  several GPUs (one process for each) or cores. On several computers, give torchrun's --nnodes and the same data.
"""

RUNS = """examples:
  satkit runs                                              studies and sweeps, one after the other
  satkit runs --where strategy=sats,mib --sort miou        runs of all of them in one table, the best first
  satkit runs runs/sweep-NAME --mean --csv scores.csv      means over seeds; every run with all scores as CSV
"""


def add_study(commands) -> None:
    """satkit study."""
    command = commands.add_parser("study", help="train, compare and report: the main job; run again, it continues")
    add_settings(command)
    command.add_argument(
        "--strategies",
        default=",".join(STRATEGIES),
        help="short names separated by commas, with parts added (mib+attention), FILE.py:NAME, or all; satkit "
        f"strategies lists them (default {','.join(STRATEGIES)})",
    )
    add_study_name(command)
    add_track(command)
    command.add_argument(
        "--nproc",
        default="1",
        metavar="NUMBER",
        help="train by so many processes of torchrun before the notebooks run, see satkit train; for several GPUs, one "
        "process for each (default 1: the notebooks train)",
    )
    command.set_defaults(run=run_study)


def add_study_name(command: argparse.ArgumentParser) -> None:
    """The option that names a study."""
    command.add_argument(
        "--study",
        "--out",
        default="",
        metavar="NAME",
        help="name or folder of the study, whose settings are taken if there is one; default: named by its settings",
    )


def run_study(options) -> int:
    """Run a study, or go on with it."""
    with saying(LIBRARIES):
        from satkit.experiments.study_folder import open_study
        from satkit.experiments.trackers.choice import tracking
        from satkit.strategies.lookup import names
        from satkit.studies import study
        from satkit.studies.torchrun import train_by_several

    with tracking(options.track):
        folder, strategies = open_study(options.study, given(options)), names(options.strategies)
        train_by_several(folder, strategies, number("--nproc", options.nproc))
        study.run_study(folder, strategies)
    return 0


def add_train(commands) -> None:
    """satkit train."""
    command = commands.add_parser(
        "train",
        help="train one strategy without notebooks, also by several processes under torchrun; run again, it continues",
        description="Train every step of one strategy without notebooks, into the folder of a study. satkit runs and "
        "report read it, and satkit study goes on from it.",
        epilog=TORCHRUN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_settings(command)
    command.add_argument(
        "--strategy",
        default="sats",
        help="short name, with parts added (mib+attention), or FILE.py:NAME; satkit strategies lists them "
        "(default sats)",
    )
    add_study_name(command)
    add_track(command)
    command.set_defaults(run=run_train)


def run_train(options) -> int:
    """Train a strategy, or go on with it."""
    with saying(LIBRARIES):
        from satkit.experiments.trackers.choice import tracking
        from satkit.studies.train import train

    with tracking(options.track):
        train(options.study, given(options), options.strategy)
    return 0


def add_report(commands) -> None:
    """satkit report."""
    command = commands.add_parser("report", help="write the report of a finished study again")
    command.add_argument("study", help="name or folder of the study")
    command.set_defaults(run=run_report)


def run_report(options) -> int:
    """Write a report again, and say where it is."""
    with saying(LIBRARIES):
        from satkit.experiments.study_folder import existing_study
        from satkit.studies.report import write_report

    with saying("Writing the report ..."):
        path = write_report(existing_study(options.study))
    print(path)
    return 0


def add_page(commands) -> None:
    """satkit page."""
    command = commands.add_parser("page", help="an HTML page to explore attention in that needs no Python")
    command.add_argument(
        "study", nargs="?", default="", help="name or folder of a finished study; default: the kit's models"
    )
    command.add_argument(
        "--out", default="", metavar="FILE", help="the page (default explore.html, in the study's folder)"
    )
    command.add_argument("--images", default="6", metavar="N", help="how many test images at most (default 6)")
    command.set_defaults(run=run_page)


def run_page(options) -> int:
    """Write a page, and say where it is and what there was no room for."""
    with saying(LIBRARIES):
        from satkit.studies.page import write_page

    with saying("Looking at the models ..."):
        path, left_out = write_page(options.study, options.out, number("--images", options.images))
    print(*filter(None, [path, left_out]), sep="\n")
    return 0


def add_runs(commands) -> None:
    """satkit runs."""
    command = commands.add_parser(
        "runs",
        help="list studies and sweeps with their scores, or compare runs: filter, sort, means, CSV",
        epilog=RUNS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("folder", nargs="?", default="", help="of runs, or of one study or sweep; default: runs")
    command.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="NAME=VALUES",
        help="only runs with one of these values, separated by commas, or a range: strategy=sats,mib or seed=0-2",
    )
    command.add_argument("--sort", default="", metavar="NAME", help="by a parameter or a score, such as miou")
    command.add_argument(
        "--mean", action="store_true", help="means with 95 %% intervals over runs that differ in seed or order only"
    )
    command.add_argument("--csv", default="", metavar="FILE", help="write the runs into a file too")
    command.add_argument(
        "--verify", action="store_true", help="instead, check every file of every run against its hash; 1 if damaged"
    )
    command.set_defaults(run=run_runs)


def run_runs(options) -> int:
    """List or compare runs, or check their files."""
    with saying(LIBRARIES):
        from satkit.experiments.run_places import runs_root
        from satkit.studies.run_listing import comparison, listing
        from satkit.studies.verification import verify

    compared = options.where or options.sort or options.mean or options.csv
    if options.verify and compared:
        raise UsageError("--verify checks files and compares nothing. Leave --where, --sort, --mean and --csv out.")
    if options.verify:
        text, sound = verify(options.folder or runs_root())
        print(text)
        return 0 if sound else 1

    with saying("Reading the runs ..."):
        root = options.folder or runs_root()
        asked = (options.where, options.sort, options.mean, options.csv)
        text = comparison(root, *asked) if compared else listing(root)
    print(text)
    return 0


def add_reference(commands) -> None:
    """satkit reference."""
    command = commands.add_parser(
        "reference", help="the attention study: every strategy in several worlds over five seeds; hours; resumable"
    )
    command.add_argument("--out", default="reference", help="name or folder of the study")
    command.add_argument("--data", default="scenes", help="scenes or camvid (default scenes)")
    command.add_argument("--root", default="", help="folder of camvid; empty for scenes")
    command.add_argument(
        "--seeds", default="", help="whole numbers separated by commas (default 0,1,2,3,4; drift 0,1,2)"
    )
    command.add_argument("--strategies", default="", help="only these, separated by commas; default: all")
    command.add_argument("--worlds", default="", help="only these, separated by commas; default: all")
    command.add_argument(
        "--rows", default="", help="CSV of rows to start from; those of another configuration are redone"
    )
    command.add_argument("--jobs", default="0", help="processes; default: one per core")
    command.add_argument(
        "--models", action="store_true", help="instead, train the small models that come with the kit; minutes"
    )
    command.add_argument(
        "--drift",
        action="store_true",
        help="instead, measure where every strategy changes the model, for lesson 11b; about half an hour a seed",
    )
    command.add_argument(
        "--weights",
        default="",
        metavar="SWEEP",
        help="instead, measure the finished runs of a sweep that differ in the weight of the attention term, for "
        "lesson 10; name or folder of the sweep",
    )
    command.add_argument("--retry-failed", action="store_true", help="also carry out runs that have failed before")
    command.set_defaults(run=run_reference)


def run_reference(options) -> int:
    """Run the reference study or the study of drift, measure a sweep, or train the kit's models."""
    if options.weights:
        return run_weights(options)
    if options.models:
        return run_models(options)
    with saying(LIBRARIES):
        from satkit.strategies.lookup import names
        from satkit.studies.attention_grid import SEEDS, settings_of
        from satkit.studies.attention_study import ReferenceStudy
        from satkit.studies.drift_study import DriftStudy
        from satkit.studies.sweep_workers import processes_here

    seeds, strategies = whole_numbers("--seeds", options.seeds), names(options.strategies)
    jobs = number("--jobs", options.jobs) or os.cpu_count() or 1
    if options.drift:
        study = DriftStudy(options.out, seeds or (0, 1, 2), strategies)
    else:
        worlds = tuple(world.strip() for world in options.worlds.split(",") if world.strip())
        study = ReferenceStudy(options.out, seeds or SEEDS, strategies, settings_of(options.data, options.root), worlds)
    with saying("Looking which runs are missing ..."):
        if options.rows:
            study.take_rows(options.rows)
        sweep = study.sweep()
    with processes_here(jobs) as workers:
        done = sweep.carry_out(workers, options.retry_failed)
    print(*study.collect(), sep="\n")
    return 0 if done else 1


def run_weights(options) -> int:
    """Measure the runs of a sweep that differ in the weight of the attention term."""
    others = ("models", "drift", "worlds", "rows", "root", "retry_failed")
    if asked := [f"--{name.replace('_', '-')}" for name in others if getattr(options, name)]:
        raise UsageError(
            f"--weights measures finished runs and trains nothing, got {', '.join(asked)} too. Leave it out."
        )
    with saying(LIBRARIES):
        from satkit.strategies.lookup import names
        from satkit.studies.weight_study import write_weights

    seeds, strategies = whole_numbers("--seeds", options.seeds), names(options.strategies)
    print(write_weights(options.weights, options.out, seeds, strategies))
    return 0


def run_models(options) -> int:
    """Train the models that come with the kit."""
    from satkit.experiments.kit_models import make_models
    from satkit.experiments.run_places import run_folder

    print(*make_models(run_folder(options.out)), sep="\n")
    return 0
