"""Small files that ask for everything, built by hand since chance does not find them."""

import json
import os
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import onnx
import pytest
from PIL import Image

from analogy.errors import AnalogyError
from analogy.images import read_image
from analogy.model import bundled_path, conversion
from analogy.model.graph import read_model
from tests.fuzz.limits import assert_not_exhausted, limited

MIB = 2**20
KERNEL = "conv1_1/kernel"
NPY_HEADER = "{'descr': %s, 'fortran_order': False, 'shape': %s, }\n"


def refusal_of(read, path):
    with pytest.raises(AnalogyError, match=path.name) as refusal, limited(size=128 * MIB):
        read(path)
    assert_not_exhausted(refusal.value)
    assert len(str(refusal.value)) < 1000
    return str(refusal.value)


def convert(path):
    conversion.convert(path, path.with_name("model.onnx"))


def png(width, height):
    """A grey image that declares its size and holds next to nothing."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))]
    chunks += [(b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


@pytest.mark.parametrize("side", [30_000, 2**31 - 1])
def test_image_of_an_absurd_size(side, tmp_path):
    (tmp_path / "a.png").write_bytes(png(side, side))

    refusal_of(read_image, tmp_path / "a.png")


def test_image_that_does_not_fit_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("analogy.images.reading.available_memory", lambda: 1000 * MIB)
    (tmp_path / "a.png").write_bytes(png(13_000, 13_000))

    assert "13000 x 13000 px do not fit" in refusal_of(read_image, tmp_path / "a.png")


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for Ghostscript")
def test_postscript_is_not_run(tmp_path, monkeypatch):
    script = tmp_path / "gs"
    script.write_text(f"#!/bin/sh\necho run >> {tmp_path}/ran\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    Image.new("RGB", (40, 40)).save(tmp_path / "a.eps")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.eps").read_bytes())

    assert "EPS" in refusal_of(read_image, tmp_path / "a.png")
    assert not (tmp_path / "ran").exists()


def npz(path, header, compression=zipfile.ZIP_DEFLATED, version=2):
    length = struct.pack("<I" if version == 2 else "<H", len(header))
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr(f"{KERNEL}.npy", b"\x93NUMPY" + bytes([version, 0]) + length + header)


def test_archive_of_a_huge_shape(tmp_path):
    npz(tmp_path / "a.npz", (NPY_HEADER % ("'<f4'", "(1000000, 1000000)")).encode())

    assert "shape (1000000, 1000000)" in refusal_of(convert, tmp_path / "a.npz")


def test_archive_of_a_long_header(tmp_path):
    npz(tmp_path / "a.npz", b" " * 200 * MIB)

    refusal_of(convert, tmp_path / "a.npz")


@pytest.mark.parametrize("descr", ["'|V2000000000'", "'|O'", "('<f4', (9000, 9000))"])
def test_archive_of_huge_items(descr, tmp_path):
    npz(tmp_path / "a.npz", (NPY_HEADER % (descr, "(3, 3, 3, 64)")).encode())

    assert "bytes an item" in refusal_of(load_first_kernel, tmp_path / "a.npz")


def load_first_kernel(path):
    from analogy.model.readers.numpy_archive import open_tensors

    with conversion._malformed_told(path), open_tensors(path) as tensors:
        tensors[KERNEL].load()


def test_archive_compressed_beyond_measure(tmp_path):
    npz(tmp_path / "a.npz", b" " * 10 * MIB, zipfile.ZIP_BZIP2)

    assert "compressed in a way" in refusal_of(convert, tmp_path / "a.npz")


def first_layer(path, create):
    """An HDF5 file that has the whole network's names and its first kernel as `create` makes it."""
    from analogy.model.architecture import CHANNELS

    with h5py.File(path, "w") as file:
        for layer, (channels_in, channels_out) in CHANNELS.items():
            if layer != "conv1_1":
                file.create_dataset(f"{layer}/kernel", (3, 3, channels_in, channels_out), "f4")
            file.create_dataset(f"{layer}/bias", (channels_out,), "f4")
        create(file)


def _huge(file):
    file.create_dataset(KERNEL, (2**20, 2**20), "f4", chunks=(1024, 1024))


def _huge_chunk(file):
    shape = (3, 3, 3, 64)
    chunks = (3, 3, 512, 2**13)
    dataset = file.create_dataset(
        KERNEL, shape, "f4", chunks=chunks, maxshape=(None,) * 4, compression="gzip"
    )
    dataset.id.write_direct_chunk((0, 0, 0, 0), zlib.compress(bytes(144 * MIB), 1))


def _elsewhere(file):
    file.create_dataset(KERNEL, (3, 3, 3, 64), "f4", external=[("/etc/passwd", 0, 6912)])


def _virtual(file):
    layout = h5py.VirtualLayout((3, 3, 3, 64), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "secret", (3, 3, 3, 64))
    file.create_virtual_dataset(KERNEL, layout)


def _texts(file):
    file.create_dataset(KERNEL, (3, 3, 3, 64), h5py.string_dtype())


def _nothing(file):
    file.create_dataset(KERNEL, data=h5py.Empty("f4"))


@pytest.mark.parametrize(
    ("create", "words"),
    [
        (_huge, "shape (1048576, 1048576)"),
        (_huge_chunk, "chunks of shape"),
        (_elsewhere, "another file"),
        (_virtual, "another file"),
        (_texts, "kind O"),
        (_nothing, "shape ()"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_hdf5(create, words, tmp_path):
    first_layer(tmp_path / "a.h5", create)

    assert words in refusal_of(convert, tmp_path / "a.h5")


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def test_caffe_name_that_is_a_number(tmp_path):
    """Python's ``bytes`` makes so many zeros of a number."""
    (tmp_path / "a.caffemodel").write_bytes(field(100, varint(1 << 3) + varint(2**33)))

    assert "wire type 0" in refusal_of(convert, tmp_path / "a.caffemodel")


def test_caffe_shape_of_many_axes(tmp_path):
    shape = field(7, field(1, b"\x01" * 4 * MIB))
    layer = field(1, b"conv1_1") + field(7, shape)
    (tmp_path / "a.caffemodel").write_bytes(field(100, layer))

    assert "shape" in refusal_of(convert, tmp_path / "a.caffemodel")


def test_caffe_numbers_one_by_one(tmp_path):
    """Each of the numbers takes five bytes, an object for each would take two hundred."""
    blob = (varint(5 << 3 | 5) + bytes(4)) * 1_000_000
    (tmp_path / "a.caffemodel").write_bytes(field(100, field(1, b"conv1_1") + field(7, blob)))

    assert "conv1_1" in refusal_of(convert, tmp_path / "a.caffemodel")


def pth(path, pickled, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("vgg/data.pkl", pickled)
        archive.writestr("vgg/data/0", bytes(64))


def nested(times):
    """Operations that leave a tuple of 2**times empty tuples, which share all that they can."""
    return b")" + b"q\x00h\x00\x86" * times


def name(text):
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def tensor(shape, key=None, length=b"K\x10"):
    storage = b"(" + name("storage") + b"ctorch\nFloatStorage\n" + (key or name("0"))
    storage += name("cpu") + length + b"tQ"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00" + shape + b")\x89}tR"


PICKLES = {
    "memory": b"\x80\x02}r\xff\xff\xff\x7f.",
    "long bytes": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x.",
    "key": b"\x80\x02}" + nested(60) + b"Ns.",
    "ordered key": b"\x80\x02ccollections\nOrderedDict\n]" + nested(60) + b"N\x86a\x85R.",
    "shape": b"\x80\x02}" + name("features.0.weight") + tensor(nested(60) + b"\x85") + b"s.",
    "storage": b"\x80\x02}" + name("features.0.weight") + tensor(b")", nested(60)) + b"s.",
    "length": b"\x80\x02}" + name("features.0.weight") + tensor(b")", None, nested(60)) + b"s.",
    "frame": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"}.",
    "sets": b"\x80\x04\x8f(K\x01\x90.",
    "instance": b"(S'echo'\nios\nsystem\n.",
    "many": b"\x80\x02}" + b"N0" * 1_000_001 + b".",
    "unfinished": b"\x80\x02}(",
    "calls a call": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R)R.",
}


@pytest.mark.parametrize("form", ["archive", "pickles"])
@pytest.mark.parametrize("pickled", PICKLES.values(), ids=PICKLES)
def test_pickles(form, pickled, tmp_path):
    path = tmp_path / "a.pth"
    if form == "archive":
        pth(path, pickled)
    else:
        path.write_bytes(pickled)

    refusal_of(convert, path)


def test_compressed_pickle(tmp_path):
    pth(tmp_path / "a.pth", b"\x80\x02}" + b"\x00" * 200 * MIB, zipfile.ZIP_DEFLATED)

    assert "compressed" in refusal_of(convert, tmp_path / "a.pth")


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 100_000,
        json.dumps({"conv1_1.weight": {"dtype": "F32", "shape": [2.5], "data_offsets": [0, 4]}}),
        json.dumps({"conv1_1.weight": {"dtype": "F32", "shape": [1] * 99, "data_offsets": [0, 4]}}),
    ],
    ids=["deep", "fraction", "axes"],
)
def test_safetensors(header, tmp_path):
    header = header if isinstance(header, bytes) else header.encode()
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))

    refusal_of(convert, tmp_path / "a.safetensors")


def test_safetensors_with_a_huge_header(tmp_path):
    """Lists of lists, which Python holds in many times their text."""
    header = b"[" + b"[]," * 8 * MIB + b"[]]"
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)

    assert "header of" in refusal_of(convert, tmp_path / "a.safetensors")


def _unknown_attribute(model):
    model.graph.node[0].attribute.add(name="x")


def _unknown_type(model):
    model.graph.initializer[0].data_type = 99


def _external_besides(model):
    extra = model.graph.initializer.add(name="extra", dims=[4], data_type=1, data_location=1)
    extra.external_data.add(key="location", value="../../../etc/passwd")


def _function(model):
    model.functions.add(name="Relu", domain="x")


def _other_domain(model):
    model.graph.node[0].domain = "evil"


def _fixed_size(model):
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 448


def _long_name(model):
    model.graph.node[0].name = "x" * MIB
    model.graph.node.insert(0, onnx.helper.make_node("Relu\n\x1b[2J" * MIB, ["image"], ["y"]))


@pytest.mark.parametrize(
    "change",
    [
        _unknown_attribute,
        _unknown_type,
        _external_besides,
        _function,
        _other_domain,
        _fixed_size,
        _long_name,
    ],
    ids=lambda change: change.__name__,
)
def test_graph(change, tmp_path):
    model = onnx.load(bundled_path())
    change(model)
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())

    refusal = refusal_of(read_model, tmp_path / "a.onnx")

    assert refusal.isprintable()


def test_limits_themselves_hold(tmp_path):
    """What the other tests lean on."""
    with pytest.raises(TimeoutError), limited(seconds=0.2):
        _spin()
    with pytest.raises(MemoryError), limited(size=128 * MIB):
        np.ones(100 * MIB)
    with pytest.raises(AssertionError):
        assert_not_exhausted(_raised_from(MemoryError()))
    assert list(Path(tmp_path).iterdir()) == []


def _spin():
    while True:
        pass


def _raised_from(cause):
    error = AnalogyError("a.png: damaged")
    error.__cause__ = cause
    return error
