"""The tables of the attention study, as Markdown: what the term does to each strategy, and which front lies above."""

from collections.abc import Sequence

from satkit.evaluation.fronts import front_points, height_above
from satkit.evaluation.seeds import CLASSES, Estimate, Row, difference, difference_cell, effect_table
from satkit.studies.attention_grid import BEST, FRONTS, MAIN, front, with_part
from satkit.utils.tables import RIGHT, Column, Table

BELOW = "distillation"  # the front that the others are compared with
DIFFERENCE = (
    "Mean IoU with attention transfer minus without, in percentage points, after the last step. After ±, half the 95 % "
    "interval over seeds (Student's t, pairs of one seed); bold: it excludes zero. Old: classes of the base step, "
    "background included; new: classes learnt later."
)


def markdown(rows: list[Row], about: dict) -> str:
    """All tables of the study."""
    found = [effects_markdown(rows, about), worlds_markdown(rows, about)]
    names = {row.strategy for row in rows}
    if set(front(MAIN[0], BELOW)) <= names:
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
    columns = [*map(Column, heads), *(Column(each, RIGHT, form=difference_cell) for each in CLASSES)]
    lines = [
        [world, name, term, *(difference(rows, with_part(name, part), name, world, classes) for classes in CLASSES)]
        for world in about["worlds"]
        for name in MAIN
        for term, part in variants.items()
    ]
    note = f"{_where(rows, about)} {_different(about['worlds'])}. {DIFFERENCE}"
    return Table(columns, lines, note).markdown()


def fronts_markdown(rows: list[Row], about: dict) -> str:
    """The points of every front in the main world, and how far each lies above the front of plain distillation."""
    world = next(iter(about["worlds"]))
    columns = ["strategy", "front", *(Column(head, RIGHT, form=_score) for head in ("old", "new", "all"))]
    columns = [Column(each) if isinstance(each, str) else each for each in columns]
    columns.append(Column("new, above plain distillation", RIGHT, form=_height))
    lines = [line for name in MAIN for line in _lines(rows, world, name)]
    note = (
        f"{_where(rows, about)} Mean IoU in % after the last step in the {world} world, ± half the 95 % interval over "
        "seeds. Last column: score of the new classes minus that of the front of plain distillation at the same score "
        "of the old classes, in points, pairs of one seed; bold: its interval excludes zero; beyond: seeds that keep "
        "more of the old classes than any point of that front."
    )
    return Table(columns, lines, note).markdown()


def _lines(rows: list[Row], world: str, name: str) -> list[list]:
    """The lines of one strategy: itself, then the points of its fronts."""
    fronts = {grows: front(name, grows) for grows in FRONTS}
    points = front_points(rows, world, fronts)
    below = [each for each in fronts[BELOW] if each in set(points["strategy"])]
    others = [each for each in dict.fromkeys(points["strategy"]) if each not in below]
    heights = height_above(rows, world, others, below).set_index("strategy")
    lines, shown = [], set()
    for point in points.itertuples():
        if point.strategy not in shown:
            shown.add(point.strategy)
            scores = [(getattr(point, key), getattr(point, f"{key}_half_width")) for key in ("old", "new", "all")]
            height = heights.loc[point.strategy] if point.strategy in heights.index else None
            grows = "" if point.strategy == name else point.front
            lines.append([point.strategy, grows, *scores, height])
    return lines


def _score(score: Sequence[float]) -> str:
    mean, half_width = score
    return f"{100 * mean:.1f}" + (f" ± {100 * half_width:.1f}" if half_width == half_width else "")


def _height(height) -> str:
    """A height in points, and the number of seeds that no point of the front below can be compared with."""
    found = Estimate(height["mean"], height["std"], height["half_width"], int(height["seeds"]))
    beyond = f"beyond: {int(height['beyond'])}" if height["beyond"] else ""
    if found.seeds == 0:
        return beyond or "-"
    return f"{difference_cell(found)} ({beyond})" if beyond else difference_cell(found)


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
