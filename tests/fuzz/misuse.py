"""Calls of the kernels with wrong arguments, made in a process that may die of them.

A misuse is what JSON can tell: a function, the seed of its recipe, and changes of its arguments,
each a path to an argument (its name, and an index where it is one of several), an operation and
what that needs. ``python -m tests.fuzz.misuse`` reads one a line and answers each with a line that
says what came of it.
"""

import faulthandler
import json
import resource
import signal
import sys
import traceback
from pathlib import Path

import numpy as np

import analogy_kernels
from tests.fuzz.guarded import Guarded
from tests.fuzz.recipes import call, recipe, written

# Of processor time, for one misuse; what it uses of the kernels may have to be compiled first.
SECONDS = 60
BYTES = 2**31

_PACKAGE = str(Path(analogy_kernels.__file__).parent)

# What is handed over in place of a right value.
ODDITIES = {
    "nothing": None,
    "text": "3",
    "list": [[1.0, 2.0], [3.0, 4.0]],
    "object": object(),
    "lambda": lambda *arguments: 1.0,
    "built-in": len,
    "not a number": lambda *arguments: float("nan"),
    "number of no array": np.float32(3),
    "complex": 1j,
    "huge": 10**400,
}


class Placed:
    """Arguments of a call, their arrays in guarded memory.

    Attributes
    ----------
    arguments : dict
    """

    def __init__(self, name, arguments, layouts, at_end):
        self._name, self._layouts, self._at_end = name, layouts, at_end
        self._memory, self._arrays, self._aliased = [], {}, {}
        self.arguments = _mapped(self._place, arguments)
        self._before = {path: np.array(array) for path, array in self._arrays.items()}

    def copied(self, arguments):
        """The same arguments made anew, their arrays with what these had, in plain memory."""
        return _mapped(lambda path, array: np.array(self._before.get(path, array)), arguments)

    def damage(self, refused):
        """What was written that should not have been: paths of arrays, or "around" them."""
        mine = set() if refused and self._name != "lbfgs" else written(self._name)
        # Arrays that lie where one is written change with it, by however many of them.
        for _ in self._aliased:
            mine |= {path[0] for path, other in self._aliased.items() if other[0] in mine}
            mine |= {other[0] for path, other in self._aliased.items() if path[0] in mine}
        changed = [
            "/".join(map(str, path))
            for path, before in self._before.items()
            if path[0] not in mine and not _equal(before, self._arrays[path])
        ]
        return changed + ["around"] * (not all(memory.is_intact() for memory in self._memory))

    def _place(self, path, array):
        layout, *rest = self._layouts.get(path, ["plain"])
        if array.dtype.hasobject or type(array) is not np.ndarray:
            return array
        if layout == "alias":
            other = self._arrays.get(tuple(rest[0]))
            if other is not None:
                self._aliased[path] = tuple(rest[0])
                return self._kept(path, _beside(other, array, rest[1]))
        return self._kept(path, self._laid_out(layout, array, rest))

    def _kept(self, path, array):
        self._arrays[path] = array
        return array

    def _laid_out(self, layout, array, rest):
        spread, order, start = array.shape, "C", 0
        views = (slice(None),) * array.ndim
        if layout == "strided" and array.ndim:
            axis = rest[0] % array.ndim
            spread = (*spread[:axis], 2 * spread[axis], *spread[axis + 1 :])
            views = (*views[:axis], slice(None, None, 2), *views[axis + 1 :])
        elif layout == "reversed":
            views = (slice(None, None, -1),) * array.ndim
        elif layout == "Fortran order":
            order = "F"
        elif layout == "misaligned":
            start = 1
        elif layout == "broadcast" and array.ndim and array.shape[0]:
            return np.broadcast_to(self._laid_out("plain", array[:1], []), array.shape)
        size = int(np.prod(spread, dtype=int)) * array.dtype.itemsize
        memory = Guarded(start + size, self._at_end)
        self._memory.append(memory)
        view = np.ndarray(spread, array.dtype, memory.bytes, start, order=order)[(*views, ...)]
        view[...] = array
        if layout == "read-only":
            memory.forbid_writing()
            view.flags.writeable = False
        return view


def _beside(other, array, shift):
    """An array of another's memory, so many elements further on; as far as that reaches."""
    start = shift * array.dtype.itemsize
    if not other.flags.c_contiguous or start + array.nbytes > other.nbytes:
        return array
    return np.ndarray(array.shape, array.dtype, other.reshape(-1).view(np.uint8), start)


def _mapped(change, value, path=()):
    """Arguments with each array changed, those in tuples and lists and classes included."""
    if isinstance(value, np.ndarray):
        return change(path, value)
    if isinstance(value, dict):
        return {key: _mapped(change, item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list | tuple) and any(isinstance(item, np.ndarray) for item in value):
        return type(value)(_mapped(change, item, (*path, i)) for i, item in enumerate(value))
    return value


LAYOUTS = (
    "alias",
    "broadcast",
    "Fortran order",
    "misaligned",
    "read-only",
    "reversed",
    "strided",
)


def changed(value, operation, *details):
    """An argument, changed in its contents, size or kind."""
    return _OPERATIONS[operation](value, *details)


def _resized(array, axis, size):
    if not array.ndim:
        return array
    shape = list(array.shape)
    axis %= array.ndim
    shape[axis] = max(shape[axis] + size, 0) if size < 0 or size > 1 else size
    return np.resize(array, shape) if array.size else np.zeros(shape, array.dtype)


def _filled(array, value):
    with np.errstate(all="ignore"):
        full = np.full(array.shape, value)
        return full if array.dtype.kind in "OU" else full.astype(array.dtype)


def _poked(array, index, value):
    array = np.array(array)
    if array.size:
        array.reshape(-1)[index % array.size : index % array.size + 1] = _filled(
            np.empty(1, array.dtype), value
        )
    return array


def _of_dtype(array, dtype):
    with np.errstate(all="ignore"):
        return array.astype(dtype)


def _set(value, new):
    return new


def _bank(value, channels_in, channels_out):
    weights = np.ones((3, 3, channels_in, channels_out), np.float32)
    return analogy_kernels.filter_bank(weights, np.zeros(channels_out, np.float32))


def _label_map(value, height, width, label):
    return analogy_kernels.label_map(np.full((height, width), label))


class _Exchanged:
    """An array that says nothing of itself but by DLPack."""

    def __init__(self, array):
        self._array = array
        self.__dlpack__, self.__dlpack_device__ = array.__dlpack__, array.__dlpack_device__


_OPERATIONS = {
    "resize": _resized,
    "drop axis": lambda array: array[..., 0] if array.ndim and array.shape[-1] else array,
    "add axis": lambda array: array[..., None],
    "dtype": _of_dtype,
    "fill": _filled,
    "poke": _poked,
    "matrix": lambda array: np.matrix(array) if array.ndim < 3 else array,
    "masked": np.ma.masked_array,
    "DLPack": lambda array: _Exchanged(array) if array.dtype.kind in "fiub" else array,
    "number": _set,
    "NumPy number": lambda value, new: np.float64(new),
    "NumPy integer": lambda value, new: np.int64(new),
    "oddity": lambda value, name: ODDITIES[name],
    "shorter": lambda values: values[:-1],
    "longer": lambda values: (*values, *values[-1:]),
    "bank": _bank,
    "label map": _label_map,
}


def arguments_of(misuse):
    """Arguments of a misuse, in memory of their own, and the layouts that they are to have."""
    arguments, layouts = recipe(misuse["function"], misuse["seed"]), {}
    for path, operation, *details in misuse["changes"]:
        if operation in LAYOUTS:
            layouts[tuple(path)] = [operation, *details]
        else:
            arguments = _replaced(arguments, path, operation, details)
    return arguments, layouts


def _replaced(value, path, operation, details):
    if not path:
        return changed(value, operation, *details)
    first, *rest = path
    if isinstance(value, dict):
        return value | {first: _replaced(value[first], rest, operation, details)}
    items = list(value)
    items[first] = _replaced(items[first], rest, operation, details)
    return type(value)(items)


def outcome(misuse):
    """What comes of a misuse.

    Returns
    -------
    dict
        What was `damaged`, and either how the call was `refused` and `where`, or whether what it
        gave is what it gives for the same arguments in memory of their own: `is_right`.
    """
    name = misuse["function"]
    arguments, layouts = arguments_of(misuse)
    placed = Placed(name, arguments, layouts, misuse["at_end"])
    refusal = result = None
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        result = call(name, placed.arguments)
    except Exception as error:
        refusal = error
    signal.setitimer(signal.ITIMER_PROF, 0)
    told = {"damaged": placed.damage(refused=refusal is not None)}
    if refusal is not None:
        frames = traceback.extract_tb(refusal.__traceback__)
        told |= {"refused": type(refusal).__name__, "message": str(refusal)}
        return told | {"where": frames[-1].filename.removeprefix(_PACKAGE)}
    plain = placed.copied(arguments_of(misuse)[0])
    expected = call(name, plain)
    pairs = [(result, expected)]
    pairs += [
        (placed.arguments[key], plain[key])
        for key in written(name) - {"scratch"}
        if isinstance(plain.get(key), np.ndarray)
    ]
    return told | {"is_right": all(_equal(*pair) for pair in pairs)}


def _equal(a, b):
    """Whether two results are the same up to the order of sums, what is no number included."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        same_kind = a.shape == b.shape and a.dtype == b.dtype
        if same_kind and a.dtype.kind in "fc":
            return np.allclose(a, b, rtol=1e-4, atol=1e-5, equal_nan=True)
        return same_kind and np.array_equal(a, b)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(_equal, a, b))
    if hasattr(a, "__dataclass_fields__"):
        return _equal(list(vars(a).values()), list(vars(b).values()))
    if isinstance(a, _Exchanged):
        return True
    return type(a) is type(b) and (a == b or a != a)


def main():
    """Answer misuses until there are no more."""
    faulthandler.enable()
    _limit_memory()
    # What the kernels print goes where nobody reads answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    warmed = set()
    for line in sys.stdin:
        misuse = json.loads(line)
        key = misuse["function"], misuse["seed"]
        if key not in warmed:
            # Compiled or loaded before the clock runs; and a recipe is right.
            call(misuse["function"], recipe(*key))
            warmed.add(key)
        with np.errstate(all="ignore"):
            answer = outcome(misuse)
        print(json.dumps(answer), file=answers, flush=True)


def _limit_memory():
    import psutil

    limit = psutil.Process().memory_info().vms + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


if __name__ == "__main__":
    main()
