"""A sweep is told by a word what it runs."""

import pytest

from satkit.studies.drift_study import DriftRuns
from satkit.studies.sweep_choice import target
from satkit.studies.sweep_targets import Notebook, Training
from satkit.studies.world_runs import AttentionRuns
from satkit.utils.errors import UsageError


@pytest.mark.parametrize(
    ("word", "kind"), [("train", Training), ("reference", AttentionRuns), ("drift", DriftRuns), ("07", Notebook)]
)
def test_a_word_names_one_kind_of_run(word, kind):
    found = target(word)
    assert isinstance(found, kind)
    assert isinstance(found, Notebook) or found.word == word


def test_what_is_no_word_must_be_a_notebook():
    with pytest.raises(UsageError, match="Unknown notebook 'trian'"):
        target("trian")
