"""The main job: the notebook sequence on one scenario, for two or more strategies, ending in a table and a report.

A study is a folder: `base` and one run per strategy, the executed notebooks, the figures, `result.json` with the
table and `report.html`. It is a list of jobs, each a notebook with parameters. A finished job leaves its executed
notebook under its final name, so starting a study again does only what is missing; within a job, training goes on from
its last checkpoint.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from satkit.experiments.experiment import Experiment
from satkit.experiments.run_folder import Run, run_folder, slug
from satkit.experiments.settings import Settings
from satkit.experiments.shared_base import base_folder, open_base
from satkit.models import BackboneError
from satkit.notebooks.runner import run_notebook
from satkit.strategies.recipes import BASE
from satkit.studies.report import write_report
from satkit.studies.score_table import ScoreTable
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json, write_json
from satkit.utils.progress import format_seconds, read_progress
from satkit.utils.seeding import derive

DEFAULT_STRATEGIES = ("fine-tuning", "sats")
NOTEBOOK_SECONDS = 9.0  # a kernel's start and a few figures, until one has been measured
ITERATION_SECONDS = 0.06  # until one has been measured


@dataclass(frozen=True)
class Job:
    """One notebook of a study.

    Attributes:
        notebook: Its name.
        label: What it does, for the progress line.
        values: Its parameters.
        output: Name of the executed notebook.
        iterations: Training iterations in it, 0 for none.
        effort: Cost of an iteration relative to one without a teacher.
    """

    notebook: str
    label: str
    values: dict
    output: str
    iterations: int = 0
    effort: float = 1.0


def study_name(settings: Settings) -> str:
    """A folder name that tells studies of different settings apart."""
    plain = Experiment(settings)
    parts = [settings.data, plain.task, settings.preset, f"seed{settings.seed}"]
    parts += [settings.setting] if settings.setting != "overlapped" else []
    parts += [f"shift{settings.shift:g}"] if settings.shift else []
    parts += [slug(settings.protocol)] if settings.protocol else []
    parts += [slug(settings.backbone)] if settings.backbone else []
    parts += ["order-" + "-".join(map(str, settings.order[:6]))] if settings.order else []
    return "-".join(parts)


def prepare(settings: Settings, strategies: tuple[str, ...], out: str) -> tuple[Path, list[Experiment]]:
    """Check everything that can be checked before training, and lay out the study's folder.

    Raises:
        UsageError: For unknown names, a backbone without attention, or a folder of another configuration.
        DataError: For anything wrong with the data, by file.
    """
    if not strategies:
        raise UsageError(f"A study needs at least one strategy, for example: {', '.join(DEFAULT_STRATEGIES)}.")
    double = sorted({name for name in strategies if strategies.count(name) > 1})
    if double:
        raise UsageError(f"Each strategy once, please: {double[0]!r} is named twice.")
    folder = run_folder(out or study_name(settings))
    base = Experiment(settings, BASE)
    base.check()
    experiments = []
    for name in strategies:
        experiment = Experiment(settings, name)
        experiment.data = base.data
        experiment.check()
        experiments.append(experiment)
    stepwise = [experiment.strategy.name for experiment in experiments if not experiment.strategy.joint]
    if stepwise and len(base.steps) == 1:
        raise UsageError(
            f"Task {base.task!r} has one step only, in which {stepwise[0]!r} has nothing to remember. "
            "Choose a task with more steps, such as 15-5, or only the strategy joint."
        )
    for experiment in experiments:
        if not experiment.strategy.joint:
            open_base(folder, settings, experiment.strategy)
        experiment.open(folder / slug(experiment.strategy.name))
    return folder, experiments


def plan(folder: Path, settings: Settings, experiments: list[Experiment], names: tuple[str, ...]) -> list[Job]:
    """The jobs of a study, in order."""
    shared = {"study": str(folder), **asdict(settings), "order": list(settings.order)}
    first = experiments[0]
    jobs = []
    stepwise = [pair for pair in zip(names, experiments, strict=True) if not pair[1].strategy.joint]
    iterations = first.schedule(first.scenario.steps[0]).iterations
    bases = {base_folder(experiment.strategy): (name, experiment) for name, experiment in reversed(stepwise)}
    for base, (name, experiment) in reversed(bases.items()):
        own = {} if base == "base" else {"base_of": name}
        label = "base step" + (f" of {experiment.strategy.name}" if own else "")
        jobs.append(Job("06_train_base_step", label, {**shared, **own}, f"06_{base}", iterations))
    for name, experiment in zip(names, experiments, strict=True):
        learning, tag = experiment.strategy, slug(experiment.strategy.name)
        effort = 1.0 + 0.6 * learning.needs_teacher + 0.4 * learning.needs_attention
        for step in experiment.steps if learning.joint else experiment.steps[1:]:
            jobs.append(
                Job(
                    "07_train_next_step",
                    f"{learning.name}, all classes at once"
                    if learning.joint
                    else f"{learning.name}, step {step.index}",
                    {**shared, "strategy": name, "step": step.index},
                    f"07_{tag}_step{step.index}",
                    experiment.schedule(step).iterations,
                    effort,
                )
            )
    for name, experiment in stepwise if can_look(first) else []:
        tag, learning = slug(experiment.strategy.name), experiment.strategy
        values = {**shared, "strategy": name, "step": len(experiment.steps) - 1}
        jobs.append(Job("08_teacher_and_student", f"{learning.name}, attention", values, f"08_{tag}"))
    if stepwise:
        values = {**shared, "strategies": list(names)}
        which = "_".join(map(slug, names))
        which = which if len(which) <= 60 else f"{which[:50]}-{derive(0, which) % 10**8:08d}"
        jobs.append(Job("09_visualising_forgetting", "forgetting", values, f"09_{which}"))
    return jobs


def can_look(experiment: Experiment) -> bool:
    """Whether the backbone has attention to look at; says so if it has none."""
    try:
        experiment.try_backbone(attention=True)
    except BackboneError as error:
        show(f"Without notebook 08, because there is no attention to show. {error}")
        return False
    return True


def study(settings: Settings, strategies: tuple[str, ...] = DEFAULT_STRATEGIES, out: str = "") -> Path:
    """Run a study, or finish one that was interrupted; returns its folder.

    Args:
        settings: Data, scenario, preset and seed.
        strategies: See `satkit.strategies.lookup.find_strategy`: short names, with parts added, or from a file.
        out: Name or folder of the study; empty for a name made of the settings.
    """
    started = time.monotonic()
    folder, experiments = prepare(settings, strategies, out)
    jobs = plan(folder, settings, experiments, strategies)
    show(f"Study in {folder}")
    progress = StudyProgress(jobs, [_output(folder, job).exists() for job in jobs])
    try:
        for number, job in enumerate(jobs):
            if not _output(folder, job).exists():
                began = time.monotonic()
                run_job(folder, job, progress, number)
                remember_seconds(folder, job, time.monotonic() - began)
    finally:
        progress.close()
    result = collect(folder, settings, experiments, strategies)
    report = write_report(folder)
    show(f"\n{ScoreTable(result).text()}\n")
    show(f"Report: {report}\nTook {format_seconds(time.monotonic() - started)}.")
    return folder


def run_job(folder: Path, job: Job, progress: "StudyProgress", number: int) -> None:
    """Run one notebook; it gets its final name only when it has succeeded."""
    running = folder / "notebooks" / f"{job.output}.running.ipynb"
    beat = folder / ".progress.json"
    beat.unlink(missing_ok=True)
    progress.begin(number)
    environment = {"SATKIT_PROGRESS": str(beat), "SATKIT_STATIC": "1"}
    run_notebook(job.notebook, running, job.values, on_poll=lambda: progress.show(beat), env=environment)
    os.replace(running, _output(folder, job))
    beat.unlink(missing_ok=True)
    progress.end(number)


def remember_seconds(folder: Path, job: Job, seconds: float) -> None:
    """Note how long a job took, so that a study that was interrupted knows its time."""
    path = folder / "seconds.json"
    write_json(path, {**(read_json(path) if path.exists() else {}), job.output: round(seconds, 1)})


def collect(folder: Path, settings: Settings, experiments, strategies) -> dict:
    """Gather the runs' results into the study's result.json."""
    path = folder / "result.json"
    results = {}
    for experiment in experiments:
        run = Run.open(folder / slug(experiment.strategy.name))
        result = run.result()
        if result is None:
            raise RuntimeError(f"{run.folder} has no result.json although all of its notebooks ended well.")
        results[experiment.strategy.name] = result
    earlier = read_json(path)["strategies"] if path.exists() else {}
    scenario = experiments[0].scenario
    before = read_json(path)["settings"]["strategies"] if path.exists() else []
    chosen = {**asdict(settings), "task": experiments[0].task, "order": list(scenario.order)}
    value = {
        "settings": {**chosen, "root": "", "strategies": list(dict.fromkeys([*before, *strategies]))},
        "classes": list(scenario.names),
        "base_classes": list(scenario.base),
        "added_classes": list(scenario.added),
        "strategies": {**earlier, **results},
        "seconds": sum(read_json(folder / "seconds.json").values()) if (folder / "seconds.json").exists() else 0.0,
    }
    write_json(path, value)
    return value


def overview(root: str | Path) -> str:
    """All studies in a folder with their scores, or how far they have come, as text."""
    lines = []
    starts = [path for name in ("base*", "joint") for path in sorted(Path(root).glob(f"*/{name}/config.json"))]
    for path in starts:
        folder = path.parent.parent
        if folder.name in {line.split()[0] for line in lines if line and not line.startswith(" ")}:
            continue
        lines.append(f"{folder.name}  ({'finished' if (folder / 'result.json').exists() else 'not finished'})")
        for config in sorted(folder.glob("*/config.json")):
            run = Run.open(config.parent)
            steps = 1 if run.name.split("-")[0] == "base" else len(run.config["schedules"])
            done = run.steps_done()
            result = run.result()
            if result is None:
                lines.append(f"    {run.name:32s} {done} of {steps} steps")
            else:
                scores = "  ".join(
                    f"{key} {'-' if result[key] is None else format(100 * result[key], '.1f')}"
                    for key in ("old", "new", "all", "forgetting", "kept")
                )
                lines.append(f"    {run.name:32s} {scores}")
    return "\n".join(lines) or f"No runs in {root}. Start with: satkit study --preset smoke"


class StudyProgress:
    """One line that says what is running and how long the whole study still takes.

    The estimate adds up the jobs that are left: a notebook costs what the notebooks so far cost beside training, an
    iteration what the iterations so far cost, weighted by whether a teacher runs along.
    """

    def __init__(self, jobs: list[Job], done: list[bool], stream=None, clock: Callable[[], float] = time.monotonic):
        self.jobs, self.done = jobs, list(done)
        self.stream = stream or sys.stderr
        self.clock = clock
        self.live = self.stream.isatty()
        self.shown_at, self.width = -1e9, 0
        self.per_iteration, self.per_notebook = ITERATION_SECONDS, NOTEBOOK_SECONDS
        self.number, self.began, self.trained = 0, clock(), 0.0

    def begin(self, number: int) -> None:
        """A job starts."""
        self.number, self.began, self.trained = number, self.clock(), 0.0
        self.shown_at = -1e9

    def end(self, number: int) -> None:
        """A job has ended well."""
        self.done[number] = True
        beside = self.clock() - self.began - self.trained
        self.per_notebook = max(1.0, beside)

    def seconds_left(self, state: dict | None) -> float:
        """Estimated seconds until the study is finished."""
        left = 0.0
        for number, job in enumerate(self.jobs):
            if self.done[number]:
                continue
            iterations, notebook = job.iterations, self.per_notebook
            if number == self.number:
                iterations -= state["done"] if state else 0
                spent = self.clock() - self.began - self.trained
                notebook = max(1.0, notebook - spent)
            left += notebook + iterations * job.effort * self.per_iteration
        return left

    def show(self, beat: Path) -> None:
        """Show the line if it is time to; called often."""
        state = read_progress(beat)
        job = self.jobs[self.number]
        if state and state.get("seconds_per_unit"):
            self.per_iteration = state["seconds_per_unit"] / job.effort
            self.trained = state["seconds"]
        if self.clock() - self.shown_at < (0.5 if self.live else 10.0):
            return
        self.shown_at = self.clock()
        line = f"[{self.number + 1}/{len(self.jobs)}] {job.label}"
        if state:
            line += f": iteration {state['done']} of {state['total']}"
            if "loss" in state["values"]:
                line += f", loss {state['values']['loss']:.3f}"
        line += f"; about {format_seconds(self.seconds_left(state))} left"
        self._write(line)

    def close(self) -> None:
        """End the line."""
        if self.live and self.width:
            self.stream.write("\r" + " " * self.width + "\r")
            self.stream.flush()

    def _write(self, line: str) -> None:
        if self.live:
            line = line[: max(20, shutil.get_terminal_size().columns - 1)]
            self.stream.write("\r" + line.ljust(self.width))
            self.width = len(line)
        else:
            self.stream.write(line + "\n")
        self.stream.flush()


def show(text: str) -> None:
    """Print for the user, at once."""
    print(text, flush=True)


def _output(folder: Path, job: Job) -> Path:
    return folder / "notebooks" / f"{job.output}.ipynb"
