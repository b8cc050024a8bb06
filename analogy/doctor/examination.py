"""All checks, one after the other."""

from __future__ import annotations

from analogy.doctor.estimate import fitting_size, transfer_time
from analogy.doctor.installation import devices, installed, network, weights
from analogy.doctor.kernels import kernels
from analogy.errors import AnalogyError


def examine(device="auto", model=None):
    """Try everything that a transfer needs.

    Parameters
    ----------
    device : "auto", "cuda" or "cpu"
    model : path-like, optional
        ONNX weights, by default the bundled ones.

    Returns
    -------
    list of Finding
    """
    findings = [*installed(), *devices(device), weights(model), network(device, model)]
    targets = _targets(device)
    for target in targets:
        findings += kernels(target)
    findings.append(fitting_size(targets[-1]))
    if all(finding.status != "broken" for finding in findings):
        findings.append(transfer_time(device, model))
    return findings


def is_healthy(findings):
    return all(finding.status != "broken" for finding in findings)


def _targets(device):
    from analogy.system.device import resolve
    from analogy_kernels.target import CPU, CUDA

    try:
        return [CPU, CUDA] if resolve(device).is_cuda else [CPU]
    except AnalogyError:
        return [CPU]
