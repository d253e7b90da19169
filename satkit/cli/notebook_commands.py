"""satkit run, play, export and gallery: what they take, and what they do."""

import os
import shutil
from pathlib import Path

from satkit.cli.options import add_track, number
from satkit.utils.errors import UsageError
from satkit.utils.saying import LIBRARIES, saying


def add_run(commands) -> None:
    """satkit run."""
    command = commands.add_parser("run", help="run one notebook headlessly", add_help=False)
    command.add_argument("notebook", nargs="?", default="", help="number, name or path")
    command.add_argument("-h", "--help", action="store_true", help="this, and the parameters of the notebook")
    command.add_argument("-p", "--parameter", action="append", default=[], metavar="NAME=VALUE")
    command.add_argument("--out", default="", help="the executed notebook; default: runs/notebooks/NAME.ipynb")
    command.add_argument("--list", action="store_true", help="list the notebooks with what they promise")
    command.add_argument("--timeout", default="", help="seconds a cell may take; default: no limit")
    add_track(command)
    command.set_defaults(run=run_notebook, usage=command.format_help)


def run_notebook(options) -> int:
    """Run a notebook, or say which there are and what they take."""
    from satkit.notebooks import finding, parameters

    if options.list or not (options.notebook or options.help):
        return list_notebooks()
    if options.help and not options.notebook:
        print(options.usage())
        return 0
    path = finding.find_notebook(options.notebook)
    if options.help:
        return show_parameters(path)
    with saying(LIBRARIES):
        from satkit.experiments.run_places import run_folder, runs_root
        from satkit.experiments.trackers.choice import how_to_look, tracking
        from satkit.notebooks import run_progress, runner
        from satkit.notebooks.values import check_values
    from satkit.utils.progress import format_seconds
    from satkit.utils.temporary_folders import temporary_folder

    values = parameters.parse_assignments(path, options.parameter)
    check_values(path, values)
    output = options.out or runs_root() / "notebooks" / f"{path.stem}.ipynb"
    timeout = number("--timeout", options.timeout) if options.timeout else None
    with tracking(options.track), temporary_folder("progress") as place:
        file = Path(os.environ.get("SATKIT_PROGRESS") or place / "progress.json")
        progress = run_progress.RunProgress(path.stem, file)
        try:
            seen = {"on_poll": progress.show, "on_cell": progress.at_cell, "env": {"SATKIT_PROGRESS": str(file)}}
            result = runner.run_notebook(path, output, values, timeout=timeout, **seen)
        finally:
            progress.close()
        look = how_to_look(run_folder(values["study"])) if values.get("study") else how_to_look(runs_root(), "*/*")
    print("\n".join(filter(None, [f"{result.output} (took {format_seconds(result.seconds)})", look])))
    return 0


def list_notebooks() -> int:
    """Print every lesson with what it promises."""
    from satkit.notebooks import finding
    from satkit.utils.tables import Column, Table

    rows = [[path.stem, finding.promise(path)] for path in finding.list_notebooks()]
    print(Table([Column(""), Column("")], rows).text())
    return 0


def show_parameters(path) -> int:
    """Print what a lesson promises, and its parameters."""
    from satkit.notebooks import finding, parameters
    from satkit.utils.tables import wrapped

    print("\n".join(wrapped(f"{path.stem}: {finding.promise(path)}", shutil.get_terminal_size().columns)))
    own, further = parameters.parameters(path), parameters.further_settings(path)
    if own:
        print(f"\nparameters, each as -p NAME=VALUE:\n{_listed(own.values())}")
    if further:
        print(f"\nfurther settings, likewise:\n{_listed(further.values())}")
    return 0


def _listed(parameters) -> str:
    """Parameters with type, default and help, fitted to the terminal."""
    from satkit.utils.tables import Column, Table

    rows = [[f"  {each.name}", each.type, f"{each.default!r}", each.help] for each in parameters]
    return Table([Column("")] * 4, rows).text()


def add_play(commands) -> None:
    """satkit play."""
    command = commands.add_parser("play", help="open JupyterLab on the first lesson")
    command.add_argument("jupyter", nargs="*", help="after --, options for JupyterLab, such as -- --no-browser")
    command.set_defaults(run=run_play)


def run_play(options) -> int:
    """Open JupyterLab on the first lesson."""
    from satkit.notebooks.play import play

    return play(options.jupyter)


def add_export(commands) -> None:
    """satkit export."""
    command = commands.add_parser("export", help="copy the notebooks into a folder of yours")
    command.add_argument("folder", help="made if need be; nothing in it is overwritten")
    command.add_argument(
        "--blank", action="store_true", help="for coding along: cells that teach are empty, a check stands below each"
    )
    command.add_argument(
        "--slides", nargs="*", metavar="LESSON", help="slides of these lessons instead, or of all of them; open offline"
    )
    command.set_defaults(run=run_export)


def run_export(options) -> int:
    """Copy the notebooks, or write slides of them."""
    if options.slides is not None and options.blank:
        raise UsageError("Blank copies and slides are made one after the other: give --blank or --slides.")
    from satkit.notebooks import export, finding

    with saying(LIBRARIES):
        if options.slides is None:
            files = export.export(options.folder, options.blank)
        else:
            from satkit.notebooks.slides import export_slides

            names = options.slides or [path.stem for path in finding.list_notebooks()]
            files = export_slides(options.folder, names)
    print(*files, sep="\n")
    return 0


def add_gallery(commands) -> None:
    """satkit gallery."""
    command = commands.add_parser("gallery", help="run every lesson and write the gallery: copies, thumbnails, seconds")
    command.add_argument("lessons", nargs="*", help="only these, by number or name; default: all")
    command.add_argument("--out", default="", help="folder; default: assets/gallery of the source tree")
    command.add_argument("--preset", default="quick", help="smoke, quick or full (default quick)")
    command.add_argument("--times", action="store_true", help="only measure the seconds")
    command.add_argument("--links", action="store_true", help="only write links again, after REPOSITORY has changed")
    command.set_defaults(run=run_gallery)


def run_gallery(options) -> int:
    """Execute the lessons for the gallery."""
    with saying(LIBRARIES):
        from satkit.notebooks import gallery
    from satkit.utils.assets import asset

    folder = options.out or asset("") / "gallery"
    if options.links:
        print(*gallery.write_links(folder), sep="\n")
    else:
        print(*gallery.make_gallery(folder, options.preset, options.lessons, not options.times), sep="\n")
    print(gallery.markdown())
    return 0
