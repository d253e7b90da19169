"""What the command `satkit sweep` can be given: a name of what is run."""

from satkit.notebooks.finding import find_notebook
from satkit.studies.drift_study import DriftRuns
from satkit.studies.sweep_targets import TRAIN, Notebook, Target, Training
from satkit.studies.world_runs import AttentionRuns

TARGETS = {TRAIN: Training, AttentionRuns.word: AttentionRuns, DriftRuns.word: DriftRuns}


def target(word: str) -> Target:
    """What a command names: "train", "reference", "drift", or a notebook by number, name or path.

    Raises:
        UsageError: If there is no such notebook.
    """
    return TARGETS[word]() if word in TARGETS else Notebook(find_notebook(word))
