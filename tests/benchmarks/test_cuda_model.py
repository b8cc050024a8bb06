import math
from types import SimpleNamespace

import numpy as np
import pytest

from analogy.model.architecture import CHANNELS, LAYERS
from analogy_kernels.imaging import vote
from analogy_kernels.matching import patchmatch
from analogy_kernels.network import implicit_gemm, pooling
from analogy_kernels.solvers import vectors
from benchmarks.cuda_model import (
    ARITHMETIC,
    FOUR_PRODUCTS,
    H100,
    HOST_SECONDS,
    LAUNCH_SECONDS,
    MEMORY,
    OF_ELEMENT,
    ROW_OF_PATCHES,
    SECOND_CACHE,
    TRIED_IN_SEARCH,
    Work,
    elapsed,
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

    arithmetic, memory = Work(0, 66.9e12, 0, 0), Work(0, 66.9e12, 9 * 3.35e12, 0)
    # Half of what the multiprocessors' own memory gives, and four instructions a cycle of each.
    second = Work(0, 0, 0, 0, second_cache_bytes=H100.on_chip_bandwidth / 2)
    issued = Work(0, 0, 0, 0, instructions=4 * H100.on_chip_bandwidth / 128)

    assert seconds(arithmetic, full, H100) == pytest.approx(1 / ARITHMETIC)
    assert seconds(memory, full, H100) == pytest.approx(9 / MEMORY)
    assert seconds(second, full, H100) == pytest.approx(1 / SECOND_CACHE)
    assert seconds(issued, full, H100) == pytest.approx(1)
    assert seconds(Work(0, 1, 1, 1), full, H100) == LAUNCH_SECONDS


def long_launch(waits=0):
    """One that moves 12 GB, in about six milliseconds."""
    line = ShapeOnly(10**9)
    arguments = line, np.float32(1), line, line
    return Launch(vectors._add_scaled_cuda, 2048, 256, arguments, "", waits)


def test_a_device_hides_the_host_until_it_is_waited_for():
    one = seconds(work(long_launch()), 2048, H100)
    assert one > 2 * HOST_SECONDS

    queued = elapsed([long_launch()] * 3, H100)
    waited = elapsed([long_launch(), long_launch(waits=1), long_launch(waits=1)], H100)

    assert queued == pytest.approx(HOST_SECONDS + 3 * one)
    # A copy and a launch each time.
    assert waited == pytest.approx(queued + 2 * 2 * HOST_SECONDS)


def test_a_device_waits_for_launches_that_are_short():
    line = ShapeOnly(10)
    short = Launch(vectors._add_scaled_cuda, 1, 256, (line, np.float32(1), line, line), "")

    assert elapsed([short] * 5, H100) == pytest.approx(5 * HOST_SECONDS + LAUNCH_SECONDS)


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


def test_work_of_pooling_counts_its_instructions():
    source, out = ShapeOnly((8, 8, 64)), ShapeOnly((4, 4, 64))
    argmax = ShapeOnly((4, 4, 64), np.uint8)

    done = work(launch(pooling._maxpool_cuda, source, out, argmax, blocks=3))

    assert done.instructions == OF_ELEMENT["pooling._maxpool_cuda"] * 3 * 256 / 32


def test_work_of_a_search_is_read_from_the_second_cache():
    kernel = patchmatch.search_kernels().search.cuda
    maps = (ShapeOnly(6 * 7 * 128),)
    fields = ShapeOnly((6, 7, 2), np.int32), ShapeOnly((6, 7), np.int32), ShapeOnly((6, 7))
    problem = SimpleNamespace(half=1)

    # One attempt each, of which so many are compared: three rows of three pixels.
    done = work(launch(kernel, maps, maps, (128,), problem, *fields, 1, 0, 1))

    tried = 6 * 7 * TRIED_IN_SEARCH
    assert done.second_cache_bytes == pytest.approx(tried * 9 * 128 * 4 * 2)
    assert done.instructions == pytest.approx(tried * 3 * (3 * FOUR_PRODUCTS + ROW_OF_PATCHES))


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
