"""The best weights of a step instead of the last: published code often chooses them, and often on the test images."""

from collections.abc import Callable

from satkit.experiments.in_progress import load_in_progress, save_in_progress
from satkit.experiments.run_folder import BEST, Run
from satkit.models import Segmenter
from satkit.training import Iteration
from satkit.utils.files import DamagedFile

TRIALS = 10  # in a step, evenly spread; the last iteration is one of them


def is_trial(iteration: Iteration) -> bool:
    """Whether the weights after an iteration are scored."""
    every = max(1, iteration.total // TRIALS)
    return iteration.number % every == 0 or iteration.number == iteration.total


class BestWeights:
    """Scores the student at some iterations of a step, and keeps the best weights in the run's folder.

    What is reported is a function of the iteration's number, so a step that goes on from a checkpoint finds the same
    best weights as one that was never interrupted. A tie goes to the earlier iteration.

    Args:
        score: The higher, the better; called with the student as it is.
        done: Iterations that the step goes on from.
        total: Iterations in the step.

    Raises:
        DamagedFile: If the best weights of the iterations that are done are damaged or missing.
    """

    def __init__(
        self, run: Run, step: int, student: Segmenter, score: Callable[[Segmenter], float], done: int, total: int
    ):
        self.run, self.step, self.student, self.score = run, step, student, score
        found = load_in_progress(run, step, BEST)
        if found is None and done >= max(1, total // TRIALS):
            raise DamagedFile(run.step_folder(step) / BEST, "is missing", "It cannot be made again from a checkpoint.")
        self.best = found[1]["score"] if found else float("-inf")

    def __call__(self, iteration: Iteration) -> None:
        if not is_trial(iteration):
            return
        score = self.score(self.student)
        if score > self.best:
            self.best = score
            self.run.step_folder(self.step).mkdir(parents=True, exist_ok=True)
            header = {"iteration": iteration.number, "score": score}
            save_in_progress(self.run, self.step, BEST, self.student.state_dict(), header)

    def put_back(self) -> int:
        """Give the student its best weights; returns the iteration that they are from."""
        weights, header = load_in_progress(self.run, self.step, BEST)
        self.student.load_state_dict(weights)
        return header["iteration"]


class ScoredByAll:
    """What the other processes of a training do while the first keeps the best weights: each scores its images."""

    def __init__(self, student: Segmenter, score: Callable[[Segmenter], float]):
        self.student, self.score = student, score

    def __call__(self, iteration: Iteration) -> None:
        if is_trial(iteration):
            self.score(self.student)

    def put_back(self) -> None:
        """Nothing: the best weights come from the first process."""
