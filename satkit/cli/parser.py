"""The satkit command: its subcommands and options, and what errors become. `satkit.cli.actions` carries them out.

Exit codes: 0 done, 1 a run failed, 2 wrong usage or input, 130 or 143 interrupted with a checkpoint.
"""

import argparse
import signal
import sys
from collections.abc import Callable

import satkit
from satkit.cli import actions
from satkit.utils.errors import UsageError, nearest

EXAMPLES = """examples:
  satkit study                                    the main job: scenes 15-5, fine-tuning against SATS
  satkit study --preset smoke                     the same in a minute, to see that everything runs
  satkit study --data voc --root FOLDER --task 15-1
  satkit data check folder --root FOLDER          everything wrong with images and masks of your own
  satkit run 09 -p study=scenes-15-5-quick-seed0  one notebook with a parameter
  satkit doctor                                   what is installed, what is missing and how to get it
"""


DATA_ACTIONS = {
    "check": "everything wrong with a data set, by file, and how many images each class and step has",
    "show": "a contact sheet with legend; with --task one for each step",
    "get": "download a data set, where that is possible",
}


class Parser(argparse.ArgumentParser):
    """argparse with the project's wording for unknown names."""

    def parse_known_args(self, args=None, namespace=None):
        """Refuse what is left over here, where the subcommand and its options are known."""
        found, left = super().parse_known_args(args, namespace)
        if left:
            self.error(f"unrecognized arguments: {' '.join(left)}")
        return found, left

    def error(self, message: str):
        """One sentence and exit code 2."""
        sys.exit(_complain(self, message))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = Parser(
        prog="satkit",
        description="A study kit for continual semantic segmentation with self-attention transfer.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"satkit {satkit.__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)

    study = commands.add_parser("study", help="train, compare and report: the main job; run again, it continues")
    study.add_argument(
        "--data", default="scenes", help="scenes (embedded, default), voc, ade20k, cityscapes, camvid, folder"
    )
    study.add_argument("--root", default="", help="folder of a data set on disk")
    study.add_argument("--task", default="", help="A-B: A base classes, then B a step; e.g. 15-5, 15-1")
    study.add_argument(
        "--setting",
        default="overlapped",
        help="overlapped (default), disjoint, sequential, partitioned; for Cityscapes also domain, domain-leaking",
    )
    study.add_argument(
        "--order",
        default="",
        help="class order as labels, e.g. 3,1,2,..., or the name of a published one: for VOC and scenes b .. w, for "
        "ADE20K b, c, 50b, 50c; default: the data's own",
    )
    study.add_argument(
        "--protocol",
        default="",
        help="conventions of the scores: satkit, plop, mib, ssul or sats, and single ones changed behind it, as in "
        "mib,evaluation=full; default: the preset's",
    )
    study.add_argument(
        "--strategies",
        default="fine-tuning,sats",
        help="short names separated by commas, with parts added (mib+attention), FILE.py:NAME, or all; "
        "satkit strategies lists them",
    )
    study.add_argument("--backbone", default="", help="a timm name; default: the preset's")
    study.add_argument("--preset", default="quick", help="smoke, quick (default), full or published")
    study.add_argument("--seed", default="0", help="a whole number; default 0")
    study.add_argument(
        "--shift", default="0", help="0 to 1: other illumination in the images of later steps; default 0"
    )
    study.add_argument("--out", default="", help="name or folder of the study; default: made of the settings")
    study.set_defaults(run=actions.run_study)

    run = commands.add_parser("run", help="run one notebook headlessly", add_help=False)
    run.add_argument("notebook", nargs="?", default="", help="number, name or path")
    run.add_argument("-h", "--help", action="store_true", help="this, and the parameters of NOTEBOOK if it is named")
    run.add_argument("-p", "--parameter", action="append", default=[], metavar="NAME=VALUE")
    run.add_argument("--out", default="", help="the executed notebook; default: runs/notebooks/NAME.ipynb")
    run.add_argument("--list", action="store_true", help="list the notebooks with what they promise")
    run.add_argument("--timeout", default="", help="seconds a cell may take; default: no limit")
    run.set_defaults(run=actions.run_notebook_command, usage=run.format_help)

    exported = commands.add_parser("export", help="copy the notebooks into a folder of yours")
    exported.add_argument("folder", help="made if need be; nothing in it is overwritten")
    exported.add_argument(
        "--blank", action="store_true", help="for coding along: without solutions, and with only the imports of cells"
    )
    exported.set_defaults(run=actions.run_export)

    gallery = commands.add_parser("gallery", help="run every lesson and write the gallery: copies, thumbnails, seconds")
    gallery.add_argument("lessons", nargs="*", help="only these, by number or name; default: all")
    gallery.add_argument("--out", default="", help="folder; default: assets/gallery of the source tree")
    gallery.add_argument("--preset", default="quick", help="smoke, quick (default) or full")
    gallery.add_argument("--times", action="store_true", help="only measure the seconds")
    gallery.add_argument("--links", action="store_true", help="only write links again, after REPOSITORY has changed")
    gallery.set_defaults(run=actions.run_gallery)

    report = commands.add_parser("report", help="write the report of a finished study again")
    report.add_argument("study", help="name or folder of the study")
    report.set_defaults(run=actions.run_report)

    reference = commands.add_parser(
        "reference", help="the reference study: every strategy in two worlds over three seeds; hours; resumable"
    )
    reference.add_argument("--out", default="reference", help="name or folder of the study")
    reference.add_argument("--seeds", default="0,1,2", help="whole numbers separated by commas; default 0,1,2")
    reference.add_argument(
        "--strategies", default="", help="short names separated by commas, for a study of these alone; default: all"
    )
    reference.add_argument(
        "--rows", default="", help="CSV of rows to start from; those of another configuration are redone"
    )
    reference.add_argument("--jobs", default="0", help="processes; default one per core")
    reference.add_argument(
        "--models", action="store_true", help="instead, train the small models that come with the kit; minutes"
    )
    reference.add_argument(
        "--drift",
        action="store_true",
        help="instead, measure where every strategy changes the model, for lesson 11; about half an hour a seed",
    )
    reference.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    reference.set_defaults(run=actions.run_reference)

    listed = commands.add_parser("strategies", help="list the strategies, and the parts that can be added to them")
    listed.add_argument("name", nargs="?", default="", help="show one of them in full")
    listed.set_defaults(run=actions.run_strategies)

    data = commands.add_parser("data", help="check, show or get a data set")
    kinds = data.add_subparsers(dest="action", metavar="ACTION", parser_class=Parser, required=True)
    for action, words in DATA_ACTIONS.items():
        command = kinds.add_parser(action, help=words)
        command.add_argument("data", help="scenes, voc, ade20k, cityscapes, camvid or folder")
        command.add_argument("--root", default="", help="folder of a data set on disk")
        if action == "get":
            continue
        command.add_argument("--task", default="", help="A-B: look at the steps of this task too")
        command.add_argument("--setting", default="overlapped", help="overlapped (default), disjoint, ...")
        command.add_argument("--order", default="", help="class order, as in satkit study")
        if action == "show":
            command.add_argument("--step", default="", help="only this step of the task")
            command.add_argument("--images", default="12", help="images on a sheet; default 12")
            command.add_argument("--out", default="", help="file to write, .png or .svg; default: made of the names")
    data.set_defaults(run=actions.run_data)

    runs = commands.add_parser("runs", help="list studies and their scores")
    runs.add_argument("folder", nargs="?", default="", help="folder of runs; default: runs")
    runs.set_defaults(run=actions.run_runs)

    doctor = commands.add_parser("doctor", help="versions, device, what is missing and how to get it")
    doctor.set_defaults(run=actions.run_doctor)
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run a command line; returns its exit code."""
    top = parser()
    options = top.parse_args(arguments)
    if not options.command:
        top.print_help()
        return 2
    return guarded(lambda: options.run(options))


def guarded(action: Callable[[], int]) -> int:
    """Run an action and turn what it raises into an exit code and one clear message."""
    from satkit.data.reading.problems import DataError
    from satkit.experiments.run_folder import RunBusy
    from satkit.notebooks.lessons import NotebookError
    from satkit.notebooks.runner import NotebookFailed
    from satkit.studies.attention_study import ReferenceFailed
    from satkit.utils.files import CheckpointError
    from satkit.utils.interrupts import Terminated

    def terminate(number, frame):
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        return action()
    except (UsageError, DataError, NotebookError) as error:
        return _say(error, 2)
    except (NotebookFailed, CheckpointError, RunBusy, ReferenceFailed) as error:
        return _say(error, 1)
    except KeyboardInterrupt:
        return _say("Interrupted. What was finished is kept; run the same command again to go on.", 130)
    except Terminated:
        return _say("Terminated. What was finished is kept; run the same command again to go on.", 143)
    finally:
        signal.signal(signal.SIGTERM, before)


def _complain(command: argparse.ArgumentParser, message: str) -> int:
    bad = message.split("unrecognized arguments: ")[-1].split()[0] if "unrecognized" in message else ""
    if "invalid choice" in message:
        bad = message.split("'")[1]
    known = [text for action in command._actions for text in (*action.option_strings, *(action.choices or ()))]
    match = nearest(bad, known) if bad else None
    hint = f" Did you mean {match}?" if match else ""
    return _say(f"{message}.{hint} See {command.prog} --help.", 2)


def _say(message: object, code: int) -> int:
    print(f"satkit: {message}", file=sys.stderr, flush=True)
    return code
