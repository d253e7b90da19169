"""The tables of the attention study, as Markdown: what the term does to each strategy, and what its fronts reach."""

from collections.abc import Sequence

from satkit.evaluation.fronts import front_points
from satkit.evaluation.seeds import CLASSES, Row, difference, difference_cell, effect_table, score
from satkit.studies.attention_grid import ALONE, ATTENTION, BEST, FRONTS, MAIN, ONE_STEP, front, with_part
from satkit.utils.tables import RIGHT, Column, Table

STRONGER = ("distillation=20", "distillation=40")  # what every point of a front is compared with
DIFFERENCE = (
    "Mean IoU with attention transfer minus without, in percentage points, after the last step. After ±, half the 95 % "
    "interval over seeds (Student's t, pairs of one seed); bold: it excludes zero. Old: classes of the base step, "
    "background included; new: classes learnt later."
)


def markdown(rows: list[Row], about: dict) -> str:
    """All tables of the study."""
    found = [effects_markdown(rows, about), worlds_markdown(rows, about), scores_markdown(rows, about)]
    names = {row.strategy for row in rows}
    if {with_part(MAIN[0], part) for part in STRONGER} <= names:
        found.append(fronts_markdown(rows, about))
    return "\n\n".join(found)


def effects_markdown(rows: list[Row], about: dict) -> str:
    """What attention transfer does to each strategy, over the seeds and in the worlds that have all of them."""
    pairs, there = about["with_attention"], {(row.strategy, row.world, row.seed) for row in rows}
    wanted, seeds = {*pairs, *pairs.values()}, {row.seed for row in rows}
    having = {
        world: {seed for seed in seeds if all((name, world, seed) in there for name in wanted)}
        for world in about["worlds"]
    }
    worlds = [world for world in about["worlds"] if having[world]]
    some = [row for row in rows if row.strategy in wanted and row.seed in having.get(row.world, ())]
    return effect_table(some, pairs, worlds, f"{_where(some, about)} {DIFFERENCE}").markdown()


def worlds_markdown(rows: list[Row], about: dict) -> str:
    """What attention transfer does to the main strategies in every world: the paper's term and the chosen one."""
    variants = {"attention=20 (paper)": "attention=20", BEST: BEST}
    heads = ["world", "strategy", "term"]
    columns = [*map(Column, heads), *(Column(each, RIGHT, form=difference_cell, markup=True) for each in CLASSES)]
    lines = [
        [world, name, term, *(difference(rows, with_part(name, part), name, world, classes) for classes in CLASSES)]
        for world in about["worlds"]
        for name in MAIN
        for term, part in variants.items()
    ]
    note = f"{_where(rows, about)} {_different(about['worlds'])}. {DIFFERENCE}"
    return Table(columns, lines, note).markdown()


def scores_markdown(rows: list[Row], about: dict) -> str:
    """Strategies without attention transfer: all, in the main world and that of the default study, if it is there.

    Otherwise the main strategies in all worlds.
    """
    worlds, names = tuple(about["worlds"]), MAIN
    if ONE_STEP in {row.world for row in rows}:
        worlds, names = (worlds[0], ONE_STEP), (*ATTENTION, *ALONE)
    names = ("fine-tuning", *names, "joint")
    common = {row.seed for row in rows if row.world == worlds[-1]}  # the main world has more seeds in its fronts
    some = [row for row in rows if row.strategy in names and row.world in worlds and row.seed in common]
    columns = [(world, classes) for world in worlds for classes in CLASSES]
    heads = [Column(f"{world}: {classes}", RIGHT, form=_score) for world, classes in columns]
    found = {name: [score(some, name, world, classes) for world, classes in columns] for name in names}
    lines = [[name, *((each.mean, each.half_width) for each in scores)] for name, scores in found.items()]
    note = (
        f"{_where(some, about)} {_different({world: about['worlds'][world] for world in worlds})}. Mean IoU in % after "
        "the last step, ± half the 95 % interval over seeds. Old: classes of the base step, background included; new: "
        "classes learnt later."
    )
    return Table([Column("strategy"), *heads], lines, note).markdown()


def fronts_markdown(rows: list[Row], about: dict) -> str:
    """The points of every front in the main world, beside those of stronger distillation."""
    world = next(iter(about["worlds"]))
    scores = [Column(head, RIGHT, form=_score) for head in CLASSES]
    heads = [f"- {part}: {classes}" for part in STRONGER for classes in ("old", "new")]
    differences = [Column(head, RIGHT, form=difference_cell, markup=True) for head in heads]
    columns = [Column("strategy"), Column("front"), *scores, *differences]
    lines = [line for name in MAIN for line in _lines(rows, world, name)]
    note = (
        f"{_where(rows, about)} Mean IoU in % after the last step in the {world} world, ± half the 95 % interval over "
        "seeds. Last four columns: the strategy minus the same one with stronger distillation, in points, pairs of one "
        "seed; bold: the interval excludes zero."
    )
    return Table(columns, lines, note).markdown()


def _lines(rows: list[Row], world: str, name: str) -> list[list]:
    """The lines of one strategy: itself, then the points of its fronts."""
    points = front_points(rows, world, {grows: front(name, grows) for grows in FRONTS})
    lines = []
    for point in points.drop_duplicates("strategy").itertuples():
        scores = [(getattr(point, key), getattr(point, f"{key}_half_width")) for key in CLASSES]
        minus = [
            None if point.strategy == than else difference(rows, point.strategy, than, world, classes)
            for than in (with_part(name, part) for part in STRONGER)
            for classes in ("old", "new")
        ]
        lines.append([point.strategy, "" if point.strategy == name else point.front, *scores, *minus])
    return lines


def _score(found: Sequence[float]) -> str:
    mean, half_width = found
    if mean != mean:
        return "-"
    return f"{100 * mean:.1f}" + (f" ± {100 * half_width:.1f}" if half_width == half_width else "")


def _where(rows: list[Row], about: dict) -> str:
    """Which runs these are and where they were made."""
    settings, machine = about["settings"], about["machine"]
    seeds = ", ".join(str(seed) for seed in sorted({row.seed for row in rows}))
    threads = "1 thread" if machine["threads"] == 1 else f"{machine['threads']} threads"
    missing = f"; {len(about['missing'])} runs are still missing" if about["missing"] else ""
    where = f"{settings['data']} {settings['task']} {settings['setting']}, preset {settings['preset']}"
    made = f"{threads} each on {machine['device']}, torch {machine['torch']}"
    return f"`satkit reference`: {where}, seeds {seeds}, {len(rows)} runs{missing}, {made}."


def _different(worlds: dict[str, dict]) -> str:
    """What each world changes, in words."""
    changes = {name: ", ".join(f"{key} {value}" for key, value in each.items()) for name, each in worlds.items()}
    return "; ".join(f"{name} world: {change or 'the settings as they are'}" for name, change in changes.items())
