"""The jobs of a study: which notebooks run, with which parameters, in which order."""

from dataclasses import dataclass
from pathlib import Path

from satkit.experiments.plan import Plan
from satkit.experiments.shared_base import base_folder
from satkit.experiments.study_folder import StudyFolder
from satkit.models import BackboneError
from satkit.models.attention_taps import WITHOUT_ATTENTION
from satkit.utils.names import slug
from satkit.utils.seeding import derive

LONGEST = 60  # characters of the strategies in a notebook's name


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

    def path(self, folder: Path) -> Path:
        """The executed notebook in the folder of a study."""
        return folder / "notebooks" / f"{self.output}.ipynb"


def jobs_of(study: StudyFolder, plans: dict[str, Plan], shows_attention: bool) -> list[Job]:
    """The jobs of a study, in order: base steps, later steps, attention, forgetting.

    Args:
        plans: The plan of every strategy, by the name it was asked for by.
        shows_attention: Whether the backbone has attention to show.
    """
    shared = {"study": str(study.folder)}
    stepwise = {name: plan for name, plan in plans.items() if not plan.strategy.joint}
    bases = [] if study.settings.base_model else base_jobs(stepwise, shared)  # one that is given is not trained
    found = [*bases, *training_jobs(plans, shared)]
    for name, plan in stepwise.items() if shows_attention else ():
        values = {**shared, "strategy": name, "step": len(plan.steps) - 1}
        label, output = f"{plan.strategy.name}, attention", f"08_{slug(plan.strategy.name)}"
        found.append(Job("08_teacher_and_student", label, values, output))
    if stepwise:
        values = {**shared, "strategies": list(plans)}
        found.append(Job("09_visualising_forgetting", "forgetting", values, f"09_{_together(plans)}"))
    return found


def base_jobs(plans: dict[str, Plan], shared: dict) -> list[Job]:
    """A job for every base step, each named after the first strategy that starts from it."""
    first: dict[str, tuple[str, Plan]] = {}
    for name, plan in plans.items():
        first.setdefault(base_folder(plan.strategy), (name, plan))
    found = []
    for folder, (name, plan) in first.items():
        own = {} if folder == "base" else {"base_of": name}
        label = "base step" + (f" of {plan.strategy.name}" if own else "")
        iterations = plan.schedule(plan.steps[0]).iterations
        values = {**shared, **own, "two_starts": False}  # a lesson's comparison, which costs as much as a later step
        found.append(Job("06_train_base_step", label, values, f"06_{folder}", iterations))
    return found


def training_jobs(plans: dict[str, Plan], shared: dict) -> list[Job]:
    """A job for every step after the base step; joint training has one step only."""
    found = []
    for name, plan in plans.items():
        strategy = plan.strategy
        effort = 1.0 + 0.6 * strategy.needs_teacher + 0.4 * strategy.needs_attention
        for step in plan.steps if strategy.joint else plan.steps[1:]:
            label = f"{strategy.name}, {'all classes at once' if strategy.joint else f'step {step.index}'}"
            values = {**shared, "strategy": name, "step": step.index}
            output = f"07_{slug(strategy.name)}_step{step.index}"
            iterations = plan.schedule(step).iterations
            found.append(Job("07_train_next_step", label, values, output, iterations, effort))
    return found


def why_no_attention(plan: Plan) -> str:
    """Why the backbone has no attention to show; "" if it has."""
    try:
        plan.try_backbone(attention=True)
    except BackboneError as error:
        return str(error).replace(WITHOUT_ATTENTION, "")  # as every strategy here, or its plan would have been refused
    return ""


def _together(names) -> str:
    text = "_".join(map(slug, names))
    return text if len(text) <= LONGEST else f"{text[:50]}-{derive(0, text) % 10**8:08d}"
