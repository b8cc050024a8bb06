"""Compile every CUDA kernel of the package to machine code, on a machine without a GPU.

``python -m tests.ptx 9.0`` prints what each kernel takes on a device of compute capability 9.0,
one JSON object a line. It has to run without the simulator, so the tests start it as a process.
"""

import json
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path


def find_ptxas():
    """Path of the assembler that the nvidia-cuda-nvcc package brings, or None."""
    nvidia = find_spec("nvidia")
    folders = nvidia.submodule_search_locations if nvidia else []
    return next((path for folder in folders for path in Path(folder).glob("*/bin/ptxas")), None)


def compile_to_ptx(kernel, signature, capability):
    from numba import cuda
    from numba.cuda import dispatcher

    class Device:
        compute_capability = capability

    # Kernels that call device functions ask the current device, and there is none.
    dispatcher.get_current_device = Device
    options = kernel.targetoptions
    ptx, _ = cuda.compile_ptx(
        kernel.py_func,
        signature,
        cc=capability,
        fastmath=options["fastmath"],
        launch_bounds=options["launch_bounds"],
    )
    return ptx


def assemble(ptx, capability):
    """Assemble: registers, bytes of shared and local memory, bytes spilled, as ptxas reports."""
    major, minor = capability
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "kernel.ptx")
        source.write_text(ptx)
        command = [find_ptxas(), "-v", f"-arch=sm_{major}{minor}", source, "-o", "kernel.cubin"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return {
        "registers": _figure(r"Used (\d+) registers", done.stderr),
        "shared": _figure(r"(\d+) bytes smem", done.stderr),
        "local": _figure(r"(\d+) bytes stack frame", done.stderr),
        "spilled": _figure(r"(\d+) bytes spill stores", done.stderr)
        + _figure(r"(\d+) bytes spill loads", done.stderr),
    }


def _figure(pattern, text):
    found = re.search(pattern, text)
    return int(found[1]) if found else 0


def main(version):
    from tests.launches import LAUNCHES, name

    capability = tuple(int(part) for part in version.split("."))
    for kernel, signature in LAUNCHES:
        ptx = compile_to_ptx(kernel, signature, capability)
        report = {
            "kernel": name(kernel),
            "signature": str(signature),
            "capability": version,
            **assemble(ptx, capability),
            "double": sorted(set(re.findall(r"^\s*(?:@!?%p\d+ )?(\S+\.f64\S*)", ptx, re.M))),
        }
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
