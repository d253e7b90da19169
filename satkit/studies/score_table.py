"""The table of scores of a study: one object, written for the terminal, for README and for the report.

A row is a strategy, a column a score in percent after the last step. The headings say what "old" and "new" run over;
the note says what the columns mean and which conventions the numbers follow.
"""

from satkit.evaluation.conventions import sentence
from satkit.scenario import DOMAIN_SETTINGS
from satkit.utils.progress import format_seconds
from satkit.utils.tables import RIGHT, Column, Table, as_markdown, in_percent, percent

# Scores of a run, and what each of them says in a few words.
COLUMNS = {
    "old": "after the last step",
    "new": "learnt later",
    "all": "seen so far",
    "forgetting": "mean drop",
    "kept": "of the base",
    "average": "over steps",
}


class ScoreTable:
    """The scores of a study in several forms.

    Args:
        result: What the study's result.json holds.
    """

    def __init__(self, result: dict):
        self.result = result
        self.settings, self.strategies = result["settings"], result["strategies"]
        self.first = next(iter(self.strategies.values()))  # conventions and machine are the same for all
        self.by_place = self.settings["setting"] in DOMAIN_SETTINGS

    def text(self, width: int | None = None) -> str:
        """For a terminal with so many characters in a line; None for the one at hand."""
        machine = self.first["machine"]
        made = f"{self.what()}, {threads(machine)} on {machine['device']}."
        return self._table(f"{made} {self.meaning()} {sentence(self.first['conventions'])}").text(width)

    def markdown(self) -> str:
        """For README and for notebooks."""
        machine = self.first["machine"]
        made = (
            f"{self.what()} (one seed), {threads(machine)} on {machine['device']}, torch "
            f"{machine['torch']}, {format_seconds(self.result['seconds'])}."
        )
        began = f"Old was {in_percent(self.first['base'])} after the base step."
        note = f"{made} {self.meaning()} {began} {sentence(self.first['conventions'])}"
        return self._table(f"`satkit study`: {as_markdown(note)}").markdown()

    def html(self) -> str:
        """For the report, which states the conventions elsewhere."""
        return self._table(f"{self.meaning()} {self.began()}".strip()).html()

    def ranges(self) -> dict[str, str]:
        """What "old", "new" and "all" run over: class indices, or places where these are what arrives."""
        if self.by_place:
            return dict.fromkeys(("old", "new", "all"), "places")
        base, added = self.result["base_classes"], self.result["added_classes"]
        return {
            "old": f"{0 if self.first['conventions']['background_in_old'] else 1}-{base[-1]}",
            "new": f"{added[0]}-{added[-1]}" if added else "",
            "all": f"0-{(added or base)[-1]}",
        }

    def what(self) -> str:
        """What was run, in a few words."""
        settings = self.settings
        scenario = f"{settings['data']} {settings['task']} {settings['setting']}"
        return f"{scenario}, preset {settings['preset']}, seed {settings['seed']}"

    def meaning(self) -> str:
        """What the columns are, in two sentences."""
        if self.by_place:
            return (
                "Mean IoU in % after the last step. Old: on the places of the base step; new: on those that came "
                "later; forgetting: mean drop of a place from its best earlier step; kept: share of old that is left "
                "since the base step; average: all, averaged over steps."
            )
        background = "included" if self.first["conventions"]["background_in_old"] else "excluded"
        return (
            f"Mean IoU in % after the last step. Old: classes of the base step, background {background}; new: classes "
            "learnt later; forgetting: mean drop of a class from its best earlier step; kept: share of the base "
            "classes' mean IoU that is left, background excluded; average: all, averaged over steps."
        )

    def began(self) -> str:
        """The old classes' score after the base step, as a sentence; empty if no strategy learns step by step."""
        stepwise = {name: scores["base"] for name, scores in self.strategies.items() if len(scores["steps"]) > 1}
        old = "the old places" if self.by_place else "the old classes"
        if len(set(stepwise.values())) > 1:
            each = ", ".join(f"{percent(score)} ({name})" for name, score in stepwise.items())
            return f"After their base steps {old} had {each}."
        return f"After the base step {old} had {percent(next(iter(stepwise.values())))}." if stepwise else ""

    def _table(self, note: str) -> Table:
        over = self.ranges()
        heads = {key: key if key == "all" else f"{key} {over.get(key, '')}".strip() for key in COLUMNS}
        below = {**COLUMNS, "all": f"{COLUMNS['all']}, {over['all']}"}
        columns = [Column(heads[key], RIGHT, below[key], form=in_percent) for key in COLUMNS]
        rows = [[name, *(scores[key] for key in COLUMNS)] for name, scores in self.strategies.items()]
        return Table([Column("strategy"), *columns], rows, note)


def threads(machine: dict) -> str:
    """How many threads torch used, in words, and how many processes if there were several."""
    used = f"{machine['threads']} thread" + ("" if machine["threads"] == 1 else "s")
    several = machine.get("processes", 1)  # earlier runs do not have it
    return used if several == 1 else f"{several} processes with {used} each"
