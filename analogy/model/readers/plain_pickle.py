"""Pickles that hold only plain data, interpreted here and not by Python's unpickler.

A pickle is a program. Python's own machine for it calls whatever the program names, allocates a
table of whatever size it states, and hashes what takes for ever to hash. This one knows the few
operations that plain data needs, calls only what it is given, and builds nothing larger than a
constant times the file.
"""

from __future__ import annotations

import pickletools

# More than any state dict has, yet few enough that they are read within seconds.
_MOST_OPERATIONS = 1_000_000

_PUSH_ARGUMENT = {
    *("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "BINFLOAT", "FLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE"),
    *("BINSTRING", "SHORT_BINSTRING", "STRING", "BINBYTES", "SHORT_BINBYTES"),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_REMEMBER = {"PUT", "BINPUT", "LONG_BINPUT"}
_RECALL = {"GET", "BINGET", "LONG_BINGET"}
_IGNORED = {"PROTO", "FRAME"}


def load(stream, functions):
    """Read one pickle.

    Parameters
    ----------
    stream : binary file
        Left behind the pickle's end.
    functions : dict, (module, name) -> callable or plain value
        All that the pickle may name. What it calls is called with plain values.

    Returns
    -------
    int, float, str, bytes, None, tuple, list, dict, or what the functions return
        A persistent reference stands as the tuple that it is.

    Raises
    ------
    ValueError
        If the pickle is malformed or has other operations.
    """
    machine = _Machine(functions)
    for count, (operation, argument, _) in enumerate(pickletools.genops(stream)):
        if count > _MOST_OPERATIONS:
            raise ValueError("its pickle has too many operations")
        if operation.name == "STOP":
            return machine.stack.pop()
        try:
            machine.do(operation.name, argument)
        except (IndexError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"its pickle is malformed at {operation.name}") from error
    raise ValueError("its pickle has no end")


class _Machine:
    def __init__(self, functions):
        self._functions = functions
        self._memory = {}
        self._below_marks = []
        self.stack = []

    def do(self, name, argument):
        stack = self.stack
        if name in _PUSH_ARGUMENT:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name in _TUPLES:
            values = [stack.pop() for _ in range(_TUPLES[name])]
            stack.append(tuple(values[::-1]))
        elif name in _REMEMBER:
            self._memory[argument] = stack[-1]
        elif name in _RECALL:
            stack.append(self._memory[argument])
        elif name not in _IGNORED:
            getattr(self, f"_{name.lower()}", _unknown(name))(argument)

    def _memoize(self, _):
        self._memory[len(self._memory)] = self.stack[-1]

    def _mark(self, _):
        self._below_marks.append(self.stack)
        self.stack = []

    def _since_mark(self):
        values, self.stack = self.stack, self._below_marks.pop()
        return values

    def _tuple(self, _):
        values = self._since_mark()
        self.stack.append(tuple(values))

    def _list(self, _):
        values = self._since_mark()
        self.stack.append(values)

    def _dict(self, _):
        values = self._since_mark()
        self.stack.append({})
        self._set(values)

    def _append(self, _):
        value = self.stack.pop()
        self._extend([value])

    def _appends(self, _):
        self._extend(self._since_mark())

    def _extend(self, values):
        if type(self.stack[-1]) is not list:
            raise ValueError("its pickle appends to what is no list")
        self.stack[-1].extend(values)

    def _setitem(self, _):
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def _setitems(self, _):
        self._set(self._since_mark())

    def _set(self, values):
        keys = values[::2]
        # The hash of a tuple of tuples that share their items can take for ever.
        if type(self.stack[-1]) is not dict or not all(type(key) in (str, int) for key in keys):
            raise ValueError("its pickle has keys that are neither text nor numbers")
        self.stack[-1].update(zip(keys, values[1::2], strict=True))

    def _global(self, argument):
        module, _, name = argument.partition(" ")
        self._name(module, name)

    def _stack_global(self, _):
        name, module = self.stack.pop(), self.stack.pop()
        if not type(name) is type(module) is str:
            raise ValueError("its pickle names what is no name")
        self._name(module, name)

    def _name(self, module, name):
        if (module, name) not in self._functions:
            raise ValueError(f"it asks for {module}.{name}, which no state dict needs")
        self.stack.append(self._functions[module, name])

    def _reduce(self, _):
        arguments, function = self.stack.pop(), self.stack.pop()
        if not any(function is known for known in self._functions.values()):
            raise ValueError("its pickle calls what is no function")
        if type(arguments) is not tuple:
            raise ValueError("its pickle calls with what are no arguments")
        self.stack.append(function(*arguments))

    def _build(self, _):
        # State of an object, such as a dict's attributes: nothing that plain data needs.
        self.stack.pop()

    def _binpersid(self, _):
        if type(self.stack[-1]) is not tuple:
            raise ValueError("its pickle refers to what is no storage")


def _unknown(name):
    def refuse(_):
        raise ValueError(f"its pickle has the operation {name}, which no state dict needs")

    return refuse
