"""The scenario: which classes are learnt in which step, in pure Python.

A scenario is a list of classes, the order in which they are learnt, and a task such as "15-5": 15 classes in the base
step (step 0), then 5 in every later step. Outside the data layer a class has an *index*, its position in the order of
learning: 0 is background, 1 .. N are the classes. `Scenario.order` maps indices to the labels of the data set.

A setting says which images a step may use and what is annotated in them (Cermelli et al., CVPR 2020, section 3;
"sequential" after Douillard & Lesort's Continuum; "partitioned" after Kwak et al., arXiv 2405.09858):

==============  ===========================================  ==================================
setting         images of step t                             annotated
==============  ===========================================  ==================================
overlapped      contain a class of step t                    classes of step t
disjoint        as overlapped, and no class of a later step  classes of step t
sequential      as disjoint                                  classes of steps 0 .. t
partitioned     those whose one class, drawn at random of    classes of step t
                those they contain, belongs to step t
domain          of a domain of step t                        every class
domain-leaking  as domain, divided as PLOP's code does it    every class
==============  ===========================================  ==================================

Pixels that are not annotated are background: that is the background shift. The last two settings do not have it: all
classes are learnt in the base step, and later steps bring new domains (for Cityscapes: cities), `Step.domains`.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from satkit.utils.errors import UsageError, unknown

DOMAIN_SETTINGS = ("domain", "domain-leaking")
SETTINGS = ("overlapped", "disjoint", "sequential", "partitioned", *DOMAIN_SETTINGS)
# The published tasks, by how many classes, or cities, they divide.
TASKS = {
    20: ("19-1", "15-5", "15-1", "10-10", "10-5", "10-1", "5-3", "5-5", "5-1", "2-2", "2-1"),  # VOC
    150: ("100-50", "100-10", "100-5", "50-50", "50-10", "25-25", "10-10"),  # ADE20K
    19: ("10-9", "14-1"),  # Cityscapes by class
    21: ("11-5", "11-1", "1-1"),  # Cityscapes by city
}
OFFLINE = "offline"


@dataclass(frozen=True)
class Step:
    """One increment: the class indices learnt before, now and later. Step 0 is the base step.

    Attributes:
        domains: The domains of the step's images, in the settings by domain; else empty.
    """

    index: int
    old: tuple[int, ...]
    new: tuple[int, ...]
    future: tuple[int, ...]
    domains: tuple[str, ...] = ()

    @property
    def seen(self) -> tuple[int, ...]:
        """Classes of this and all earlier steps, without background."""
        return self.old + self.new

    @property
    def num_old(self) -> int:
        """Output channels of the teacher: background and every old class (0 at the base step)."""
        return len(self.old) + 1 if self.old else 0

    @property
    def num_outputs(self) -> int:
        """Output channels of the student: background and every class seen so far."""
        return len(self.seen) + 1


@dataclass(frozen=True)
class Scenario:
    """Data set classes, order, task and setting, as a tuple of steps.

    Attributes:
        task: The task's name, e.g. "15-5".
        setting: One of `SETTINGS`.
        order: Data set label of each class in the order of learning; index 1 is `order[0]`.
        names: Class names in the order of learning, `names[0]` is "background".
        steps: One `Step` per increment.
    """

    task: str
    setting: str
    order: tuple[int, ...]
    names: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def base(self) -> tuple[int, ...]:
        """Classes of the base step."""
        return self.steps[0].new

    @property
    def added(self) -> tuple[int, ...]:
        """Classes of all later steps."""
        return tuple(index for step in self.steps[1:] for index in step.new)

    @property
    def learnt_at(self) -> tuple[int, ...]:
        """Step in which each class index is learnt; background counts as learnt in the base step."""
        return (0, *(step.index for step in self.steps for _ in step.new))

    def joint(self) -> "Scenario":
        """The same classes in a single step: joint training, the upper bound."""
        if self.by_domain:
            everywhere = tuple(name for step in self.steps for name in step.domains)
            return _by_domain(OFFLINE, (len(everywhere),), self.setting, self.order, self.names, everywhere)
        return _build(OFFLINE, (len(self.order),), self.setting, self.order, self.names)

    @property
    def by_domain(self) -> bool:
        """Whether later steps bring domains instead of classes."""
        return self.setting in DOMAIN_SETTINGS

    @property
    def annotates_old(self) -> bool:
        """Whether old classes are annotated too."""
        return self.setting == "sequential" or self.by_domain

    def training_table(self, step: Step) -> dict[int, int]:
        """Data set label -> class index, for the labels that are annotated in this step."""
        shown = step.seen if self.annotates_old else step.new
        return {self.order[index - 1]: index for index in shown}

    def test_table(self, step: Step) -> dict[int, int]:
        """Data set label -> class index, for every class seen so far."""
        return {self.order[index - 1]: index for index in step.seen}

    def contains_image(self, step: Step, present: Sequence[int], drawn: int | None = None) -> bool:
        """Whether an image belongs to a step's training images, in the settings by class.

        Args:
            present: Data set labels that occur in the image's full annotation.
            drawn: The one of them that was drawn, in the setting "partitioned".
        """
        wanted, unwanted = self.image_filter(step)
        if self.setting == "partitioned":
            return drawn in wanted
        return bool(wanted & set(present)) and not unwanted & set(present)

    def image_filter(self, step: Step) -> tuple[set[int], set[int]]:
        """Data set labels of which an image of the step must hold one, and those of which it must hold none."""
        wanted, later = ({self.order[index - 1] for index in part} for part in (step.new, step.future))
        return wanted, later if self.setting in ("disjoint", "sequential") else set()


def task_sizes(task: str, num_classes: int, what: str = "classes") -> tuple[int, ...]:
    """Number of classes of each step of a task.

    Args:
        what: What the task divides, for messages.

    Raises:
        UsageError: If the task has not the form A-B or A-B-C-..., or does not divide the classes.
    """
    if task == OFFLINE:
        return (num_classes,)
    choices = [*usual_tasks(num_classes), OFFLINE]
    if not re.fullmatch(r"\d{1,6}(-\d{1,6})+", task):
        raise unknown("task", task, choices)
    base, *later = map(int, task.split("-"))
    example = f"Choose for example one of: {', '.join(choices)}."
    if len(later) > 1:
        if min(base, *later) < 1 or base + sum(later) != num_classes:
            raise UsageError(
                f"Task {task!r} names the {what} of every step, so its numbers must be 1 or more and add up to "
                f"{num_classes}, got {base + sum(later)}. {example}"
            )
        return (base, *later)
    (increment,), rest = later, num_classes - base
    if base < 1 or increment < 1 or rest < increment or rest % increment:
        left = f"after {base} base {what} {rest} remain, which steps of {increment} do not fill"
        if base < 1 or increment < 1 or rest < 1:
            most = f"1 to {num_classes - 1}" if num_classes > 2 else "1"
            left = f"the base step must have {most} of them and every later step at least 1"
        raise UsageError(f"Task {task!r} must divide the {num_classes} {what}: {left}. {example}")
    return (base, *[increment] * (rest // increment))


def scenario(
    names: Sequence[str],
    task: str = "15-5",
    setting: str = "overlapped",
    order: Sequence[int] | Sequence[str] | None = None,
    domains: Sequence[str] = (),
) -> Scenario:
    """Build a scenario.

    Args:
        names: Class names by data set label; `names[0]` is background.
        task: "A-B": A base classes, then B a step until the classes are used up; "A-B-C" and longer: as many in each
            step; or "offline".
        setting: One of `SETTINGS`.
        order: Data set labels in the order of learning, each of 1 .. N once, or names of classes, see `order_by_name`;
            None keeps the data set's order.
        domains: Domains in the order of learning, which the task divides in the settings by domain.

    Raises:
        UsageError: For an unknown task, setting or class, an order that is not a permutation, or a setting by domain
            for data without domains.
    """
    if setting not in SETTINGS:
        raise unknown("setting", setting, SETTINGS)
    num_classes = len(names) - 1
    if any(isinstance(each, str) for each in order or ()):
        order = order_by_name(names, order)
    order = tuple(range(1, num_classes + 1)) if not order else tuple(int(label) for label in order)
    if sorted(order) != list(range(1, num_classes + 1)):
        raise UsageError(
            f"The class order must hold every label of 1..{num_classes} once, got {list(order)}. "
            "Background (0) is never part of it."
        )
    ordered = (names[0], *[names[label] for label in order])
    if setting not in DOMAIN_SETTINGS:
        return _build(task, task_sizes(task, num_classes), setting, order, ordered)
    if len(domains) < 2:
        instead = "Add images of another." if domains else "Cityscapes has them: its cities."
        raise UsageError(
            f"The setting {setting!r} learns one domain after another and needs images of two or more domains, got "
            f"{len(domains)}. {instead}"
        )
    return _by_domain(task, task_sizes(task, len(domains), "cities"), setting, order, ordered, tuple(domains))


def order_by_name(names: Sequence[str], first: Sequence[str], orders: Iterable[str] = ()) -> tuple[int, ...]:
    """Data set labels in an order of learning that begins with some classes; the others follow as in the data set.

    Args:
        names: Class names by data set label; `names[0]` is background.
        first: Names of classes, each once: all of them, or those to learn first.
        orders: Names of whole orders that would do as well, for the message.

    Raises:
        UsageError: For an unknown name, with the choices and the nearest match, for background, and for a name that is
            given twice.
    """
    labels = {name: label for label, name in enumerate(names) if label}
    for place, name in enumerate(first):
        if name not in labels:
            raise _no_class(name, names[0], labels, orders)
        if name in first[:place]:
            raise UsageError(f"A class order names every class once, but {name!r} is named twice. Leave one out.")
    chosen = tuple(labels[name] for name in first)
    return (*chosen, *(label for label in labels.values() if label not in chosen))


def _no_class(name: object, background: str, labels: dict[str, int], orders: Iterable[str]) -> UsageError:
    """The error for a name in a class order that is no class."""
    if str(name).lower() == background.lower():
        return UsageError(f"{name!r} is in every step and never part of a class order. Leave it out.")
    kind = "class or class order" if orders else "class"
    said = [str(unknown(kind, name, [*labels, *orders]))]
    if str(name).isdecimal():
        said.append("A class order holds labels or names, not both.")
    if with_comma := next((each for each in labels if "," in each), ""):
        said.append(f"Names with a comma stand in a list: {json.dumps([with_comma], ensure_ascii=False)}.")
    return UsageError(" ".join(said))


def _build(task, sizes, setting, order, names) -> Scenario:
    steps, first = [], 1
    last = len(order)
    for index, size in enumerate(sizes):
        steps.append(
            Step(
                index,
                old=tuple(range(1, first)),
                new=tuple(range(first, first + size)),
                future=tuple(range(first + size, last + 1)),
            )
        )
        first += size
    return Scenario(task, setting, tuple(order), tuple(names), tuple(steps))


def _by_domain(task, sizes, setting, order, names, domains) -> Scenario:
    every = tuple(range(1, len(order) + 1))
    ends = [sum(sizes[: index + 1]) for index in range(len(sizes))]
    steps = tuple(
        Step(index, *(((), every) if index == 0 else (every, ())), (), domains[end - size : end])
        for index, (size, end) in enumerate(zip(sizes, ends, strict=True))
    )
    return Scenario(task, setting, tuple(order), tuple(names), steps)


def usual_tasks(num_classes: int) -> list[str]:
    """Tasks that divide this number of classes; the published ones if there are any."""

    def divides(task: str) -> bool:
        base, increment = map(int, task.split("-"))
        rest = num_classes - base
        return base >= 1 and rest >= increment and rest % increment == 0

    usual = [task for task in TASKS.get(num_classes, ()) if divides(task)]
    half = (num_classes + 1) // 2
    return usual or list(dict.fromkeys((f"{half}-{num_classes - half}", f"{half}-1")))
