import struct

import numpy as np
import pytest

from analogy.errors import AnalogyError
from analogy.evaluation.flow_file import read_flow, write_flow

# Two pixels in a row, of which the second is unknown, byte by byte as the format's author has it.
TWO_PIXELS = b"PIEH" + struct.pack("<ii4f", 2, 1, 1.5, -2.0, 1666666752.0, 1666666752.0)


def test_reads_dx_dy_and_what_is_unknown(tmp_path):
    (tmp_path / "flow.flo").write_bytes(TWO_PIXELS)

    flow = read_flow(tmp_path / "flow.flo")

    np.testing.assert_array_equal(flow, np.float32([[[1.5, -2], [np.nan, np.nan]]]), strict=True)


def test_half_unknown_is_unknown(tmp_path):
    (tmp_path / "flow.flo").write_bytes(b"PIEH" + struct.pack("<ii2f", 1, 1, 0.0, float("nan")))

    assert np.isnan(read_flow(tmp_path / "flow.flo")).all()


def test_writes_what_it_reads(tmp_path, random):
    flow = random.standard_normal((3, 5, 2), np.float32)
    flow[1, 2] = np.nan

    write_flow(tmp_path / "flow.flo", flow)

    np.testing.assert_array_equal(read_flow(tmp_path / "flow.flo"), flow, strict=True)
    assert (tmp_path / "flow.flo").read_bytes()[:12] == b"PIEH" + struct.pack("<ii", 5, 3)


MALFORMED = {
    "empty": b"",
    "not one": b"JFIF" + TWO_PIXELS[4:],
    "header only": TWO_PIXELS[:12],
    "cut off": TWO_PIXELS[:-1],
    "too long": TWO_PIXELS + b"\0",
    "no pixels": b"PIEH" + struct.pack("<ii", 0, 4),
    "negative": b"PIEH" + struct.pack("<ii4f", -2, -1, 0, 0, 0, 0),
    "huge": b"PIEH" + struct.pack("<ii4f", 2**30, 2**30, 0, 0, 0, 0),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_files_are_named(tmp_path, kind):
    path = tmp_path / "bad.flo"
    path.write_bytes(MALFORMED[kind])

    with pytest.raises(AnalogyError, match=r"bad\.flo: ") as caught:
        read_flow(path)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(AnalogyError, match=r"none\.flo: No such file"):
        read_flow(tmp_path / "none.flo")
    with pytest.raises(AnalogyError, match="cannot be written"):
        write_flow(tmp_path / "none" / "flow.flo", np.zeros((1, 1, 2)))
