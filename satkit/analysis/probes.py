"""What a representation still knows, what the classifier shows of it, and how far a model has moved from its teacher.

Forgetting may sit in two places. The representation may have lost what tells the old classes apart; then nobody can
find it any more. Or it is still there, and only the classifier reads it wrongly; then a *linear probe*, another
classifier trained on the frozen representation with all labels, finds it. Probes, angles and similarities are measured
on sampled places of each feature map, the drift of relations on whole images. Nothing is trained but the probe.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from satkit.data.batches import evaluation_batches
from satkit.data.labels import IGNORE
from satkit.data.step_images import StepImages
from satkit.models import AttentionTap, Segmenter
from satkit.models.classifier import read
from satkit.strategies import region_pool, resize_labels
from satkit.utils.seeding import derive

EMBEDDING = "embedding"
LESS = 1e-2  # weight decay of a probe, on features of unit variance


@dataclass(frozen=True)
class Samples:
    """Representations of sampled pixels.

    Attributes:
        features: By feature map, "stage 1" .. and "embedding", which the classifier reads: (sample, channel).
        labels: By feature map, the class of every sample.
        said: The class that the model's own classifier gives each sample of the embedding, before upsampling.
    """

    features: dict[str, Tensor]
    labels: dict[str, Tensor]
    said: Tensor | None = None


@torch.no_grad()
def samples(model: Segmenter, images: StepImages, per_image: int = 64, seed: int = 0) -> Samples:
    """Representations at random places of every image, the same places for every model with the same grids.

    Args:
        model: Looks at the images in evaluation mode.
        images: With their labels in class indices; IGNORE is never sampled.
        per_image: How many places of an image at most, of each feature map.
        seed: Decides the places.
    """
    device, training = next(model.parameters()).device, model.training
    model.eval()
    features: dict[str, list[Tensor]] = {}
    labels: dict[str, list[Tensor]] = {}
    said: list[Tensor] = []
    for shown, truth, positions in evaluation_batches(images, 16):
        output = model(shown.to(device))
        answers = _answers(model, output).flatten(1)
        maps = {f"stage {place + 1}": each for place, each in enumerate(output.features)}
        for name, values in {**maps, EMBEDDING: output.embedding}.items():
            at_place = resize_labels(truth, values.shape[-2:])
            for number, (position, cells, each) in enumerate(zip(positions, at_place, values, strict=True)):
                generator = torch.Generator().manual_seed(derive(seed, "places", name, int(position)))
                known = (cells.flatten() != IGNORE).nonzero().squeeze(1)
                chosen = known[torch.randperm(len(known), generator=generator)[:per_image]]
                features.setdefault(name, []).append(each.flatten(1).T[chosen.to(device)].float().cpu())
                labels.setdefault(name, []).append(cells.flatten()[chosen].long())
                if name == EMBEDDING:
                    said.append(answers[number, chosen.to(device)].cpu())
    model.train(training)
    joined = ({name: torch.cat(parts) for name, parts in group.items()} for group in (features, labels))
    return Samples(*joined, torch.cat(said))


def _answers(model: Segmenter, output) -> Tensor:
    """Class index of every place of the embedding, (batch, height, width), as the strategy's head is read."""
    reserved = model.classifier.reserved
    return read(output.coarse, None if reserved is None else reserved(output.embedding), output.readout)


class Probe:
    """A linear classifier on frozen features: multinomial logistic regression, every class with the same weight.

    Args:
        features: (sample, channel).
        labels: Class of every sample; those that occur can be recognised.
        iterations: Of L-BFGS, over all samples at once; nothing in it is random.
    """

    def __init__(self, features: Tensor, labels: Tensor, iterations: int = 100):
        self.classes, targets = labels.unique(return_inverse=True)
        self.mean, self.spread = features.mean(dim=0), features.std(dim=0).clamp(min=1e-6)
        known = self._standard(features)
        self.weight = torch.zeros(len(self.classes), known.shape[1], requires_grad=True)
        self.bias = torch.zeros(len(self.classes), requires_grad=True)
        balance = len(targets) / (len(self.classes) * torch.bincount(targets).float())
        optimiser = torch.optim.LBFGS(
            [self.weight, self.bias], max_iter=iterations, history_size=10, line_search_fn="strong_wolfe"
        )

        def closure():
            optimiser.zero_grad()
            loss = F.cross_entropy(known @ self.weight.T + self.bias, targets, balance)
            loss = loss + 0.5 * LESS * self.weight.square().sum()
            loss.backward()
            return loss

        optimiser.step(closure)

    @torch.no_grad()
    def predict(self, features: Tensor) -> Tensor:
        """The likeliest class of every sample."""
        return self.classes[(self._standard(features) @ self.weight.T + self.bias).argmax(dim=1)]

    def _standard(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.spread


def class_accuracy(labels: Tensor, predicted: Tensor, classes) -> float:
    """Share of a class's samples that are called so, mean over those of the classes that occur; NaN if none does."""
    shares = [(predicted[labels == each] == each).float().mean().item() for each in classes if (labels == each).any()]
    return float(np.mean(shares)) if shares else float("nan")


def probed(trained: Samples, tested: Samples, classes, name: str = EMBEDDING) -> float:
    """What a probe of one feature map finds: mean accuracy of the classes, on samples that it was not trained on."""
    probe = Probe(trained.features[name], trained.labels[name])
    return class_accuracy(tested.labels[name], probe.predict(tested.features[name]), classes)


def linear_cka(ours: Tensor, theirs: Tensor) -> float:
    """Similarity of two representations of the same samples, in [0, 1]: linear CKA.

    1 for a rotated, scaled or shifted copy. Kornblith et al., Similarity of Neural Network Representations Revisited
    (arXiv 1905.00414).

    Args:
        ours: (sample, channel). theirs: (sample, other channel).

    Raises:
        ValueError: If there is not one row per sample in both.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"Both must describe the same samples, got {len(ours)} and {len(theirs)}.")
    ours, theirs = ((each - each.mean(dim=0)).double() for each in (ours, theirs))
    together = (theirs.T @ ours).square().sum()
    alone = (ours.T @ ours).norm() * (theirs.T @ theirs).norm()
    return float(together / alone) if alone > 0 else float("nan")


def class_means(features: Tensor, labels: Tensor, count: int) -> Tensor:
    """Mean of a class's samples minus the mean over all samples, for the first `count` classes; NaN without any."""
    means = torch.full((count, features.shape[1]), float("nan"))
    for each in labels[labels < count].unique().tolist():
        means[each] = features[labels == each].mean(dim=0) - features.mean(dim=0)
    return means


def alignment(model: Segmenter, features: Tensor, labels: Tensor) -> np.ndarray:
    """Cosine between each class's weights in the classifier and the mean of its samples, (class,).

    A classifier that has drifted away from a representation that stayed has small cosines for the old classes. Both are
    centred over the classes, as softmax does not see what is common to all.

    Args:
        model: Its classifier must be linear.
        features: What the classifier reads, (sample, channel).
        labels: Class of every sample.

    Raises:
        ValueError: If the classifier has no weights to compare (deep heads).
    """
    weight, _ = model.classifier.matrix()
    if weight is None:
        raise ValueError("Only a linear classifier has weights that can be compared with class means, got deep heads.")
    weight = weight.detach().float().cpu()
    means = class_means(features, labels, len(weight))
    return F.cosine_similarity(weight - weight.mean(dim=0), means, dim=1).numpy()


@torch.no_grad()
def region_drift(teacher: Segmenter, student: Segmenter, images: StepImages, classes) -> dict[str, np.ndarray]:
    """How far the relation of each class has moved, by stage: (class, head); NaN for a class without a region there.

    The distance that `AttentionTransfer` is a mean of, with the true regions, mean over the images that show the class.

    Args:
        teacher: The model before. student: The model after.
        images: With their labels in class indices.
        classes: Class indices, a row each.

    Raises:
        BackboneError: If the backbone has no attention to tap.
    """
    device, training, classes = next(student.parameters()).device, student.training, tuple(classes)
    sums: dict[str, Tensor] = {}
    counts: dict[str, Tensor] = {}
    for shown, labels, _ in evaluation_batches(images, 16):
        taps = [model.eval()(shown.to(device), attention=True).attention for model in (teacher, student)]
        for name, distance, present in (_moved(*pair, labels.to(device), classes) for pair in zip(*taps, strict=True)):
            sums[name] = sums.get(name, 0) + (distance * present).sum(dim=0)
            counts[name] = counts.get(name, 0) + present.sum(dim=0)
    student.train(training)
    return {name: (sums[name] / counts[name]).cpu().numpy() for name in sums}


def _moved(teacher: AttentionTap, student: AttentionTap, labels: Tensor, classes: tuple) -> tuple[str, Tensor, Tensor]:
    """Name of the stage, distance of the relations (batch, region, head), and present (batch, region, 1)."""
    ours, present = region_pool(student, labels, classes)
    theirs, _ = region_pool(teacher, labels, classes)
    return student.name, torch.linalg.vector_norm(ours - theirs, dim=-1), present[..., None]


def rank_correlation(ours, theirs) -> float:
    """Spearman's rank correlation of two series, in [-1, 1]; pairs without a value are left out.

    1 where one grows whenever the other does, however they do it; NaN for fewer than three pairs or a constant.
    """
    pairs = np.array([ours, theirs], dtype=float)
    pairs = pairs[:, np.isfinite(pairs).all(axis=0)]
    if pairs.shape[1] < 3 or (pairs == pairs[:, :1]).all(axis=1).any():
        return float("nan")
    return float(np.corrcoef([_ranks(series) for series in pairs])[0, 1])


def _ranks(series: np.ndarray) -> np.ndarray:
    """Place of every value in the order, from 0; equal values share the mean of their places."""
    return np.array([(series < value).sum() + ((series == value).sum() - 1) / 2 for value in series])
