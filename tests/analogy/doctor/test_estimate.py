import pytest

from analogy.doctor import estimate
from analogy.parameters import Parameters
from analogy_kernels.target import CPU


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

    found, trial = estimate._trial_seconds("cpu", None)

    # conv1_1 and conv1_2 at full size, conv2_1 at half of it.
    fine = 18 * 448**2 * (3 * 64 + 64 * 64 + 64 * 128 / 4)
    # conv3_2 to conv3_4 at a quarter, conv4_1 to conv4_4 at an eighth, conv5_1 at a sixteenth.
    coarse = 18 * 448**2 * (3 * 256**2 / 4**2 + (256 + 3 * 512) * 512 / 8**2 + 512**2 / 16**2)
    # At half of the size all levels, and the finer ones again at the whole.
    growth, of_coarse = (1, 1) if first_scale is None else (1 + 1 / 4, 1 / 4)
    flops = 2 * (10 * growth * fine + 20 * of_coarse * coarse)
    assert trial == 15
    assert found == pytest.approx(5 + growth * (448 / 96) ** 2 + flops / 1e9)


def test_speed_of_convolution_is_plausible():
    assert 1e8 < estimate._flops_per_second(CPU) < 1e14
