import json

import numpy as np
import pytest

from analogy.method.deconvolution import SubNet, prepare
from analogy.network.layers import Convolution, MaxPool
from analogy_kernels.target import CPU
from benchmarks.__main__ import Part, main
from benchmarks.convolution import (
    SUBNETS,
    direct_flops,
    layer_errors,
    least_bytes,
    onnx_session,
    product_flops,
)
from tests.analogy.tiny import tiny_network

# Twice the nine taps' products and sums, and Winograd's 36 frequencies of a tile of 16 pixels.
DIRECT, FREQUENCIES = 2 * 9, 2 * 36


def convolution(random, name, channels_in, channels_out):
    weights = random.standard_normal((3, 3, channels_in, channels_out), np.float32)
    bias = random.standard_normal(channels_out, np.float32)
    return Convolution(name, weights, bias)


@pytest.fixture
def layers(random):
    return [
        convolution(random, "first", 16, 20),
        MaxPool("pool"),
        convolution(random, "second", 20, 24),
    ]


def test_operations_of_a_subnet(layers):
    # 7 x 9 pixels, pooled to 4 x 5; tiles of 4 x 4 cover them by 2 x 3 and 1 x 2.
    banks = prepare(layers, 0, CPU).banks

    assert direct_flops(layers, (7, 9)) == DIRECT * (7 * 9 * 16 * 20 + 4 * 5 * 20 * 24)
    assert product_flops(banks, (7, 9)) == FREQUENCIES * (6 * 16 * 20 + 2 * 20 * 24)


def test_a_thin_layer_is_multiplied_out_directly(random):
    thin = [convolution(random, "thin", 3, 64)]

    assert product_flops(prepare(thin, 0, CPU).banks, (8, 12)) == direct_flops(thin, (8, 12))


def test_bytes_of_a_subnet(layers):
    maps = 7 * 9 * (16 + 20) + 4 * 5 * (20 + 24)
    # Filters lie in panels of 16 columns, of which 20 and 24 fill two, and 20 rows are filled up to
    # vectors of eight.
    filters = 36 * (16 * 32 + 24 * 32)

    assert least_bytes(prepare(layers, 0, CPU).banks, (7, 9)) == 4 * (maps + filters)


def test_onnx_runtime_computes_the_same_layers(random, layers):
    x = random.standard_normal((7, 9, 16), np.float32)

    (planes,) = onnx_session(layers, 16).run(None, {"x": x.transpose(2, 0, 1)[None].copy()})

    expected = SubNet(prepare(layers, 0, CPU), x.shape, CPU).forward(x)
    actual = planes[0].transpose(1, 2, 0)
    # Two layers, each within the 1e-5 of tests/kernels/network/test_convolution.py.
    assert np.abs(actual - expected).max() <= 2e-5 * np.abs(expected).max()


def test_errors_of_every_layer_are_small(random):
    network = tiny_network(random)
    image = random.uniform(0, 255, (40, 36, 3)).astype(np.float32)

    errors = np.array(list(layer_errors(network, image)))

    convolutions = [layer for layer in network.all_layers if not isinstance(layer, MaxPool)]
    assert errors.shape == (len(convolutions), 2, 2)
    assert (errors < 1e-5).all()
    # Float32 against float64: they are not the same.
    assert errors.max() > 1e-9


def test_the_command_prints_and_writes_every_subnet(tmp_path, capsys):
    path = tmp_path / "figures.json"

    main([Part.CONVOLUTION], side=64, rounds=1, json_file=path)

    written = json.loads(path.read_text(encoding="utf-8"))
    held = [row for row in written["figures"] if row["part"] == "convolution" and row["bar"]]
    assert len(held) == 2 * len(SUBNETS) + 2
    printed = capsys.readouterr().out
    assert all(f"{top}→{bottom or 'image'}: speed" in printed for top, bottom in SUBNETS)
    assert printed.count("holds") + printed.count("falls short") == len(held)
