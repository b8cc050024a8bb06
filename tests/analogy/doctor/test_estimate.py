import time

import pytest

from analogy.doctor import estimate
from analogy.method.session import Session
from analogy.parameters import Parameters
from analogy_kernels.target import CPU

# Seconds that kernels are taken to compile.
SLOW = 5.0


@pytest.mark.parametrize(
    ("mib", "status", "words"),
    [(100, "broken", "no image fits"), (800, "note", "fit"), (2**20, "ok", "1024x1024 fit")],
)
def test_memory_says_what_fits(monkeypatch, mib, status, words):
    monkeypatch.setattr("analogy.system.memory.available_memory", lambda: mib * 2**20)

    finding = estimate.fitting_size(CPU)

    assert finding.status == status
    assert words in finding.found
    assert bool(finding.remedy) == (status != "ok")


@pytest.mark.parametrize("first_scale", [None, 224])
def test_time_is_estimated_from_pixels_and_evaluations_at_each_size(monkeypatch, first_scale):
    seconds = {"features": 5.0, "search": {"1": 0.5}, "reconstruction": {"5": 9.0}, "vote": 0.5}
    record = {"seconds": seconds | {"total": 15.0}}
    record["deconvolution"] = [
        {"level": 5, "evaluations": 20},
        {"level": 2, "evaluations": 10},
    ]

    class Result:
        pass

    Result.record = record
    monkeypatch.setattr("analogy.method.transfer.transfer", lambda *_, **__: Result)
    monkeypatch.setattr(estimate, "_flops_per_second", lambda target: 1e9)
    parameters = Parameters(first_scale=first_scale, coarsest_reconstruction=5)
    monkeypatch.setattr("analogy.parameters.Parameters", lambda: parameters)

    trial = estimate._trial("cpu", None)

    # conv1_1 and conv1_2 at full size, conv2_1 at half of it.
    fine = 18 * 448**2 * (3 * 64 + 64 * 64 + 64 * 128 / 4)
    # conv3_2 to conv3_4 at a quarter, conv4_1 to conv4_4 at an eighth, conv5_1 at a sixteenth.
    coarse = 18 * 448**2 * (3 * 256**2 / 4**2 + (256 + 3 * 512) * 512 / 8**2 + 512**2 / 16**2)
    # At half of the size all levels, and the finer ones again at the whole.
    growth, of_coarse = (1, 1) if first_scale is None else (1 + 1 / 4, 1 / 4)
    flops = 2 * (10 * growth * fine + 20 * of_coarse * coarse)
    assert trial.seconds == 15
    assert trial.usual_seconds == pytest.approx(5 + growth * (448 / 96) ** 2 + flops / 1e9)


@pytest.mark.parametrize(
    ("load", "share", "status"), [(0.5, 1.2, "ok"), (9.0, 1.2, "note"), (0.5, 0.3, "note")]
)
def test_estimate_of_a_busy_machine_says_so(monkeypatch, load, share, status):
    monkeypatch.setattr(estimate.psutil, "getloadavg", lambda: (load * estimate.os.cpu_count(),))
    monkeypatch.setattr(estimate, "_trial", lambda *_: estimate._Trial(25.0, 1.0, share))

    finding = estimate.transfer_time("cpu", None)

    assert finding.status == status
    assert finding.found.startswith("448x448: about 25 s once kernels are compiled, an estimate")
    assert ("an idle one is faster" in finding.found) == (status == "note")


def test_what_kernels_take_to_compile_is_no_part_of_the_estimate(monkeypatch):
    def compile_slowly(session, parameters):
        if not session._warm:
            time.sleep(SLOW)
        session._warm.add(parameters)

    monkeypatch.setattr(Session, "warm_up", compile_slowly)

    began = time.perf_counter()
    trial = estimate._trial("cpu", None)

    assert trial.seconds < time.perf_counter() - began - SLOW
    assert trial.processor_share > 0


def test_speed_of_convolution_is_plausible():
    assert 1e8 < estimate._flops_per_second(CPU) < 1e14
