"""satkit: a notebook study kit for continual semantic segmentation with self-attention transfer (SATS)."""

__version__ = "0.1.0"
