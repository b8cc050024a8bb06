"""Damage to files, drawn by hypothesis so that what fails is made as small as it can be."""

from hypothesis import strategies as st

_NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1]
_NUMBERS += [2**64 - 1, 2**20, 2**28]


def _flip(content, at, value):
    content[at] ^= 1 << value % 8


def _replace(content, at, value):
    content[at] = value & 0xFF


def _number(content, at, value):
    number, length = _NUMBERS[value % len(_NUMBERS)], (1, 2, 4, 8)[value >> 8 & 3]
    order = "big" if value >> 16 & 1 else "little"
    content[at : at + length] = (number % 256**length).to_bytes(length, order)


def _delete(content, at, value):
    del content[at : at + 1 + value % 64]


def _double(content, at, value):
    content[at:at] = content[at : at + 1 + value % 256]


def _insert(content, at, value):
    content[at:at] = value.to_bytes(4, "little")


def _move(content, at, value):
    other = value % len(content)
    content[at : at + 8] = content[other : other + 8]


def _cut(content, at, value):
    del content[at:]


_KINDS = (_flip, _replace, _number, _number, _delete, _double, _insert, _move, _cut)

_edits = st.lists(
    st.tuples(
        st.sampled_from(_KINDS),
        st.integers(0, 2**16 - 1),
        st.booleans(),
        st.integers(0, 2**32 - 1),
    ),
    min_size=1,
    max_size=6,
)


def damaged(seed):
    """Strategy of byte strings that a few edits make of `seed`."""
    return _edits.map(lambda edits: _edited(seed, edits))


def _edited(seed, edits):
    content = bytearray(seed)
    for edit, place, in_head, value in edits:
        if content:
            # Heads say how large everything else is: half of the edits go there.
            edit(content, place % min(len(content), 512 if in_head else len(content)), value)
    return bytes(content)
