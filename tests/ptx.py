"""Compile every CUDA kernel of the package to machine code, on a machine without a GPU.

``python -m tests.ptx 8.0 9.0`` prints what each kernel takes on devices of compute capabilities 8.0
and 9.0, one JSON object a line. It has to run without the simulator, so the tests start it as a
process.
"""

import json
import sys

from benchmarks.ptx import assemble, compile_to_ptx, double_precision
from tests.launches import LAUNCHES, name


def main(*versions):
    capabilities = [tuple(int(part) for part in version.split(".")) for version in versions]
    for kernel, signature in LAUNCHES:
        ptxes = compile_to_ptx(kernel, signature, capabilities)
        for version, capability, ptx in zip(versions, capabilities, ptxes, strict=True):
            report = {
                "kernel": name(kernel),
                "signature": str(signature),
                "capability": version,
                **assemble(ptx, capability),
                "double": double_precision(ptx),
            }
            print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
