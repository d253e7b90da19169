"""What a representation still knows, and what the classifier shows of it: probes, angles, and similarity of stages.

Forgetting may sit in two places. The representation may have lost what tells the old classes apart; then nobody can
find it any more. Or it is still there, and only the classifier reads it wrongly; then a *linear probe*, another
classifier trained on the frozen representation with all labels, finds it. Everything here is measured on sampled
pixels, on the grid of each feature map, and trains nothing but the probe.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from satkit.data.labels import IGNORE
from satkit.data.loading import StepImages, evaluation_batches
from satkit.models import Segmenter
from satkit.seeding import derive
from satkit.strategies import resize_labels

EMBEDDING = "embedding"
LESS = 1e-2  # weight decay of a probe, on features of unit variance


@dataclass(frozen=True)
class Samples:
    """Representations of sampled pixels.

    Attributes:
        features: By feature map, "stage 1" .. and "embedding", which the classifier reads: (sample, channel).
        labels: By feature map, the class of every sample.
    """

    features: dict[str, Tensor]
    labels: dict[str, Tensor]


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
    for shown, truth, positions in evaluation_batches(images, 16):
        output = model(shown.to(device))
        maps = {f"stage {place + 1}": each for place, each in enumerate(output.features)}
        for name, values in {**maps, EMBEDDING: output.embedding}.items():
            at_place = resize_labels(truth, values.shape[-2:])
            for position, cells, each in zip(positions, at_place, values, strict=True):
                generator = torch.Generator().manual_seed(derive(seed, "places", name, int(position)))
                known = (cells.flatten() != IGNORE).nonzero().squeeze(1)
                chosen = known[torch.randperm(len(known), generator=generator)[:per_image]]
                features.setdefault(name, []).append(each.flatten(1).T[chosen.to(device)].float().cpu())
                labels.setdefault(name, []).append(cells.flatten()[chosen].long())
    model.train(training)
    return Samples(*({name: torch.cat(parts) for name, parts in group.items()} for group in (features, labels)))


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


@torch.no_grad()
def read_by_classifier(model: Segmenter, features: Tensor) -> Tensor:
    """What the model's own linear classifier calls the samples of its embedding.

    Raises:
        ValueError: If the classifier has deep heads, which look beyond a single place.
    """
    weight, bias = model.classifier.matrix()
    if weight is None:
        raise ValueError("Only a linear classifier can read single places, got deep heads.")
    return (features @ weight.float().cpu().T + bias.float().cpu()).argmax(dim=1)


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
