"""Compile CUDA kernels to machine code on a machine without a GPU."""

import re
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path


def find_ptxas():
    """Path of the assembler that the nvidia-cuda-nvcc package brings, or None."""
    nvidia = find_spec("nvidia")
    folders = nvidia.submodule_search_locations if nvidia else []
    return next((path for folder in folders for path in Path(folder).glob("*/bin/ptxas")), None)


def compile_to_ptx(kernel, signature, capabilities):
    """PTX of a kernel for devices, one after the other as it is asked for.

    Numba works through the kernel once, as for the first of them; what then is made of its
    intermediate code is of each.

    Parameters
    ----------
    kernel : CUDADispatcher
    signature : tuple of Numba types
    capabilities : sequence of (int, int)
        Compute capabilities to compile for, the least first.

    Returns
    -------
    iterator of str
    """
    from numba.cuda import compiler, dispatcher

    class Device:
        compute_capability = capabilities[0]

    # Kernels that call device functions ask the current device, and there is none.
    dispatcher.get_current_device = Device
    options = kernel.targetoptions
    library, _ = compiler._compile_pyfunc_with_fixup(
        kernel.py_func,
        signature,
        device=False,
        abi="numba",
        cc=capabilities[0],
        fastmath=options["fastmath"],
        launch_bounds=options["launch_bounds"],
    )
    return (library.get_asm_str(cc=capability) for capability in capabilities)


def assemble(ptx, capability, cubin=None):
    """Assemble: registers, bytes of shared and local memory, bytes spilled, as ptxas reports.

    Parameters
    ----------
    ptx : str
    capability : (int, int)
    cubin : path, optional
        Where to leave the machine code.

    Returns
    -------
    dict
        "registers" of a thread, bytes of "shared" memory of a block, bytes of "local" memory of a
        thread, bytes "spilled" by a thread.
    """
    major, minor = capability
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "kernel.ptx")
        source.write_text(ptx)
        target = Path(cubin).resolve() if cubin else "kernel.cubin"
        command = [find_ptxas(), "-v", f"-arch=sm_{major}{minor}", source, "-o", target]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return {
        "registers": _figure(r"Used (\d+) registers", done.stderr),
        "shared": _figure(r"(\d+) bytes smem", done.stderr),
        "local": _figure(r"(\d+) bytes stack frame", done.stderr),
        "spilled": _figure(r"(\d+) bytes spill stores", done.stderr)
        + _figure(r"(\d+) bytes spill loads", done.stderr),
    }


def double_precision(ptx):
    """Instructions of a kernel that work on float64, each named once."""
    return sorted(set(re.findall(r"^\s*(?:@!?%p\d+ )?(\S+\.f64\S*)", ptx, re.M)))


def _figure(pattern, text):
    found = re.search(pattern, text)
    return int(found[1]) if found else 0
