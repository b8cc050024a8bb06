"""Keep a loop of a CUDA function from being unrolled."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload


def rolled(left):
    """What a loop has left to do, an int32, unchanged, for CUDA functions.

    The loop that asks for it first thing in its body stays as it is written. Otherwise compiler and
    assembler unroll it, and where it has as many reads under way as it is to have already, they
    spend registers on more of them than there are.
    """
    return left


@overload(rolled)
def _rolled(left):
    return lambda left: _not_unrolled(left)


@intrinsic
def _not_unrolled(typing_context, left):
    def generate(context, builder, signature, arguments):
        # The assembler obeys what stands where a loop begins; the compiler unrolls no loop of which
        # it cannot tell how often it runs, and does not look into this. 22 is a quotation mark.
        number = ir.IntType(32)
        told = ir.FunctionType(number, [number])
        return builder.asm(told, r".pragma \22nounroll\22;", "=r,0", arguments, side_effect=True)

    return types.int32(types.int32), generate
