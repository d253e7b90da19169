"""satkit sweep: what it takes, and what it does."""

import argparse

from satkit.cli.options import add_track, number
from satkit.utils.errors import UsageError
from satkit.utils.saying import LIBRARIES, saying

EXAMPLES = """examples:
  satkit sweep train --grid strategy=fine-tuning,sats --grid seed=0-4 --jobs 2
  satkit sweep train -p task=15-1 --grid-file grid.yaml --out five-orders
  satkit sweep 07 --grid strategy=sats,mib --grid step=1,2
  satkit sweep my_notebook.ipynb --grid rate=0.1,0.01 --grid seed=0-2
  satkit sweep train --grid seed=0-9 --dry-run > runs.txt       a line per run, for SLURM, GNU parallel or Snakemake
  satkit sweep train --grid seed=0-9 --scheduler tcp://node1:8786    on the workers of a Dask cluster

Without a grid it is one run, carried out by this process: such are the lines of --dry-run. Run again, every form of the
command skips what is finished. satkit runs FOLDER filters, sorts and compares the runs of a sweep.
"""


def add_sweep(commands) -> None:
    """satkit sweep."""
    command = commands.add_parser(
        "sweep",
        help="a grid of runs, several at a time, here or on a cluster; run again, it does what is left",
        description="Carry out a run for every combination of parameters, each in a process of its own.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "target",
        help="train, to train strategies without notebooks; a notebook: number, name, path; or reference or drift: "
        "runs of these studies",
    )
    _add_parameters(command)
    _add_places(command)
    command.add_argument("--retry-failed", action="store_true", help="also carry out runs that have failed before")
    command.add_argument(
        "--dry-run", action="store_true", help="run nothing; print a line for each run, which a shell can carry out"
    )
    add_track(command)
    command.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    command.set_defaults(run=run_sweep)


def _add_parameters(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-p", "--parameter", action="append", default=[], metavar="NAME=VALUE", help="the same in every run"
    )
    command.add_argument(
        "--grid",
        action="append",
        default=[],
        metavar="NAME=VALUES",
        help="values separated by commas, or a range of whole numbers: seed=0-4; of several names, every combination",
    )
    command.add_argument(
        "--grid-file",
        default="",
        metavar="FILE",
        help="YAML: a map from names to lists of values, for values that hold commas; a list of maps for several grids",
    )


def _add_places(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--out", default="", metavar="NAME", help="name or folder of the sweep; default: named by its runs, in runs"
    )
    command.add_argument("--jobs", default="", metavar="NUMBER", help="runs at a time, as processes here (default 1)")
    command.add_argument(
        "--threads",
        default="",
        metavar="NUMBER",
        help="threads of each run (default: cores / jobs; of a worker: its own)",
    )
    command.add_argument(
        "--scheduler", default="", metavar="ADDRESS", help="of a Dask cluster that shares this disk (extra: cluster)"
    )
    command.add_argument(
        "--resources",
        default="",
        metavar="NAME=NUMBER",
        help="with --scheduler: what a run takes of a worker's resources, as in GPU=1",
    )


def run_sweep(options) -> int:
    """Carry out a sweep, or one run of it."""
    from satkit.studies.run_process import end_with_parent

    if options.worker:
        end_with_parent()
    with saying(LIBRARIES):
        from satkit.experiments.trackers.choice import tracking
        from satkit.studies.sweep import Sweep

    here, jobs, threads = _places(options)
    target, grid = asked(options)
    with saying("Looking at the runs ..."):
        sweep = Sweep(target, grid, options.out)
    alone = not (options.grid or options.grid_file or here)
    if alone and not options.dry_run:
        return run_alone(sweep.runs[0], options.retry_failed, options.track)
    with saying("Checking every run ..."):
        sweep.check()
    if options.dry_run:
        print("\n".join(sweep.lines(options.retry_failed)))
        return 0
    with tracking(options.track), workers(options, jobs, threads) as found:
        return 0 if sweep.carry_out(found, options.retry_failed) else 1


def asked(options) -> tuple:
    """What is to be run, and the parameters of every run."""
    from satkit.notebooks.parameters import read_assignments
    from satkit.studies.grid import expand
    from satkit.studies.sweep_choice import target

    found = target(options.target)
    fixed = read_assignments(found.declared, options.parameter, found.called)
    return found, expand(found.declared, found.called, fixed, options.grid, options.grid_file)


def _places(options) -> tuple[bool, int, int]:
    """Whether it was said where runs are carried out, how many at a time, and by how many threads each."""
    if options.scheduler and options.jobs:
        raise UsageError("--jobs is for runs on this machine, and --scheduler for those of a cluster. Leave one out.")
    if options.resources and not options.scheduler:
        raise UsageError("--resources are those of the workers of a cluster. Give its --scheduler, or leave them out.")
    jobs, threads = number("--jobs", options.jobs or "1"), number("--threads", options.threads or "0")
    if jobs < 1 or threads < (1 if options.threads else 0):
        raise UsageError(f"--jobs and --threads must be 1 or more, got {options.jobs or options.threads}.")
    return bool(options.scheduler or options.jobs or options.threads), jobs, threads


def workers(options, jobs: int, threads: int):
    """What carries the runs out."""
    from satkit.studies.sweep_workers import dask_cluster, processes_here, read_resources

    if options.scheduler:
        return dask_cluster(options.scheduler, read_resources(options.resources), threads)
    return processes_here(jobs, threads)


def run_alone(run, retry_failed: bool, track: str) -> int:
    """Carry out one run in this process."""
    from satkit.experiments.trackers.choice import tracking
    from satkit.studies.sweep_progress import score_of
    from satkit.studies.sweep_run import carry_out
    from satkit.utils.progress import format_seconds

    with tracking(track):
        state = carry_out(run, retry_failed)
    print(
        f"{run.label}: done{score_of(state, ', mIoU ')}, took {format_seconds(state.seconds)}. Its files: {run.folder}"
    )
    return 0
