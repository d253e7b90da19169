"""The satkit command: its subcommands, and what errors become.

Exit codes: 0 done, 1 a run failed, 2 wrong usage or input, 130, 143 or 129 interrupted with a checkpoint.
"""

import argparse
import os
import sys
import warnings
from collections.abc import Callable

import satkit
from satkit.cli import bench_command, data_commands, model_commands, notebook_commands, study_commands, sweep_command
from satkit.utils.disk_places import check_environment, unusable
from satkit.utils.errors import nearest
from satkit.utils.interrupts import Terminated, terminating
from satkit.utils.launched import launched, rank
from satkit.utils.names import printable
from satkit.utils.saying import saying

ENDS = "\n"  # of lines; a message may have several

EXAMPLES = """examples:
  satkit study                                    the main job: scenes 15-5, what distillation and SATS keep
  satkit study --preset smoke                     the same in a minute, to see that everything runs
  satkit study --data voc --root FOLDER --task 15-1
  satkit data check folder --root FOLDER          everything wrong with images and masks of your own
  satkit run 09 -p study=scenes-15-5-quick-seed0  one notebook with a parameter
  satkit sweep train --grid strategy=mib,sats --grid seed=0-4 --jobs 2
  satkit predict sats PICTURES --out MASKS        masks and overlays for images of your own
  satkit play                                     JupyterLab on the first lesson
  satkit doctor                                   what is installed, what is missing and how to get it
"""


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
    for add in (
        study_commands.add_study,
        study_commands.add_train,
        sweep_command.add_sweep,
        notebook_commands.add_run,
        notebook_commands.add_play,
        notebook_commands.add_export,
        study_commands.add_report,
        study_commands.add_page,
        study_commands.add_runs,
        data_commands.add_data,
        data_commands.add_strategies,
        notebook_commands.add_gallery,
        study_commands.add_reference,
        model_commands.add_models,
        model_commands.add_predict,
        model_commands.add_pretrain,
        bench_command.add_bench,
        add_doctor,
    ):
        add(commands)
    return top


def add_doctor(commands) -> None:
    """satkit doctor."""
    command = commands.add_parser("doctor", help="versions, device, what is missing and how to get it")
    command.set_defaults(run=run_doctor)


def run_doctor(options) -> int:
    """Print what was found."""
    from satkit.cli import doctor

    with saying("Looking at what is installed ..."):
        return doctor.main()


def main(arguments: list[str] | None = None) -> int:
    """Run a command line; returns its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console that lacks a character shows its number
            stream.reconfigure(errors="backslashreplace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _note
            code = _run(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of a pipe has ended, as in `satkit doctor | head -2`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _note(message, category, *where) -> None:
    """Show a warning of satkit as a sentence, without the line of code that it comes from."""
    print(f"Note: {message}" if category is UserWarning else f"{category.__name__}: {message}", file=sys.stderr)


def _run(arguments: list[str] | None) -> int:
    top = parser()
    options = top.parse_args(arguments)
    if not options.command:
        top.print_help()
        return 2
    if launched() and options.command != "train":
        return _say(f"torchrun starts satkit train, got satkit {options.command}. Run it without torchrun.", 2)
    return guarded(lambda: options.run(options))


def guarded(action: Callable[[], int]) -> int:
    """Run an action and turn what it raises into an exit code and one clear message."""
    if not launched():
        return _told(action)
    try:
        code = _told(action)
    except SystemExit as end:
        code = end.code
    if code:  # at once: torchrun ends the others now, each of which shall end with the code of its own
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return 0


def _told(action: Callable[[], int]) -> int:
    try:
        with terminating():
            check_environment()
            return action()
    except Exception as error:
        if code := getattr(error, "exit_code", 0):
            return _say(error, code)
        if said := unusable(error) if isinstance(error, OSError) else "":
            return _say(said, 2)
        raise
    except KeyboardInterrupt:
        return _stopped("Interrupted", 130)
    except Terminated as error:
        return _stopped("Terminated", error.code)


def _complain(command: argparse.ArgumentParser, message: str) -> int:
    bad = message.split("unrecognized arguments: ")[-1].split()[0] if "unrecognized" in message else ""
    if "invalid choice" in message:
        bad = message.split("'")[1]
    known = [text for action in command._actions for text in (*action.option_strings, *(action.choices or ()))]
    known = {text.lstrip("-"): text for text in known if text.startswith("--") or not text.startswith("-")}
    match = nearest(bad.lstrip("-").split("=")[0], known) if bad else None
    hint = f" Did you mean {known[match]}?" if match else ""
    return _say(f"{message}.{hint} See {command.prog} --help.", 2)


def _stopped(how: str, code: int) -> int:
    if rank():  # the first process says it
        return code
    return _say(f"{how}. What was finished is kept; run the same command again to go on.", code)


def _say(message: object, code: int) -> int:
    who = f"satkit, process {rank()}" if launched() else "satkit"
    print(f"{who}: {printable(str(message), keep=ENDS)}", file=sys.stderr, flush=True)
    return code
