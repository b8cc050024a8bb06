from analogy.doctor.kernels import kernels


def test_kernels_agree_with_plain_numpy(target):
    findings = list(kernels(target))

    assert len(findings) == 5
    assert [finding.status for finding in findings] == ["ok"] * 5, findings
