"""How long kernel launches would take on a device: modelled, not measured.

A launch takes as long as the slowest of five things: arithmetic, issuing instructions, device
memory, the second cache, and the shared memory and first cache of the multiprocessors, each at a
stated share of its peak. Work is shared out in whole blocks, so that the last, partly filled wave
of blocks counts in full. A transfer takes longer than its launches: the host needs its time for
each, and where it waits for a number the device is idle until there is something queued again.

The shares are those that an H100 was measured at, by the table in docs/performance.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from analogy_kernels.network import implicit_gemm
from benchmarks.cuda_trace import ShapeOnly, closure

# Shares of the peaks that kernels reach. Arithmetic: of both convolutions, 256 ms measured. Memory
# and on-chip memory: of the solver's directions and inner products, 41 ms measured. Second cache:
# of the random search, 36 ms measured; it reads patches as a propagation does.
ARITHMETIC, MEMORY, ON_CHIP, SECOND_CACHE = 0.48, 0.6, 0.6, 0.42

# What a launch takes of a device at least: NVIDIA's figure for short kernels in a row ("Getting
# Started with CUDA Graphs", 2019) is 3.8 microseconds.
LAUNCH_SECONDS = 5e-6

# What a launch takes of the host, and a copy of some numbers to it: measured beside an H100.
HOST_SECONDS = 1e-4

# Instructions of a warp, from machine code for capability 9.0: of four multiply-adds a lane in a
# row of two patches, of all else in the row, and of a whole thread of kernels over elements.
FOUR_PRODUCTS, ROW_OF_PATCHES = 37 / 4, 90
OF_ELEMENT = {
    "pooling._maxpool_cuda": 184,
    "pooling._maxpool_backward_cuda": 144,
    "warp._warp_cuda": 136,
}

# Shares of PatchMatch's candidates that are multiplied out, of all rows of all patches: the rest
# is passed over or given up early. Counted on the CPU, examples/castle.png and church.png at 160
# pixels a side, 0.08 to 0.12 and 0.59 to 0.81 by level.
TRIED_IN_PROPAGATION = 0.11
TRIED_IN_SEARCH = 0.64

# Of a multiprocessor in a cycle: bytes from its own memory and from the second cache, and
# instructions of a warp, one a scheduler (NVIDIA's white papers on V100, A100 and H100).
_BYTES_PER_CYCLE, _FROM_SECOND_CACHE, _INSTRUCTIONS = 128, 64, 4
_WARP = 32


@dataclass(frozen=True)
class Device:
    """Published figures of a device.

    Attributes
    ----------
    name : str
    multiprocessors, lanes : int
        And FP32 lanes of each.
    flops : float
        Single-precision peak per second, a multiply-add counted as two.
    bandwidth : float
        Of the device memory, bytes per second.
    """

    name: str
    multiprocessors: int
    lanes: int
    flops: float
    bandwidth: float

    @property
    def on_chip_bandwidth(self):
        """Of all multiprocessors' shared memory and L1 cache, bytes per second."""
        return self._cycles * _BYTES_PER_CYCLE

    @property
    def second_cache_bandwidth(self):
        """From the second cache to all multiprocessors, bytes per second."""
        return self._cycles * _FROM_SECOND_CACHE

    @property
    def instructions(self):
        """Of warps, that all multiprocessors issue per second."""
        return self._cycles * _INSTRUCTIONS

    @property
    def _cycles(self):
        """Of all multiprocessors together, per second."""
        return self.flops / (2 * self.lanes)


# NVIDIA's data sheets: H100 SXM5 80 GB, A100 SXM4 80 GB, K40 at its base clock.
H100 = Device("H100", 132, 128, 66.9e12, 3.35e12)
A100 = Device("A100", 108, 64, 19.5e12, 2.039e12)
K40 = Device("K40", 15, 192, 4.29e12, 0.288e12)


@dataclass(frozen=True)
class Limits:
    """What a multiprocessor holds, by the CUDA C++ Programming Guide's table of capabilities."""

    warps: int
    blocks: int
    registers: int
    shared: int


LIMITS = {
    (8, 0): Limits(64, 32, 65536, 164 * 1024),
    (9, 0): Limits(64, 32, 65536, 228 * 1024),
    (10, 0): Limits(64, 32, 65536, 228 * 1024),
}

# Registers are given to a warp in units, shared memory to a block, to which the system adds some.
_REGISTER_UNIT = 256
_SHARED_UNIT = 128
_SHARED_OF_SYSTEM = 1024


def resident_blocks(capability, threads, registers, shared):
    """Blocks of a kernel that a multiprocessor runs at a time.

    Parameters
    ----------
    capability : (int, int)
    threads : int
        Of a block.
    registers : int
        Of a thread.
    shared : int
        Bytes of a block.
    """
    limits = LIMITS[capability]
    warps = -(-threads // _WARP)
    registers_of_warp = _rounded_up(registers * _WARP, _REGISTER_UNIT)
    shared_of_block = _rounded_up(shared, _SHARED_UNIT) + _SHARED_OF_SYSTEM
    return min(
        limits.blocks,
        limits.warps // warps,
        limits.registers // (registers_of_warp * warps),
        limits.shared // shared_of_block,
    )


def occupancy(capability, threads, registers, shared):
    """Share of a multiprocessor's warps that a kernel fills."""
    blocks = resident_blocks(capability, threads, registers, shared)
    return blocks * -(-threads // _WARP) / LIMITS[capability].warps


def _rounded_up(value, unit):
    return -(-value // unit) * unit


@dataclass(frozen=True)
class Work:
    """What a launch has to do.

    Attributes
    ----------
    flops : float
        That the method asks for.
    executed : float
        That the kernel executes: tiles that stick out of the map count in full.
    device_bytes : float
        To and from device memory if every array is read or written once.
    on_chip_bytes : float
        Asked of shared memory and of the L1 cache, 128 bytes for an access of a warp to single
        words, whether or not its threads share them.
    second_cache_bytes : float
        Asked of the second cache where the first does not hold what is read again.
    instructions : float
        Of warps; 0 where arithmetic or memory surely takes longer.
    """

    flops: float
    executed: float
    device_bytes: float
    on_chip_bytes: float
    second_cache_bytes: float = 0
    instructions: float = 0


def seconds(work, blocks, device):
    """Modelled time of a launch on a device, in seconds."""
    waves = math.ceil(blocks / device.multiprocessors) * device.multiprocessors / blocks
    return max(
        work.executed * waves / device.flops / ARITHMETIC,
        work.instructions * waves / device.instructions,
        work.on_chip_bytes * waves / device.on_chip_bandwidth / ON_CHIP,
        work.second_cache_bytes * waves / device.second_cache_bandwidth / SECOND_CACHE,
        work.device_bytes / device.bandwidth / MEMORY,
        LAUNCH_SECONDS,
    )


def elapsed(launches, device):
    """Modelled time from the first launch to the end of the last, in seconds.

    The host queues one after another, and the device takes them up in their order. Where the host
    waits, it goes on when the device has done everything.

    Parameters
    ----------
    launches : sequence of Launch
    device : Device
    """
    host = done = 0.0
    for launch in launches:
        if launch.waits:
            host = max(host, done) + launch.waits * HOST_SECONDS
        host += HOST_SECONDS
        done = max(host, done) + seconds(work(launch), launch.blocks, device)
    return done


def work(launch):
    """Work of a launch, counted from its arguments' shapes."""
    kind = launch.name.partition("(")[0]
    if kind == "implicit_gemm._convolution":
        return _convolution(*launch.arguments, tile=_tile(launch.kernel))
    counted = _COUNTS.get(kind, _element_wise)(*launch.arguments)
    if kind not in OF_ELEMENT:
        return counted
    instructions = OF_ELEMENT[kind] * launch.blocks * launch.threads / _WARP
    return replace(counted, instructions=instructions)


def network_work(layers, channels, shape):
    """Work of the network's convolutions on an image, for which ONNX Runtime has its own kernels.

    Parameters
    ----------
    layers : sequence of str
    channels : dict, name of a convolution -> (channels in, channels out)
    shape : (int, int)
        Height and width of the image.
    """
    (height, width), flops, moved = shape, 0, 0
    for name in layers:
        if name not in channels:
            height, width = (height + 1) // 2, (width + 1) // 2
            continue
        channels_in, channels_out = channels[name]
        flops += _convolution_flops(height, width, channels_in, channels_out)
        maps = height * width * (channels_in + channels_out)
        moved += 4 * (maps + 9 * channels_in * channels_out)
    return Work(flops, flops, moved, 0)


def _arrays(arguments):
    return [value for value in arguments if isinstance(value, ShapeOnly)]


def _element_wise(*arguments):
    # A multiply-add for every element: bound by memory, whatever the arithmetic.
    arrays = _arrays(arguments)
    moved = sum(array.nbytes for array in arrays)
    flops = 2 * max(array.size for array in arrays)
    return Work(flops, flops, moved, moved)


def _convolution_flops(height, width, channels_in, channels_out):
    return 2 * 9 * height * width * channels_in * channels_out


def _tile(kernel):
    extents = closure(kernel)
    return implicit_gemm.Tile(
        *(extents[name] for name in ("rows", "columns", "group", "per_thread")), resident=1
    )


def _convolution(
    source, mask, channels_in, filters, bias, out, height, width, channels_out, *, tile
):
    blocks_x, blocks_y, groups = tile.blocks(height, width, channels_out)
    outputs = blocks_x * blocks_y * groups * tile.rows * tile.columns * tile.group
    padded_channels = -(-channels_in // implicit_gemm.CHUNK) * implicit_gemm.CHUNK
    # Every thread reads, for each channel and column of taps, a column of pixels and the weights.
    outputs_of_thread = tile.rows * tile.per_thread
    reads = (tile.rows + 2) + 3 * tile.per_thread
    masked = mask.nbytes if mask is not source else 0
    return Work(
        _convolution_flops(height, width, channels_in, channels_out),
        2 * 9 * outputs * padded_channels,
        source.nbytes + masked + filters.nbytes + out.nbytes,
        4 * outputs / outputs_of_thread * padded_channels * 3 * reads,
    )


def _matching(sources, others, channels, problem, candidates, fields):
    """Patches multiplied out; every element of both patches is fetched for itself."""
    side = 2 * problem.half + 1
    rows = sources[0].size // channels[0] * candidates * side
    elements = rows * side * sum(channels)
    moved = sum(array.nbytes for array in (*sources, *others, *fields))
    fetched = 2 * sources[0].dtype.itemsize * elements
    instructions = FOUR_PRODUCTS * elements / (4 * _WARP) + ROW_OF_PATCHES * rows
    return Work(2 * elements, 2 * elements, moved, fetched, fetched, instructions)


def _start(sources, others, channels, problem, *fields):
    return _matching(sources, others, channels, problem, 1, _arrays(fields))


def _propagate(sources, others, channels, problem, *fields):
    return _matching(sources, others, channels, problem, 4 * TRIED_IN_PROPAGATION, _arrays(fields))


def _search(sources, others, channels, problem, matches, stamps, cost, radius, *_):
    tries = (math.floor(math.log2(radius)) + 1) * TRIED_IN_SEARCH
    return _matching(sources, others, channels, problem, tries, (matches, stamps, cost))


def _vote(source, nnf, radius, rounding, out):
    summed = out.size * (2 * radius + 1) ** 2
    # A value and the two coordinates of where it is.
    fetched = summed * (source.dtype.itemsize + 8)
    return Work(summed, summed, source.nbytes + nnf.nbytes + out.nbytes, fetched)


def _vote_alike(source, nnf, radius, falloff, rounding, out):
    votes, channels = out.size * (2 * radius + 1) ** 2, source.shape[2]
    # A thread squares and adds the differences of all channels, and weighs the value of its own.
    operations = votes * (3 * channels + 6)
    fetched = votes * ((2 * channels + 1) * source.dtype.itemsize + 8)
    return Work(operations, operations, source.nbytes + nnf.nbytes + out.nbytes, fetched)


def _inner_products(rows, vectors, partial):
    # A compensated multiply-add is six operations.
    (k, n), m = rows.shape, vectors.shape[0]
    moved = rows.nbytes + vectors.nbytes
    return Work(2 * k * m * n, 6 * k * m * n, moved, moved)


def _combine(rows, weights, row, *point_and_trial):
    # Every row is read, one is written.
    k, n = rows.shape
    moved = (k + 1 + len(point_and_trial)) * n * rows.dtype.itemsize
    return Work(2 * k * n, 2 * k * n, moved, moved)


_COUNTS = {
    "cuda_search._kernels.start": _start,
    "cuda_search._tile_propagation.propagate": _propagate,
    "cuda_search._kernels.propagate": _propagate,
    "cuda_search._kernels.search": _search,
    "vote._vote_cuda": _vote,
    "vote._vote_alike_cuda": _vote_alike,
    "vectors._combine_cuda": _combine,
    "vectors.combine_and_step_cuda": _combine,
    "reduction._inner_products_cuda": _inner_products,
}
