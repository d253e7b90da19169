"""What a lesson works with: its settings, and the models that it shows or trains.

A lesson begins with `lesson = Lesson(globals())`, which reads the parameters in the cell above.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from satkit.experiments.experiment import Experiment
from satkit.experiments.kit_models import kit_model
from satkit.experiments.plan import Plan
from satkit.experiments.settings import Settings, chosen
from satkit.experiments.study_folder import StudyFolder, existing_study, open_study, with_labels
from satkit.plots.text import undrawable
from satkit.strategies import Strategy
from satkit.utils.errors import UsageError


class Lesson:
    """Settings and models of a lesson.

    Args:
        parameters: Every name that is defined so far. `study` is the name or folder of a study; the settings among
            the others must agree with those of the study.

    Raises:
        UsageError: If a parameter is no allowed value, or contradicts the study.
    """

    def __init__(self, parameters: Mapping[str, object]):
        self.named = str(parameters.get("study", ""))
        self.study: StudyFolder = open_study(self.named, chosen(parameters))
        self._said: set[str] = set()

    @property
    def settings(self) -> Settings:
        """Data, scenario, preset and seed."""
        return self.study.settings

    @property
    def figures(self) -> Path:
        """The folder for figures that the report of the study will show."""
        return self.study.folder / "figures"

    def with_settings(self, **changed) -> "Lesson":
        """The same lesson with other settings, such as `seed=1`, in the study that is named after them."""
        return Lesson(vars(replace(self.settings, **with_labels(changed, self.settings))))

    def plan(self, strategy: str | Strategy = "fine-tuning") -> Plan:
        """What a strategy would be trained on; nothing is trained. Says if figures cannot show the names of classes."""
        plan = self.study.plan(strategy)
        self._say(undrawable(plan.data.class_names))
        return plan

    def models(self, strategy: str | Strategy, steps: int | None = None) -> Experiment:
        """Trained models to look at: those of the study that was named, else the kit's, else trained now.

        Says which they are.

        Args:
            strategy: A strategy, or the name of one.
            steps: How many steps must be finished; None for all.

        Raises:
            UsageError: If the study that was named does not exist.
        """
        if self.named:
            existing_study(self.named)
            return self.trained(strategy, steps)
        plan = self.plan(strategy)
        kit = kit_model(plan)
        if kit is None:
            return self.trained(strategy, steps)
        self._say(f"Models: those that come with the kit ({self._described(plan)}).")
        return kit

    def trained(self, strategy: str | Strategy, steps: int | None = None) -> Experiment:
        """Models of the study; what is missing is trained now. Says where they are."""
        self._begin(self.plan(strategy))
        return self.study.trained(strategy, steps)

    def trained_base(self, strategy: str | Strategy = "fine-tuning") -> Experiment:
        """The base step of a strategy; it is trained now if it is not finished. Says where it is."""
        self._begin(self.plan(strategy))
        return self.study.train_base(strategy)

    def base(self, strategy: str | Strategy = "fine-tuning") -> Experiment:
        """The base step of a strategy, as it is: not begun, begun or finished.

        Raises:
            UsageError: If the study was given its base step, so that none is trained.
        """
        if self.settings.base_model:
            raise UsageError(
                f"The study {self.study.folder.name} was given its base step, {self.settings.base_model}, and trains "
                "none. Open a lesson about a later step, such as 07."
            )
        self.study.remember_settings()
        return self.study.base(strategy)

    def _begin(self, plan: Plan) -> None:
        self.study.remember_settings()
        self._say(f"Models: those of the study {self.study.folder.name} ({self._described(plan)}).")

    def _described(self, plan: Plan) -> str:
        settings = self.settings
        return f"{settings.data} {plan.task}, preset {settings.preset}, seed {settings.seed}"

    def _say(self, text: str) -> None:
        if text and text not in self._said:
            self._said.add(text)
            print(text)
