"""What each subcommand of satkit does with its words: check them, hand over to the library, print what came of it.

Every action takes the options that `parser` has read and gives an exit code. Libraries are imported where they are
needed, so that `satkit --help` answers at once.
"""

from satkit.utils.errors import UsageError


def run_study(options) -> int:
    """satkit study."""
    from satkit.experiments.settings import Settings
    from satkit.strategies.lookup import names
    from satkit.studies.study import study

    settings = Settings(
        data=options.data,
        root=options.root,
        task=options.task,
        setting=options.setting,
        order=class_order(options.data, options.order),
        backbone=options.backbone,
        preset=options.preset,
        seed=number("--seed", options.seed),
        shift=number("--shift", options.shift, float),
        protocol=options.protocol,
    )
    study(settings, names(options.strategies), options.out)
    return 0


def run_notebook_command(options) -> int:
    """satkit run."""
    from satkit.experiments.run_folder import runs_root
    from satkit.notebooks import lessons, parameters, runner
    from satkit.utils.progress import format_seconds

    if options.list or not (options.notebook or options.help):
        for path in lessons.list_notebooks():
            print(f"{path.stem:24s} {lessons.promise(path)}")
        return 0
    if options.help and not options.notebook:
        print(options.usage())
        return 0
    path = lessons.find_notebook(options.notebook)
    if options.help:
        print(f"{path.stem}: {lessons.promise(path)}\n\nparameters, each as -p NAME=VALUE:")
        for parameter in parameters.parameters(path).values():
            print(f"  {parameter.name}: {parameter.type} = {parameter.default!r}  # {parameter.help}")
        return 0
    values = parameters.parse_assignments(path, options.parameter)
    output = options.out or runs_root() / "notebooks" / f"{path.stem}.ipynb"
    timeout = number("--timeout", options.timeout) if options.timeout else None
    result = runner.run_notebook(path, output, values, timeout=timeout)
    print(f"{result.output} (took {format_seconds(result.seconds)})")
    return 0


def run_export(options) -> int:
    """satkit export."""
    from satkit.notebooks.export import export

    print(*export(options.folder, options.blank), sep="\n")
    return 0


def run_gallery(options) -> int:
    """satkit gallery."""
    from satkit.notebooks import gallery
    from satkit.utils.assets import asset

    folder = options.out or asset("") / "gallery"
    if options.links:
        print(*gallery.write_links(folder), sep="\n")
    else:
        print(*gallery.make_gallery(folder, options.preset, options.lessons, not options.times), sep="\n")
    print(gallery.markdown())
    return 0


def run_report(options) -> int:
    """satkit report."""
    from satkit.experiments.run_folder import run_folder
    from satkit.studies.report import write_report

    print(write_report(run_folder(options.study)))
    return 0


def run_reference(options) -> int:
    """satkit reference."""
    from satkit.strategies.lookup import names
    from satkit.studies.attention_study import ReferenceStudy, work_in_processes

    if options.models:
        from satkit.experiments.kit_models import make_models
        from satkit.experiments.run_folder import run_folder
        from satkit.utils.progress import Progress, following

        report = lambda total, label: following(Progress(total, label))  # noqa: E731
        print(*make_models(run_folder(options.out), report), sep="\n")
        return 0
    what = (options.out, whole_numbers("--seeds", options.seeds), names(options.strategies))
    if options.drift:
        from satkit.studies.drift_study import DriftStudy

        drifts = DriftStudy(*what)
        if options.rows:
            drifts.take_rows(options.rows)
        drifts.work()
        print(*drifts.collect(), sep="\n")
        return 0
    study = ReferenceStudy(*what)
    if options.worker:
        study.work()
        return 0
    if options.rows:
        study.take_rows(options.rows)
    work_in_processes(study, number("--jobs", options.jobs))
    print(*study.collect(), sep="\n")
    return 0


def run_strategies(options) -> int:
    """satkit strategies."""
    from satkit.strategies import PARTS, STRATEGIES
    from satkit.strategies.lookup import find_strategy

    if options.name:
        print(find_strategy(options.name))
        return 0
    for name, learning in STRATEGIES.items():
        print(f"{name:18s} {learning}")
    print(f"\nParts, as in sats+memory=100 or mib+attention: {', '.join(PARTS)}")
    return 0


def run_data(options) -> int:
    """satkit data."""
    from satkit.experiments.settings import Settings
    from satkit.studies import data_overview

    if options.action == "get":
        print(data_overview.get(options.data, options.root))
        return 0
    order = class_order(options.data, options.order)
    settings = Settings(options.data, options.root, task=options.task, setting=options.setting, order=order)
    if options.action == "check":
        text, usable = data_overview.check(settings)
        print(text)
        return 0 if usable else 2
    step = number("--step", options.step) if options.step else None
    sheets = data_overview.show(settings, number("--images", options.images), step)
    print(*data_overview.save_sheets(sheets, options.out), sep="\n")
    return 0


def run_runs(options) -> int:
    """satkit runs."""
    from satkit.experiments.run_folder import runs_root
    from satkit.studies.study import overview

    print(overview(options.folder or runs_root()))
    return 0


def run_doctor(options) -> int:
    """satkit doctor."""
    from satkit.cli import doctor

    return doctor.main()


def number(option: str, text: str, kind: type = int) -> int | float:
    """A number from the command line, whole unless `kind` is float.

    Raises:
        UsageError: Naming the option and what came.
    """
    try:
        return kind(text)
    except ValueError:
        raise UsageError(f"{option} takes a {'whole ' if kind is int else ''}number, got {text!r}.") from None


def whole_numbers(option: str, text: str) -> tuple[int, ...]:
    """Whole numbers separated by commas."""
    return tuple(number(option, part) for part in text.split(",") if part.strip())


def class_order(data: str, text: str) -> tuple[int, ...]:
    """A class order from the command line: labels, or the name of a published order."""
    from satkit.data.orders import published_order

    return published_order(data, text) if text and "," not in text else whole_numbers("--order", text)
