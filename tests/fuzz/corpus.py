"""Small good files of every kind that is read, made anew each time, always the same."""

import functools
import io
import pickle
import tempfile
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from PIL import Image

from analogy.model import bundled_path
from tests.analogy import weights_files as files
from tests.picture_files import (
    ADOBE_RGB,
    COMPRESSION,
    DISPLAY_P3,
    PHOTOMETRIC,
    SRGB_CURVE,
    Tiff,
    colour_map,
    icc_curve,
    icc_formula,
    icc_gamma,
    icc_matrix,
    icc_profile,
    icc_table,
    png,
    png_chunk,
    tiff,
)

LAYOUTS = {
    "planes.tiff": Tiff(bits=16, planes=True),
    "float.tiff": Tiff(bits=32, compression="deflate", tile=16),
    "lzw.tiff": Tiff(bits=16, compression="LZW", order=">"),
    "lab.tiff": Tiff("LAB", compression="PackBits"),
    "big.tiff": Tiff(big=True, predictor=True, compression="deflate"),
}
IMAGES = ("png", "jpg", "gif", "tiff", "bmp", "webp", "ppm", "tga", "ico", "jp2", "pcx")
IMAGES += ("key.png", *LAYOUTS)

_KINDS = {1: "u", 2: "u", 4: "u", 8: "ui", 16: "uif", 32: "uif", 64: "f"}
_CHANNELS = {"white is 0": 1, "grey": 1, "RGB": 3, "palette": 1, "CMYK": 4, "YCbCr": 3, "LAB": 3}

# Every layout of a TIFF by what its samples are, its photometric interpretation and how they lie.
TIFFS = [
    (kind, Tiff(photometric, compression, bits, order, planes, tile, extra))
    for photometric in PHOTOMETRIC
    for bits, kinds in _KINDS.items()
    for kind in kinds
    for compression in COMPRESSION
    for order in "<>"
    for planes in (False, True)
    for tile in (None, 16)
    for extra in ((), (0,), (1,), (2,))
]
TIFFS += [
    (kind, replace(layout, **{change: True}))
    for kind, layout in TIFFS
    for change in ("big", "reversed_bits", "predictor")
    if layout.tile is None and not layout.extra and (kind, change) != ("f", "predictor")
]

# Those of a PNG by the kind of its pixels, the bits of a sample and what it says of its colours.
_PROFILE = icc_matrix(DISPLAY_P3, icc_formula(*SRGB_CURVE))
PNG_TAGS = {
    "none": b"",
    "key": png_chunk(b"tRNS", bytes(6)),
    "profile": png_chunk(b"iCCP", b"P3\0\0" + zlib.compress(_PROFILE)),
    "gamma": png_chunk(b"gAMA", (100_000).to_bytes(4, "big")) + png_chunk(b"cHRM", bytes(32)),
    "numbers": png_chunk(b"cICP", bytes([12, 13, 0, 1])),
}
PNGS = [
    (kind, bits, tag)
    for kind, depths in {
        "grey": (1, 2, 4, 8, 16),
        "palette": (1, 2, 4, 8),
        **dict.fromkeys(("RGB", "RGBA", "grey and alpha"), (8, 16)),
    }.items()
    for bits in depths
    for tag in PNG_TAGS
]

# Profiles of every build; those of tables are littlecms' business.
_RAMP = np.full((2, 2, 2, 3), (255, 128, 128))
_RAMP[0, ..., 0] = 0
PROFILES = {
    "gamma": icc_matrix(ADOBE_RGB, icc_gamma(2.2)),
    "formula": _PROFILE,
    "table": icc_matrix(DISPLAY_P3, icc_curve(np.linspace(0, 1, 64) ** 2)),
    "grey": icc_profile("GRAY", {"kTRC": icc_gamma(1.8)}),
    "cube": icc_profile("RGB ", {"A2B0": icc_table(_RAMP), "B2A0": icc_table(_RAMP)}, pcs="Lab "),
}

MODELS = {
    "keras.h5": files.write_keras,
    "v1.caffemodel": files.write_caffe_v1,
    "new.caffemodel": files.write_caffe,
    "pickles.pth": files.write_torch_pickles(files.torchvision_names),
    "archive.pth": files.write_torch_archive(files.torchvision_names),
    "keras.npz": files.write_npz(files.keras_names),
    "caffe.safetensors": files.write_safetensors(files.caffe_names),
}


@functools.cache
def tiff_seed(index):
    """The TIFF of one of `TIFFS`."""
    kind, layout = TIFFS[index]
    random = np.random.default_rng(0)
    shape = 33, 34, _CHANNELS[layout.photometric] + len(layout.extra)
    samples = random.random(shape)
    if kind != "f":
        samples = samples * 2 ** min(layout.bits - (kind == "i"), 16)
    tags = {}
    if layout.photometric == "palette" and layout.bits <= 8:
        tags = colour_map(random.integers(0, 2**16, (2**layout.bits, 3)), layout.bits)
    dtype = f"{kind}{max(layout.bits, 8) // 8}"
    return tiff(samples.astype(dtype), replace(layout, tags=tags))


@functools.cache
def png_seed(index):
    """The PNG of one of `PNGS`."""
    kind, bits, tag = PNGS[index]
    random = np.random.default_rng(0)
    channels = {"RGB": 3, "RGBA": 4, "grey and alpha": 2}.get(kind, 1)
    samples = random.integers(0, 2**bits, (33, 34, channels), np.uint16)
    palette = random.integers(0, 256, (2**bits, 3), np.uint8) if kind == "palette" else None
    return png(samples, kind, bits, before=PNG_TAGS[tag], palette=palette)


def with_profile(profile):
    """A PNG, grey, whose profile is as it is given."""
    samples = np.zeros((33, 34, 1), np.uint8)
    tag = png_chunk(b"iCCP", b"profile\0\0" + zlib.compress(profile))
    return png(samples, "grey", before=tag)


@functools.cache
def image_seed(kind):
    random = np.random.default_rng(0)
    if kind == "key.png":
        key = png_chunk(b"tRNS", bytes(6)) + png_chunk(
            b"zTXt", b"note\0\0" + zlib.compress(b"note")
        )
        return png(random.integers(0, 2**16, (33, 34, 3)), "RGB", 16, before=key)
    if kind in LAYOUTS:
        layout = LAYOUTS[kind]
        samples = random.random((33, 34, 3)) * (1 if layout.bits == 32 else 2**layout.bits)
        names = {8: np.uint8, 16: np.uint16, 32: np.float32}
        return tiff(samples.astype(names[layout.bits]), layout)
    image = Image.fromarray(random.integers(0, 256, (33, 34, 3), dtype=np.uint8))
    stream = io.BytesIO()
    formats = {"jpg": "JPEG", "jp2": "JPEG2000"}
    options = {"exif": _exif(image)} if kind in ("png", "jpg", "webp", "tiff") else {}
    image.save(stream, formats.get(kind, kind.upper()), **options)
    return stream.getvalue()


def _exif(image):
    exif = image.getexif()
    exif[0x0112] = 6
    return exif


@functools.cache
def model_seed(name):
    """A weights file with the first layers' names and few numbers."""
    random = np.random.default_rng(0)
    convolutions = {
        layer: (random.random((2, 2, 3, 3), np.float32), random.random(2, np.float32))
        for layer in ("conv1_1", "conv1_2")
    }
    if name.startswith(("pickles", "archive")):
        # These count their layers through the whole network.
        convolutions = dict.fromkeys(files.NAMES, convolutions["conv1_1"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        MODELS[name](path, convolutions)
        return path.read_bytes()


@functools.cache
def onnx_seed():
    """The bundled graph, its small tensors, and no large ones."""
    model = onnx.load(bundled_path())
    small = [tensor for tensor in model.graph.initializer if len(tensor.raw_data) < 300]
    del model.graph.initializer[:]
    model.graph.initializer.extend(small)
    return model.SerializeToString(deterministic=True)


@functools.cache
def npy_seed():
    stream = io.BytesIO()
    np.save(stream, np.zeros((2, 2, 3, 3), np.float32))
    return stream.getvalue()


def zipped(name, compression):
    """What puts content into an archive, as the damage of a checksum would hide that within."""

    def put(content):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", compression) as archive:
            archive.writestr(name, content)
            for key, size in enumerate((144, 8)):
                archive.writestr(f"vgg/data/{key}", bytes(size))
        return stream.getvalue()

    return put


@functools.cache
def pickle_seed():
    tensors = {"features.0.weight": np.zeros((2, 2, 3, 3), np.float32)}
    tensors["features.0.bias"] = np.zeros(2, np.float32)
    return files.state_dict(tensors, view=b"")


@functools.cache
def modern_pickle_seed():
    """Protocol 4: frames, names off the stack, and memoized values."""
    return pickle.dumps({"a": [1, 2.5, None, ("x", True)], "b": {"c": (1, 2, 3, 4)}}, 4)


def table_seed():
    """A table of pairs with options of every form."""
    return (
        b"\xef\xbb\xbfa,b,name,ratio,mask-a,viz,refine,weight\r\n"
        b'"a, b.png",b.png,one,0.5,m.png,yes,no,auto\r\n'
        b"a.png,c.png,,auto,,,,\n"
    )


def png_checksums(content):
    """A PNG's chunks with checksums that are right, so that what is within gets read."""
    mended, position = bytearray(content[:8]), 8
    while position + 8 <= len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        body = content[position + 4 : position + 8 + length]
        mended += content[position : position + 4] + body
        mended += zlib.crc32(body).to_bytes(4, "big")
        position += 12 + length
    return bytes(mended)


def same(content):
    return content
