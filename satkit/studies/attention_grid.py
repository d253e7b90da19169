"""Which runs the attention study has: strategies, worlds and seeds.

The question is whether attention transfer alleviates forgetting further, on top of the usual strategies. So the main
world has every strategy with the term and without, and two strategies with *fronts*: one weight grows, and old classes
are kept at the cost of new ones. One front is drawn by the weight of attention transfer, one by that of plain
distillation, one by the learning rate of the backbone. The term helps if its front lies above the others.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from satkit.experiments.settings import Settings
from satkit.strategies.lookup import find_strategy
from satkit.utils.errors import UsageError, unknown
from satkit.utils.names import slug

ATTENTION = ("pseudo+distillation", "mib", "pseudo", "plop", "lwf", "ilt", "ewf", "sdr", "rcil", "lwf-mc", "dkd")
ALONE = ("ewc", "pi", "rw", "ssul", "dft")
# Variants of the term at a weight that still lets new classes be learnt; each is compared with `attention=5`.
POOLINGS = ("attention-image=5", "attention-none=5", "attention-regions=5")
STAGES = tuple(f"attention-stage{stage}=5" for stage in (1, 2, 3, 4))  # the whole weight in one stage

# With fronts, and in every world. The weight of distillation in the first is the best of 5, 10, 20 and 40 without
# attention transfer, on the seeds 10, 11 and 12; 20 is that of SATS.
MAIN = ("pseudo+distillation=10", "mib")
BEST = "attention-old=2"  # the variant of attention transfer that was chosen, on the seeds 10, 11 and 12
# What a memory is added to: strategies that every world has without one.
MEMORY = ("fine-tuning", MAIN[0], f"{MAIN[0]}+{BEST}", MAIN[1])
SEEDS = (0, 1, 2, 3, 4)
FEWER = (0, 1, 2)  # the seeds of whatever is no part of a front
SHIFT = 0.65
ONE_STEP = "15-5"  # the world of the default study: five classes at once, in three times the iterations

# By what grows: the parts that draw a front, from little to much; "" is the strategy itself. 20 is the paper's weight
# of attention transfer.
FRONTS: dict[str, tuple[str, ...]] = {
    "attention transfer": ("", *(f"attention={weight}" for weight in (2, 5, 20))),
    "attention transfer, old regions": ("", *(f"attention-old={weight}" for weight in (1, 2, 5))),
    "attention transfer, early stages": ("", *(f"attention-early={weight}" for weight in (2, 5, 20))),
    "distillation": ("distillation=5", "", "distillation=20", "distillation=40"),
    "slower backbone": ("", *(f"backbone-lr={factor}" for factor in (0.3, 0.1))),
}
# Strategies under the name that they have elsewhere in the study.
USUAL = {"pseudo+distillation=20": "pseudo+distillation", "mib+attention=20": "mib+attention"}

# What the settings of each world change, by data set; the first world is the main one.
WORLDS: dict[str, dict[str, dict]] = {
    "scenes": {
        "habitat": {},
        "uniform": {"habitat": 0.0},
        "shifted": {"shift": SHIFT},
        ONE_STEP: {"task": "15-5", "preset": "quick"},
        "habitat from noise": {"from_scratch": True},
    },
    "camvid": {"6-5": {"task": "6-5"}, "6-1": {"task": "6-1", "preset": "reference"}},
}
SETTINGS = {
    "scenes": Settings(data="scenes", task="10-1", preset="reference"),
    "camvid": Settings(data="camvid", task="6-5", preset="quick"),
}


@dataclass(frozen=True)
class Entry:
    """One run of the study: a strategy in a world with a seed."""

    strategy: str
    world: str
    seed: int

    @property
    def tag(self) -> str:
        """Name of its files."""
        return f"{slug(self.world)}-seed{self.seed}-{slug(self.strategy.replace('+', ' '))}"


def worlds_of(data: str) -> dict[str, dict]:
    """The worlds of a data set by name, with the settings that each changes.

    Raises:
        UsageError: For a data set without a study.
    """
    if data not in WORLDS:
        raise UsageError(f"The attention study is of {' or '.join(WORLDS)}, got {data!r}.")
    return WORLDS[data]


def settings_of(data: str, root: str) -> Settings:
    """The settings that all runs of a data set's study begin from.

    Raises:
        UsageError: For a data set without a study.
    """
    worlds_of(data)
    return replace(SETTINGS[data], root=root)


def with_attention(name: str) -> str:
    """The same strategy with attention transfer; SATS is what pseudo-labels and distillation become."""
    return "sats" if name == "pseudo+distillation" else f"{name}+attention"


def front(name: str, grows: str) -> tuple[str, ...]:
    """The strategies that draw a front, from little to much of what grows; the strategy itself is one of them.

    Args:
        name: Short name of the strategy, one of `MAIN`.
        grows: A key of `FRONTS`.
    """
    return tuple(with_part(name, part) for part in FRONTS[grows])


def with_part(name: str, part: str) -> str:
    """A strategy's name with a part; a part that it ends with already gets the new number."""
    if not part:
        return name
    before, _, last = name.rpartition("+")
    same = last.partition("=")[0] == part.partition("=")[0]
    text = f"{before if same else name}+{part}"
    return USUAL.get(text, text)


def main_strategies() -> tuple[str, ...]:
    """What every world has: without attention transfer, with the paper's weight of it and with the chosen variant."""
    parts = ("", "attention=20", BEST)
    return ("fine-tuning", *(with_part(name, part) for name in MAIN for part in parts))


def strategies_in(data: str, world: str, seed: int = SEEDS[0]) -> tuple[str, ...]:
    """The strategies of a world, the most telling first; the fronts have more seeds than all the others."""
    names, is_main = main_strategies(), (data, world) == ("scenes", next(iter(WORLDS["scenes"])))
    fronts = tuple(each for name in MAIN for grows in FRONTS for each in front(name, grows))
    if seed in SEEDS and seed not in FEWER:
        return tuple(dict.fromkeys(names + fronts)) if is_main else ()
    if is_main:
        names += fronts
        names += tuple(text for name in ATTENTION for text in (name, with_attention(name)))
        names += tuple(with_part(MAIN[0], part) for part in POOLINGS + STAGES) + ALONE
    if world == ONE_STEP:
        names += (*ATTENTION, with_attention(ATTENTION[0]), *ALONE)
    elif data == "scenes" and "noise" not in world:
        names += tuple(f"{name}+memory" for name in MEMORY)
    if world != "shifted":  # all in one step, which nothing shifts
        names += ("joint",)
    return tuple(dict.fromkeys(names))


def entries(
    data: str, seeds: Iterable[int] = SEEDS, strategies: Iterable[str] = (), worlds: Iterable[str] = ()
) -> list[Entry]:
    """Every run, seed by seed and world by world, so that a study that is cut short has whole seeds.

    Args:
        data: The data set.
        strategies: Only these, in every world; all of the study if empty.
        worlds: Only these; all of the data set if empty.

    Raises:
        UsageError: For an unknown world.
    """
    known = worlds_of(data)
    for world in worlds:
        if world not in known:
            raise unknown("world", world, known)
    found = []
    for seed in seeds:
        for world in worlds or known:
            for name in strategies or strategies_in(data, world, seed):
                if not (world == "shifted" and find_strategy(name).joint):
                    found.append(Entry(name, world, seed))
    return found
