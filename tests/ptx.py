"""Compile every CUDA kernel of the package to machine code, on a machine without a GPU.

``python -m tests.ptx 7.5 8.0 9.0`` prints what each kernel takes on devices of these compute
capabilities, one JSON object a line: on the first of them, and on the others where it takes so many
registers that there may be too few. It has to run without the simulator, so the tests start it as a
process. Reports are kept, and what a kernel takes is told by its report for as long as nothing has
changed that it is compiled from: `tests.ptx_reports`.
"""

import json
import sys

from benchmarks.ptx import assemble, compile_to_ptx, double_precision
from tests.launches import LAUNCHES, name
from tests.ptx_reports import Reports

# A kernel of fewer registers on one device has room on the others: the same kernel took up to 18
# more or less there, and those that are launched in the largest blocks may take 128.
ROOM = 96


def main(*versions):
    reports = Reports(versions)
    for kernel, signature in LAUNCHES:
        found = reports.kept(kernel, signature)
        if found is None:
            found = compiled(kernel, signature, versions)
            reports.keep(kernel, signature, found)
        for report in found:
            print(json.dumps(report), flush=True)


def compiled(kernel, signature, versions):
    """Reports of a kernel, one for each compute capability that it is compiled for."""
    capabilities = [tuple(int(part) for part in version.split(".")) for version in versions]
    ptxes = compile_to_ptx(kernel, signature, capabilities)
    reports = []
    for version, capability, ptx in zip(versions, capabilities, ptxes, strict=False):
        told = {"kernel": name(kernel), "signature": str(signature), "capability": version}
        double = double_precision(ptx)
        reports.append(told | assemble(ptx, capability) | {"double": double})
        if reports[0]["registers"] <= ROOM:
            break
    return reports


if __name__ == "__main__":
    main(*sys.argv[1:])
