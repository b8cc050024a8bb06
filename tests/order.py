"""In which order the files of tests are begun: those that take long come first.

Workers take a file each, and one that were left for the end would keep one of them busy and the
others waiting. At the very beginning nothing is compiled yet, so the first files of two workers are
one that compiles most of the kernels and one that needs none of them: otherwise both would compile
the same.
"""

from pathlib import Path

_HERE = Path(__file__).parent

# Compiles the kernels for the CPU, and those for CUDA.
_FIRST = ("kernels/test_doctests.py", "kernels/test_ptx.py")

# Half a minute of a processor and more, then ten seconds and more, when everything is compiled.
_LONG = ("fuzz/test_misuse.py",)


def place(path):
    """Number of a file of tests in the order, of those that are quick the same for all."""
    name = path.relative_to(_HERE).as_posix()
    return _PLACES.get(name, len(_PLACES))


_PLACES = {name: number for number, name in enumerate((*_FIRST, *_LONG))}
