"""A block of full precision inside a block of autocast."""

import pytest
import torch

from satkit.utils.precision import full_precision


def test_products_keep_their_precision_inside_autocast():
    matrix = torch.eye(2)
    with torch.autocast("cpu", torch.bfloat16):
        assert (matrix @ matrix).dtype == torch.bfloat16
        with full_precision(matrix):
            assert (matrix @ matrix).dtype == torch.float32


def test_the_meta_device_which_has_no_autocast_is_no_error():
    matrix = torch.eye(2, device="meta")
    with full_precision(matrix):
        assert (matrix @ matrix).dtype == torch.float32
    with pytest.raises(RuntimeError):
        torch.autocast("meta", enabled=False)
