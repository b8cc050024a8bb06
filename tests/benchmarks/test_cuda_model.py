import math

import numpy as np
import pytest

from analogy.model.architecture import CHANNELS, LAYERS
from analogy_kernels.imaging import vote
from analogy_kernels.network import implicit_gemm
from analogy_kernels.solvers import vectors
from benchmarks.cuda_model import (
    EFFICIENCY,
    H100,
    LAUNCH_SECONDS,
    Work,
    network_work,
    occupancy,
    resident_blocks,
    seconds,
    work,
)
from benchmarks.cuda_trace import Launch, ShapeOnly

HOPPER = (9, 0)


@pytest.mark.parametrize(
    ("threads", "registers", "shared", "blocks"),
    [
        (256, 32, 0, 8),  # 64 warps
        (32, 16, 0, 32),  # 32 blocks
        (256, 128, 0, 2),  # 65536 registers
        (256, 33, 0, 6),  # 40 registers a thread, as they are given out
        (128, 32, 48 * 1024, 4),  # 228 KiB
    ],
)
def test_blocks_of_a_multiprocessor(threads, registers, shared, blocks):
    assert resident_blocks(HOPPER, threads, registers, shared) == blocks


def test_occupancy_is_a_share_of_all_warps():
    assert occupancy(HOPPER, 256, 32, 0) == 1
    assert occupancy(HOPPER, 256, 128, 0) == 0.25


def test_peaks_of_shared_memory_follow_from_the_clock():
    # 128 bytes at each of 132 multiprocessors, 1.98 GHz.
    assert H100.on_chip_bandwidth == pytest.approx(33.45e12, rel=1e-3)


def test_the_slowest_resource_decides():
    full = 132 * 100

    assert seconds(Work(0, 66.9e12, 0, 0), full, H100) == pytest.approx(1 / EFFICIENCY)
    assert seconds(Work(0, 66.9e12, 2 * 3.35e12, 0), full, H100) == pytest.approx(2 / EFFICIENCY)
    assert seconds(Work(0, 1, 1, 1), full, H100) == LAUNCH_SECONDS


def test_a_wave_takes_as_long_as_a_full_one():
    busy = Work(0, 66.9e12, 0, 0)

    assert seconds(busy, 133, H100) == pytest.approx(2 * 132 / 133 * seconds(busy, 132, H100))


def launch(kernel, *arguments, blocks=1):
    return Launch(kernel, blocks, 256, arguments, "")


def test_work_of_a_convolution():
    gemm, shape, channels_in = implicit_gemm, (30, 40, 96), 64
    read = gemm._unmasked(gemm._read_four)
    kernel = gemm._convolution(gemm.LARGE, read, gemm._bias, gemm._relu, gemm._write_four)
    packed = gemm.pack(np.zeros((3, 3, channels_in, shape[2]), np.float32))
    source, filters = ShapeOnly(30 * 40 * channels_in), ShapeOnly(packed.size)
    out = ShapeOnly(math.prod(shape))

    done = work(launch(kernel, source, source, channels_in, filters, None, out, *shape))

    assert done.flops == 2 * 9 * math.prod(shape) * channels_in
    assert done.flops <= done.executed < 4 * done.flops
    assert done.device_bytes == source.nbytes + filters.nbytes + out.nbytes


def test_work_of_a_plain_kernel_is_its_arrays():
    line = ShapeOnly(1000)

    done = work(launch(vectors._add_scaled_cuda, line, np.float32(1), line, line))

    assert done.device_bytes == 12_000


def test_work_of_votes():
    source, nnf = ShapeOnly((7, 8, 3)), ShapeOnly((5, 6, 2), np.int32)
    out, rounding = ShapeOnly((5, 6, 3)), np.float32(0)
    moved = 4 * (7 * 8 * 3 + 5 * 6 * 2 + 5 * 6 * 3)

    plain = work(launch(vote._vote_cuda, source, nnf, 1, rounding, out))
    alike = work(launch(vote._vote_alike_cuda, source, nnf, 1, np.float32(1), rounding, out))

    # Nine votes for each of 90 values; one is weighed by three differences, squared and added.
    assert plain.flops == 9 * 90
    assert alike.flops == 9 * 90 * (3 * 3 + 6)
    assert plain.device_bytes == alike.device_bytes == moved


def test_work_of_the_network():
    # Simonyan and Zisserman's network E takes 19.6 billion multiply-adds at 224x224; its layers
    # beyond conv5_1 have 3 * 512 * 512 * 9 * 14 * 14 and the fully connected 123.6 million.
    beyond = 3 * 512 * 512 * 9 * 14 * 14 + 123.6e6

    done = network_work(LAYERS, CHANNELS, (224, 224))

    assert done.flops / 2 + beyond == pytest.approx(19.6e9, rel=5e-3)


def test_arrays_without_memory_have_numpys_shapes():
    array = ShapeOnly((3, 4, 5), np.uint8)

    assert array.nbytes == 60
    assert array[1:, 2].shape == (2, 5)
    assert array.reshape(6, -1).shape == (6, 10)
    assert math.prod(array.reshape(60).shape) == array.size
