"""Strategies of a study take over the same base step, and never one that was learnt in another way."""

from dataclasses import replace

import pytest
from tiny import SETTINGS
from tiny_studies import same, same_outcome, weights

from satkit.experiments.run_folder import slug
from satkit.experiments.shared_base import open_study, ready
from satkit.strategies import SATS, STRATEGIES
from satkit.utils.errors import UsageError

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

        _, run = ready(tmp_path, SETTINGS, "sats", 2, report)
        assert asked == [(4, "base step"), (4, "SATS, step 1")]
        assert same_outcome(run, undisturbed[1])
        ready(tmp_path, SETTINGS, "sats", 2, lambda *_: pytest.fail("everything is finished"))


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
                open_study(folder, replace(SETTINGS, **change), learning)

    def test_a_base_of_another_configuration_is_refused(self, undisturbed, tmp_path):
        base, run = open_study(tmp_path, replace(SETTINGS, seed=1))
        base.learn(run, 0)
        with pytest.raises(UsageError, match=r"base step in .*base has another configuration \(seed: 1 there, 0 asked"):
            open_study(tmp_path, SETTINGS, "sats")

    def test_a_changed_strategy_of_the_same_name_is_refused(self, undisturbed):
        stronger = replace(SATS, terms=SATS.terms[:1])
        with pytest.raises(UsageError, match=r"strategy\.terms: "):
            open_study(undisturbed[0].folder.parent, SETTINGS, stronger)

    def test_a_strategy_without_a_base_says_so(self, tmp_path):
        with pytest.raises(UsageError, match="There is no run in .*base"):
            open_study(tmp_path, SETTINGS, "sats")


def test_strategies_have_folders_of_their_own():
    folders = {slug(strategy.name) for strategy in STRATEGIES.values()}
    assert len(folders) == len(STRATEGIES)
    assert "base" not in folders
