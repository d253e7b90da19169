"""The best weights of a step instead of the last: published code often chooses them, and often on the test images."""

from collections.abc import Callable

from satkit.experiments.run_folder import Run
from satkit.models import Segmenter
from satkit.training import Iteration
from satkit.utils.files import load_tensors, save_tensors

TRIALS = 10  # in a step, evenly spread; the last iteration is one of them


class BestWeights:
    """Scores the student at some iterations of a step, and keeps the best weights in the run's folder.

    What is reported is a function of the iteration's number, so a step that goes on from a checkpoint finds the same
    best weights as one that was never interrupted. A tie goes to the earlier iteration.

    Args:
        score: The higher, the better; called with the student as it is.
    """

    def __init__(self, run: Run, step: int, student: Segmenter, score: Callable[[Segmenter], float]):
        self.path = run.step_folder(step) / "best.safetensors"
        self.student, self.score = student, score
        self.best = load_tensors(self.path)[1]["score"] if self.path.exists() else float("-inf")

    def __call__(self, iteration: Iteration) -> None:
        if iteration.number % max(1, iteration.total // TRIALS) and iteration.number != iteration.total:
            return
        score = self.score(self.student)
        if score > self.best:
            self.best = score
            self.path.parent.mkdir(parents=True, exist_ok=True)
            save_tensors(self.path, self.student.state_dict(), {"iteration": iteration.number, "score": score})

    def put_back(self) -> int:
        """Give the student its best weights; returns the iteration that they are from."""
        weights, header = load_tensors(self.path)
        self.student.load_state_dict(weights)
        return header["iteration"]
