"""Attention and label maps as few bytes: what a browser gets instead of floats, and how exact it is.

A weight v in a row whose largest weight is p becomes the code c = round(255 * sqrt(v / p)), and the code means
p * (c / 255) ** 2. The root gives small weights more codes, so that they keep their ratio to each other. A weight is
wrong by at most `WORST` of the largest weight in its row, which is one of 256 colours; and one that is as large as a
tenth of it by at most 1.3 % of itself.
"""

import numpy as np

TOP = 255
WORST = 1 / TOP + 1 / (4 * TOP**2)  # of the largest weight in a row
LONGEST_RUN = 256


def encoded(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The codes of attention rows, uint8 (..., key), and the largest weight of each row, float32 (...).

    Args:
        weights: Softmax weights (..., key), finite and >= 0.

    Raises:
        ValueError: For other weights.
    """
    weights = np.asarray(weights, dtype=np.float32)
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError(f"Attention weights must be finite and >= 0, got {weights.min()} to {weights.max()}.")
    peaks = weights.max(axis=-1)
    shares = weights / np.where(peaks > 0, peaks, 1)[..., None]
    return np.rint(TOP * np.sqrt(shares)).astype(np.uint8), peaks


def decoded(codes: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """What the codes of attention rows mean, float32 (..., key)."""
    return peaks[..., None] * np.square(codes.astype(np.float32) / TOP)


def label_runs(labels: np.ndarray) -> bytes:
    """A label map, row after row, as pairs of bytes: a label, and how often it follows itself (at most 255 times)."""
    flat = np.asarray(labels, dtype=np.uint8).ravel()
    ends = np.append(np.flatnonzero(np.diff(flat)) + 1, flat.size)
    pairs, start = [], 0
    for end in ends.tolist():
        while start < end:
            length = min(end - start, LONGEST_RUN)
            pairs += [int(flat[start]), length - 1]
            start += length
    return bytes(pairs)


def labels_from(runs: bytes) -> np.ndarray:
    """The label map that `label_runs` wrote, as one row, uint8."""
    pairs = np.frombuffer(runs, dtype=np.uint8).reshape(-1, 2)
    return np.repeat(pairs[:, 0], pairs[:, 1].astype(int) + 1)
