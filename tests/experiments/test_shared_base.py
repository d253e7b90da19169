"""Strategies of a study take over the same base step, and never one that was learnt in another way."""

from dataclasses import replace

import pytest
from tiny import SETTINGS
from tiny_studies import opened, same, same_outcome, weights

from satkit.experiments.study_folder import StudyFolder
from satkit.strategies import SATS, STRATEGIES
from satkit.utils.errors import UsageError
from satkit.utils.names import slug

pytestmark = pytest.mark.usefixtures("tiny_preset")


class TestABase:
    def test_the_base_step_is_shared(self, undisturbed):
        base, sats = undisturbed
        assert same(weights(base, 0), weights(sats, 0))
        assert base.result() is None  # a base is no run of its own

    def test_whatever_must_come_before_a_step_is_made_ready(self, undisturbed, tmp_path):
        asked = []

        def report(total, label):
            asked.append((total, label))
            return lambda iteration: None

        run = StudyFolder(tmp_path, SETTINGS).trained("sats", report=report).run
        assert asked == [(4, "base step"), (4, "SATS, step 1")]
        assert same_outcome(run, undisturbed[1])
        fail = lambda *_: pytest.fail("everything is finished")  # noqa: E731
        StudyFolder(tmp_path, SETTINGS).trained("sats", report=fail)


class TestConfigurationsAreNotMixed:
    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"seed": 1}, "seed: 0 there, 1 asked for"),
            ({"task": "10-10"}, "task: '15-5' there, '10-10' asked for"),
            ({"setting": "disjoint"}, "setting: 'overlapped' there, 'disjoint' asked for"),
            ({"order": tuple(range(20, 0, -1))}, r"order: \[1, 2.* there, \[20, 19.* asked for"),
        ],
    )
    def test_another_setting_in_the_same_folder_is_refused(self, undisturbed, change, said):
        folder = undisturbed[0].folder.parent
        for learning in ("", "sats"):
            with pytest.raises(UsageError, match=said):
                opened(folder, learning, replace(SETTINGS, **change))

    def test_a_base_of_another_configuration_is_refused(self, undisturbed, tmp_path):
        opened(tmp_path, settings=replace(SETTINGS, seed=1)).learn(0)
        with pytest.raises(UsageError, match=r"holds a run of another configuration \(seed: 1 there, 0 asked"):
            opened(tmp_path, "sats")

    def test_a_changed_strategy_of_the_same_name_is_refused(self, undisturbed):
        stronger = replace(SATS, terms=SATS.terms[:1])
        with pytest.raises(UsageError, match=r"strategy\.terms: "):
            opened(undisturbed[0].folder.parent, stronger)

    def test_a_later_step_cannot_begin_without_a_base(self, tmp_path):
        with pytest.raises(UsageError, match="Step 0 of .*sats is not finished"):
            opened(tmp_path, "sats").learn(1)


def test_strategies_have_folders_of_their_own():
    folders = {slug(strategy.name) for strategy in STRATEGIES.values()}
    assert len(folders) == len(STRATEGIES)
    assert "base" not in folders
