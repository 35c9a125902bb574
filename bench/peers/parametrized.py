"""As many plain pytest items: the least that pytest takes for them, with the same share of failures and no report."""

import os

import pytest


@pytest.mark.parametrize("index", range(int(os.environ["BENCH_PAIRS"])))
def test_pair(index: int) -> None:
    assert index % 20
    assert index % 50
