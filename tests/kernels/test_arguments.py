import numpy as np
import pytest
from numba import njit
from numba.extending import register_jitable

from analogy_kernels import arguments
from analogy_kernels.arguments import ANY_MAP, FLOATS, MAP, NUMBERS, VECTOR, checked, items, written

ZEROS = np.zeros((4, 5, 3), np.float32)


@pytest.mark.parametrize(
    ("array", "shape", "dtype"),
    [
        (ZEROS, (4, 5, 3), np.float32),
        (ZEROS, MAP, FLOATS),
        (ZEROS, (np.int64(4), "width", 3), np.float32),
        (ZEROS[..., 0].copy(), ANY_MAP, np.float32),
        (np.zeros(0, np.float32), VECTOR, np.float32),
        (np.zeros((1, 1), np.int16), ANY_MAP, NUMBERS),
    ],
)
def test_what_fits_is_given_back(array, shape, dtype):
    assert checked("source", array, shape, dtype) is array


@pytest.mark.parametrize(
    ("array", "shape", "dtype", "told"),
    [
        (ZEROS, (4, 5, 4), np.float32, r"is float32 \(4, 5, 3\); .* float32 \(4, 5, 4\)$"),
        (ZEROS, VECTOR, np.float32, r"has to be float32 \(length,\)$"),
        (ZEROS, MAP, np.int32, r"has to be int32 \(height, width, channels\)$"),
        (ZEROS, MAP, (np.uint8, np.float16), r"has to be uint8 or float16 \(height"),
        (ZEROS.astype(">f4"), MAP, np.float32, "is >f4|is float32"),
        (ZEROS[0, 0], ANY_MAP, np.float32, r"\(height, width\[, channels\]\)$"),
        (ZEROS[:0], MAP, np.float32, r"\(0, 5, 3\); .*, not empty$"),
        (ZEROS.astype(object), MAP, NUMBERS, "has to be a kind of number"),
    ],
)
def test_what_does_not_fit_is_told_in_a_line(array, shape, dtype, told):
    with pytest.raises(ValueError, match=told) as refusal:
        checked("source", array, shape, dtype)
    assert str(refusal.value).startswith("source is ")


def test_read_only_arrays_are_taken_where_they_are_read():
    array = np.arange(6, dtype=np.float32)
    array.flags.writeable = False

    view = checked("x", array, VECTOR)

    # So that Numba compiles no other kernel for it.
    assert view.flags.writeable
    assert np.shares_memory(view, array)
    with pytest.raises(ValueError, match="out is read-only"):
        written("out", array, VECTOR)


def test_a_result_lies_apart_or_in_place(target):
    memory = target.asarray(np.zeros(12, np.float32))
    first, last, middle = memory[:6], memory[6:], memory[3:9]

    lies = {"apart_from": {"x": last, "none": None}, "in_place_of": {"y": memory[:6]}}
    assert written("out", first, (6,), **lies) is first
    with pytest.raises(ValueError, match="out shares memory with x"):
        written("out", first, (6,), apart_from={"x": memory[:6]})
    with pytest.raises(ValueError, match="out shares memory with x"):
        written("out", first, (6,), apart_from={"x": memory[5:]})
    with pytest.raises(ValueError, match="out overlaps x"):
        written("out", first, (6,), in_place_of={"x": middle})
    with pytest.raises(ValueError, match="out overlaps x"):
        written("out", first, (6,), in_place_of={"x": memory[:5]})


@pytest.mark.parametrize(
    ("check", "value", "expected"),
    [
        (arguments.whole, np.int16(7), 7),
        (arguments.odd, 5, 5),
        (arguments.number, np.float32(0.5), 0.5),
        (arguments.positive, 3, 3.0),
        (arguments.low_bits, 2**40 + 3, 3),
        (arguments.extents, [2, np.int64(3)], (2, 3)),
    ],
)
def test_numbers_in_range_are_given_as_pythons(check, value, expected):
    assert check("n", value) == expected
    assert not isinstance(check("n", value), np.int16 | np.int64 | np.float32)


@pytest.mark.parametrize(
    ("check", "value", "error", "told"),
    [
        (arguments.whole, 20.5, TypeError, "n is 20.5; it has to be a whole number"),
        (arguments.whole, "3", TypeError, "n is '3'"),
        (arguments.whole, -1, ValueError, "n is -1; it has to be a whole number from 0"),
        (arguments.whole, 10**400, ValueError, "n is beyond 64 bits"),
        (arguments.whole, ZEROS, TypeError, "n is of the type ndarray"),
        (arguments.odd, 4, ValueError, "n is 4; it has to be odd"),
        (arguments.odd, -3, ValueError, "n is -3"),
        (arguments.number, np.nan, ValueError, "n is nan; it has to be finite"),
        (arguments.number, 1e39, ValueError, "has to be finite"),
        (arguments.number, 1j, TypeError, "n is 1j; it has to be a number"),
        (arguments.positive, 0.0, ValueError, "n is 0.0; it has to be finite, above 0"),
        # float32 would make it zero.
        (arguments.positive, 1e-50, ValueError, "above 0"),
        (arguments.positive, None, TypeError, "n is None"),
        (arguments.extents, 3, TypeError, "n is 3; it has to have 2 items"),
        (arguments.extents, (3, 4, 5), ValueError, "n has 3 items; it has to have 2"),
        (arguments.extents, (3, 0), ValueError, r"n\[1\] is 0"),
        (arguments.extents, (2**16, 2**16), ValueError, "at most 2147483647 pixels"),
    ],
)
def test_numbers_out_of_range_are_told_in_a_line(check, value, error, told):
    with pytest.raises(error, match=told) as refusal:
        check("n", value)
    assert "\n" not in str(refusal.value)


def test_items_are_checked_each():
    assert items("pair", [1, 2], 2, arguments.whole) == (1, 2)
    with pytest.raises(TypeError, match=r"pair\[1\] is 'b'"):
        items(
            "pair", "1b", 2, lambda name, value: arguments.whole(name, value if value == "b" else 1)
        )


@register_jitable
def own_cost(a, b):
    return a + b


@njit
def own_kernel(a, b):
    return a + b


@pytest.mark.parametrize("function", [own_cost, own_kernel])
def test_device_functions_are_known(function):
    assert arguments.device_function("cost", function, "a b") is function


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda a, b: a, "cost is <lambda>, .*register_jitable"),
        (3, "cost is 3; it has to be a device function"),
    ],
)
def test_what_numba_does_not_know_is_no_device_function(function, told):
    with pytest.raises(TypeError, match=told):
        arguments.device_function("cost", function, "a b")


def test_a_device_function_has_to_take_what_it_is_given():
    with pytest.raises(TypeError, match=r"cost is own_cost; it has to take \(a, b, c\)"):
        arguments.device_function("cost", own_cost, "a b c")
