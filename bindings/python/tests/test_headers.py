"""The ctypes declarations are those of the headers: every structure, function, callback, constant."""

import ctypes
import os
import re
import shlex
import shutil

import pytest

from headers import Headers
from snarm import _abi, _constants, _prototypes

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
INCLUDE = os.path.join(ROOT, "include", "snarm")
PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "snarm")
COMPILER = shlex.split(os.environ.get("CC", "cc"))

NUMBERS = {
    "int": ctypes.c_int,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint8_t": ctypes.c_uint8,
    "uint64_t": ctypes.c_uint64,
    "size_t": ctypes.c_size_t,
    "ptrdiff_t": ctypes.c_ssize_t,
    "float": ctypes.c_float,
    "double": ctypes.c_double,
    "void": None,
    "char *": ctypes.c_char_p,
    "void *": ctypes.c_void_p,
}


def ctype(kind, headers):
    """What ctypes calls a C type."""
    if kind in NUMBERS:
        return NUMBERS[kind]
    array = re.fullmatch(r"(.*)\[(\w+)\]", kind)
    if array:
        sizes = headers.enums[""]
        return ctype(array[1], headers) * (int(array[2]) if array[2].isdigit() else sizes[array[2]])
    if kind in headers.enums:
        return ctypes.c_int
    if kind in headers.structures or kind in headers.callbacks:
        return getattr(_abi, kind, None)
    if kind.endswith("*"):
        inner = kind[:-1].strip()
        if inner in headers.structures or inner in NUMBERS or inner.endswith("*"):
            return ctypes.POINTER(ctype(inner, headers))
        return ctypes.c_void_p  # an opaque handle
    raise ValueError(f"no ctypes type is known for {kind!r}")


def callback_differs(found, wanted, headers):
    result, kinds = wanted
    return found._restype_ is not ctype(result, headers) or list(found._argtypes_) != [ctype(kind, headers) for kind in kinds]


def differences(headers, sizes):
    """What the headers have and the package has not, or has otherwise: sentences."""
    found = []
    ours = {name: value for name, value in vars(_abi).items() if isinstance(value, type) and issubclass(value, ctypes.Structure)}
    ours.pop("Structure")
    for name in sorted(set(headers.structures) ^ set(ours)):
        found.append(f"{name}: only in {'the headers' if name in headers.structures else '_abi.py'}")
    for name in sorted(set(headers.structures) & set(ours)):
        fields, structure = headers.structures[name], ours[name]
        if [field[0] for field in structure._fields_] != list(fields):
            found.append(f"{name}: fields {list(fields)} in C, {[field[0] for field in structure._fields_]} here")
            continue
        size, places = sizes[name]
        if ctypes.sizeof(structure) != size:
            found.append(f"{name}: {size} bytes in C, {ctypes.sizeof(structure)} here")
        for field, kind in structure._fields_:
            place = getattr(structure, field)
            if (place.offset, place.size) != places[field]:
                found.append(f"{name}.{field}: offset and size {places[field]} in C, {(place.offset, place.size)} here")
            if fields[field] == "callback":
                if callback_differs(kind, headers.callbacks[f"{name}.{field}"], headers):
                    found.append(f"{name}.{field}: a callback of other arguments")
            elif kind is not ctype(fields[field], headers):
                found.append(f"{name}.{field}: {fields[field]} in C, {kind.__name__} here")
    for name in sorted(set(headers.functions) ^ set(_prototypes.FUNCTIONS)):
        found.append(f"{name}: only in {'the headers' if name in headers.functions else '_prototypes.py'}")
    for name in sorted(set(headers.functions) & set(_prototypes.FUNCTIONS)):
        (result, kinds), (our_result, our_kinds) = headers.functions[name], _prototypes.FUNCTIONS[name]
        if our_result is not ctype(result, headers):
            found.append(f"{name}: returns {result} in C")
        if len(kinds) != len(our_kinds):
            found.append(f"{name}: {len(kinds)} arguments in C, {len(our_kinds)} here")
        else:
            for i, (kind, our_kind) in enumerate(zip(kinds, our_kinds)):
                if our_kind is not ctype(kind, headers):
                    found.append(f"{name}: argument {i} is {kind} in C, {our_kind.__name__} here")
    for name, callback in headers.callbacks.items():
        if "." not in name and callback_differs(getattr(_abi, name), callback, headers):
            found.append(f"{name}: a callback of other arguments")
    for name, values in headers.enums.items():
        if name == "":
            ours = {constant: getattr(_constants, constant[len("SNARM_") :], None) for constant in values}
        elif name not in _constants.ENUMS:
            found.append(f"{name}: only in the headers")
            continue
        else:
            start, enum = _constants.ENUMS[name]
            ours = {start + member.name: int(member) for member in enum}
        if ours != values:
            found.append(f"enum {name}: {values} in C, {ours} here")
    version = tuple(int(headers.defines[f"SNARM_VERSION_{part}"]) for part in ("MAJOR", "MINOR", "PATCH"))
    if version != _constants.VERSION:
        found.append(f"version {version} in C, {_constants.VERSION} here")
    for name, value in headers.defines.items():
        if not name.startswith("SNARM_VERSION_") and getattr(_constants, name[len("SNARM_") :], None) != value:
            found.append(f"{name}: {value!r} in C")
    return found


needs_compiler = pytest.mark.skipif(
    shutil.which(COMPILER[0]) is None or not os.path.isdir(INCLUDE), reason="needs a C compiler and the checkout's headers"
)


@needs_compiler
def test_declarations_are_those_of_the_headers(tmp_path):
    headers = Headers(INCLUDE)
    assert len(headers.structures) >= 29 and len(headers.functions) >= 80
    assert differences(headers, headers.measure(COMPILER, tmp_path)) == []


CHANGES = [
    ("detector.h", "    float map_threshold; /* map values", "    int32_t added; float map_threshold; /* map values", "snarm_result: fields"),
    ("bank.h", "int32_t exact; ", "int64_t exact; ", "snarm_bank_options.exact: "),
    ("bank.h", "    int32_t threads; /* default 0", "    double threads; /* default 0", "snarm_bank_options"),
    ("map.h", "double sigma", "int32_t added, double sigma", "snarm_map_smooth: 6 arguments in C, 5 here"),
    ("map.h", "double sigma", "float sigma", "snarm_map_smooth: argument 3"),
    ("status.h", "SNARM_API int32_t snarm_default", "SNARM_API int snarm_added(void); SNARM_API int32_t snarm_default", "snarm_added: only in the headers"),
    ("train.h", "size_t index, snarm_train_sample *sample", "snarm_train_sample *sample", "snarm_train_source.load: a callback"),
    ("status.h", "uint64_t done, uint64_t total", "uint64_t done, int32_t total", "snarm_progress_fn: a callback"),
    ("image.h", "SNARM_RGBA8 = 4", "SNARM_RGBA8 = 5", "enum snarm_pixel_format"),
    ("backbone.h", "SNARM_LAYERS_MAX = 64", "SNARM_LAYERS_MAX = 65", "enum : "),
    ("backbone.h", '_BACKBONE "builtin"', '_BACKBONE "inside"', "SNARM_BUILTIN_BACKBONE: 'inside' in C"),
    ("status.h", "#define SNARM_VERSION_PATCH ", "#define SNARM_VERSION_PATCH 99\n#define SNARM_PATCH_BEFORE ", "version ("),
]


@needs_compiler
@pytest.mark.parametrize("header, text, changed, sentence", CHANGES)
def test_a_changed_header_is_noticed(tmp_path, header, text, changed, sentence):
    folder = tmp_path / "include" / "snarm"
    shutil.copytree(INCLUDE, folder)
    content = (folder / header).read_text(encoding="utf-8")
    assert text in content
    (folder / header).write_text(content.replace(text, changed, 1), encoding="utf-8")
    headers = Headers(str(folder))
    found = differences(headers, headers.measure(COMPILER, tmp_path))
    assert any(sentence in line for line in found), found


def test_every_function_is_called_somewhere():
    code = ""
    for name in sorted(os.listdir(PACKAGE)):
        if name.endswith(".py") and name != "_prototypes.py":
            with open(os.path.join(PACKAGE, name), encoding="utf-8") as file:
                code += file.read()
    # Init functions are called by the name of their structure (_options.options).
    called = set(re.findall(r"lib\.(snarm_\w+)", code)) | {name + "_init" for name in re.findall(r"options\(\s*abi\.(snarm_\w+)", code)}
    called |= {name + "_init" for name in re.findall(r"options\(abi\.(snarm_\w+)", code)}
    assert set(_prototypes.FUNCTIONS) - called == set()


@pytest.mark.skipif(not os.path.isfile(os.path.join(ROOT, "meson.build")), reason="needs the checkout")
def test_version_is_the_project_s():
    import snarm

    with open(os.path.join(ROOT, "meson.build"), encoding="utf-8") as file:
        assert re.search(r"version: '([\d.]+)'", file.read())[1] == snarm.__version__ == snarm.library_version()
