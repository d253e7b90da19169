"""Where forgetting sits: linear probes, classifier alignment, similarity of representations, drift of relations.

The representation may no longer separate the old classes. Or it still does, and only the classifier reads it wrongly;
then a *linear probe*, another classifier trained on the frozen representation with all labels, recognises them. Probes,
cosines and similarities are measured at sampled positions of each feature map, the drift of relations on whole images.
Only the probe is trained.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from satkit.data.batches import evaluation_batches
from satkit.data.labels import IGNORE
from satkit.data.step_images import StepImages
from satkit.models import Segmenter
from satkit.models.classifier import read
from satkit.strategies import relation_distance, resize_labels
from satkit.utils.seeding import derive

EMBEDDING = "embedding"
WEIGHT_DECAY = 1e-2  # of a probe, on features of unit variance


@dataclass(frozen=True)
class Samples:
    """Representations of sampled pixels.

    Attributes:
        features: By feature map, "stage 1" .. and "embedding", which the classifier reads: (sample, channel).
        labels: By feature map, the class of every sample.
        predicted: The class that the model itself predicts for each sample of the embedding, before upsampling.
    """

    features: dict[str, Tensor]
    labels: dict[str, Tensor]
    predicted: Tensor | None = None


@torch.no_grad()
def samples(model: Segmenter, images: StepImages, per_image: int = 64, seed: int = 0) -> Samples:
    """Representations at random positions of every image, the same for every model with the same grids.

    Args:
        model: Is run in evaluation mode.
        images: With their labels in class indices; IGNORE is never sampled.
        per_image: Largest number of positions in an image, for each feature map.
        seed: Decides the positions.
    """
    device, training = next(model.parameters()).device, model.training
    model.eval()
    features: dict[str, list[Tensor]] = {}
    labels: dict[str, list[Tensor]] = {}
    predicted: list[Tensor] = []
    for shown, truth, positions in evaluation_batches(images, 16):
        output = model(shown.to(device))
        classes = _classes(model, output).flatten(1)
        maps = {f"stage {number}": each for number, each in enumerate(output.features, start=1)}
        for name, values in {**maps, EMBEDDING: output.embedding}.items():
            at_cell = resize_labels(truth, values.shape[-2:])
            for number, (position, cells, each) in enumerate(zip(positions, at_cell, values, strict=True)):
                generator = torch.Generator().manual_seed(derive(seed, "places", name, int(position)))
                known = (cells.flatten() != IGNORE).nonzero().squeeze(1)
                chosen = known[torch.randperm(len(known), generator=generator)[:per_image]]
                features.setdefault(name, []).append(each.flatten(1).T[chosen.to(device)].float().cpu())
                labels.setdefault(name, []).append(cells.flatten()[chosen].long())
                if name == EMBEDDING:
                    predicted.append(classes[number, chosen.to(device)].cpu())
    model.train(training)
    joined = ({name: torch.cat(parts) for name, parts in group.items()} for group in (features, labels))
    return Samples(*joined, torch.cat(predicted))


def _classes(model: Segmenter, output) -> Tensor:
    """Class index at every position of the embedding, (batch, height, width), by the readout of the strategy's head."""
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
            loss = loss + 0.5 * WEIGHT_DECAY * self.weight.square().sum()
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
    """Share of a class's samples that are predicted right, mean over the classes that occur; NaN if none does."""
    shares = [(predicted[labels == each] == each).float().mean().item() for each in classes if (labels == each).any()]
    return float(np.mean(shares)) if shares else float("nan")


def probed(trained: Samples, tested: Samples, classes, name: str = EMBEDDING) -> float:
    """Mean accuracy of a probe of one feature map over the classes, on samples that it was not trained on."""
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

    If the representation stayed and the classifier drifted, the old classes have small cosines. From the weights their
    mean over all classes is subtracted, because softmax ignores what all classes share, and from the means that over
    all samples.

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

    The distance is `relation_distance` with the true regions, averaged over the images that show the class.

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
        for theirs, ours in zip(*taps, strict=True):
            distance, present = relation_distance(ours, theirs, labels.to(device), classes)
            sums[ours.name] = sums.get(ours.name, 0) + (distance * present[..., None]).sum(dim=0)
            counts[ours.name] = counts.get(ours.name, 0) + present[..., None].sum(dim=0)
    student.train(training)
    return {name: (sums[name] / counts[name]).cpu().numpy() for name in sums}


def rank_correlation(ours, theirs) -> float:
    """Spearman's rank correlation of two series, in [-1, 1]; pairs without a value are left out.

    1 if one always grows when the other does; NaN for fewer than three pairs or a constant series.
    """
    pairs = np.array([ours, theirs], dtype=float)
    pairs = pairs[:, np.isfinite(pairs).all(axis=0)]
    if pairs.shape[1] < 3 or (pairs == pairs[:, :1]).all(axis=1).any():
        return float("nan")
    return float(np.corrcoef([_ranks(series) for series in pairs])[0, 1])


def _ranks(series: np.ndarray) -> np.ndarray:
    """Rank of every value, from 0; equal values share their mean rank."""
    return np.array([(series < value).sum() + ((series == value).sum() - 1) / 2 for value in series])
