"""satkit data and strategies: what they take, and what they do."""

import sys

from satkit.cli.options import add_settings, given, number
from satkit.experiments.settings import described
from satkit.utils.saying import LIBRARIES, saying

ACTIONS = {
    "check": "everything wrong with a data set, by file, and how many images each class and step has",
    "show": "a contact sheet with legend; with --task one for each step",
    "get": "download a data set, where that is possible",
}
OF_A_SCENARIO = ("task", "setting", "order", "habitat")


def add_data(commands) -> None:
    """satkit data."""
    data = commands.add_parser("data", help="check, show or get a data set")
    actions = data.add_subparsers(dest="action", metavar="ACTION", parser_class=type(data), required=True)
    for action, words in ACTIONS.items():
        command = actions.add_parser(action, help=words)
        command.add_argument("data", help=described("data"))
        add_settings(command, ("root",) if action == "get" else ("root", *OF_A_SCENARIO))
        if action == "check":
            command.add_argument("--all", action="store_true", help="a line for every file with a problem")
        if action == "show":
            command.add_argument("--step", default="", help="only this step of the task")
            command.add_argument("--images", default="12", help="images on a sheet (default 12)")
            command.add_argument("--out", default="", help="file to write, .png or .svg; default: made of the names")
    data.set_defaults(run=run_data)


def run_data(options) -> int:
    """Check, show or download a data set."""
    with saying(LIBRARIES):
        from satkit.experiments.settings import Settings
        from satkit.experiments.study_folder import with_labels
        from satkit.studies import data_overview

    if options.action == "get":
        print(data_overview.get(options.data, options.root or ""))
        return 0
    settings = Settings(**with_labels(given(options)))
    if options.action == "check":
        text, usable = data_overview.check(settings, options.all)
        print(text)
        return 0 if usable else 2
    step = number("--step", options.step) if options.step else None
    sheets = data_overview.show(settings, number("--images", options.images), step)
    with saying("Writing the contact sheets ..."):
        written = data_overview.save_sheets(sheets, options.out)
    print(*written, sep="\n")
    if notice := data_overview.unreadable(sheets):
        print(notice, file=sys.stderr)
    return 0


def add_strategies(commands) -> None:
    """satkit strategies."""
    command = commands.add_parser("strategies", help="list the strategies, and the parts that can be added to them")
    command.add_argument("name", nargs="?", default="", help="show one of them in full")
    command.set_defaults(run=run_strategies)


def run_strategies(options) -> int:
    """List strategies and parts, or write one out."""
    with saying(LIBRARIES):
        from satkit.strategies import PARTS, STRATEGIES
        from satkit.strategies.lookup import find_strategy
    from satkit.utils.tables import Column, Table

    if options.name:
        print(find_strategy(options.name))
        return 0
    rows = [[name, str(strategy)] for name, strategy in STRATEGIES.items()]
    parts = f"Parts, as in sats+memory=100 or mib+attention: {', '.join(PARTS)}"
    print(Table([Column(""), Column("")], rows, parts).text())
    return 0
