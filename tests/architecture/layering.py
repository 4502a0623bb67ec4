#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads every include of the tree against the layers that each folder may use.

  layering.py [ROOT]

`core <- ui <- app/gui` and `kernels, core <- core/engine <- app/cli`; inside core
`base <- formats <- experiment <- results, stats <- protocol`. Prints `file:line: sentence` for each
include or print that a folder must not have, and exits with 1 if there is any.
"""

import pathlib
import re
import sys

# Areas of core, and the areas each may include besides itself.
CORE = {"base": set(), "formats": {"base"}, "experiment": {"base", "formats"},
        "stats": {"base", "formats", "experiment"}}
CORE["results"] = set(CORE) | {"stats"}
CORE["protocol"] = set(CORE)
CORE_ALL = set(CORE)
DATA = {"checkpoint", "data", "store"}

# Libraries by the first part of an include. What no library claims and is written in angle brackets
# without a dot or slash is the C++ library; C and POSIX headers are listed by name.
LIBRARIES = {
    "torch": r"(torch|ATen|c10|caffe2)/",
    "cuda": r"(cuda[\w]*\.h$|cuda_[\w]+\.h$|cub/|thrust/|cooperative_groups|device_launch|vector_types|cuda/)",
    "qt": r"(Q[A-Z]\w*$|Qt\w*/|qcustomplot)",
    "json": r"nlohmann/",
    "re2": r"re2/",
    "sqlite": r"sqlite3\.h",
    "curl": r"curl/",
    "tokenizer": r"mxscope_tokenizer\.h",
    "arrow": r"(arrow|parquet)/",
    "cli11": r"CLI/",
    "spdlog": r"(spdlog|fmt)/",
}
FILES = re.compile(r"(fstream|filesystem)$")
STREAMS = re.compile(r"(iostream|print)$")
PRINTING = re.compile(r"\bstd::(cout|cerr|clog|puts|printf|fprintf)\b|(?<![\w:.>])(printf|fprintf|puts|putchar)\s*\(")


class Layer:
    """What one folder may use: its project includes and its libraries."""

    def __init__(self, folder, projects, libraries, prints=False, files=True):
        self.folder = folder
        self.projects = projects
        self.libraries = set(libraries)
        self.prints = prints
        self.files = files


def core(areas):
    return {f"core/{area}" for area in areas}


EVERY_CORE = core(CORE_ALL | DATA | {"schedule"})
LAYERS = [Layer("kernels", {"kernels"}, {"cuda"}, files=False)]
for prefix in ("core/include/mxscope/core", "core/src"):
    for area, uses in CORE.items():
        LAYERS.append(Layer(f"{prefix}/{area}", core(uses | {area}), {"json", "re2"}))
    for area in DATA:
        LAYERS.append(Layer(f"{prefix}/{area}", core(CORE_ALL | DATA),
                            {"json", "re2", "sqlite", "curl", "tokenizer", "arrow"}))
    LAYERS.append(Layer(f"{prefix}/schedule", core(CORE_ALL | {"schedule"}), {"json"}))
LAYERS += [
    Layer("core/engine", EVERY_CORE | {"kernels", "engine"}, {"torch", "cuda", "json", "re2"}),
    Layer("ui", core(CORE_ALL) | {"ui"}, {"qt", "json", "re2"}),
    Layer("app/cli", EVERY_CORE | {"engine", "cli"}, {"cli11", "spdlog", "json"}, prints=True),
    Layer("app/gui", core(CORE_ALL) | {"ui"}, {"qt", "json"}, prints=True),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SOURCES = {".h", ".cpp", ".cu", ".cuh"}


def without_comments(line):
    return re.sub(r'"(\\.|[^"\\])*"', '""', line.split("//")[0]) if "include" not in line else line


def layer_of(path):
    best = None
    for layer in LAYERS:
        if path.startswith(layer.folder + "/") and (best is None or len(layer.folder) > len(best.folder)):
            best = layer
    return best


def complaint(layer, bracket, name):
    """A sentence on what is wrong with an include, or None."""
    if name.startswith("mxscope/"):
        parts = name.split("/")
        area = "/".join(parts[1:3]) if parts[1] == "core" else parts[1]
        if area not in layer.projects:
            return f"{layer.folder} may not include {area}"
        return None
    for library, pattern in LIBRARIES.items():
        if re.match(pattern, name):
            return None if library in layer.libraries else f"{layer.folder} may not use {library}"
    if bracket == "<":
        if STREAMS.match(name) and not layer.prints:
            return f"{layer.folder} prints nothing, so it needs no <{name}>"
        if FILES.match(name) and not layer.files:
            return f"{layer.folder} reads and writes no files, so it needs no <{name}>"
    return None


def check_relative(root, path, layer, name):
    """A quoted include without the mxscope/ prefix must stay inside its own layer."""
    for base in (path.parent, root / layer.folder, root / layer.folder / "src", root / "core/src"):
        target = (base / name).resolve()
        if target.is_file() and target.is_relative_to(root):
            other = layer_of(target.relative_to(root).as_posix())
            if other is None or other is layer:
                return None
            pair = [re.sub(r"^core/(include/mxscope/core|src)/", "core/", x.folder) for x in (layer, other)]
            if pair[0] == pair[1] or pair[1] in layer.projects:
                return None
            return f"{layer.folder} may not include a file of {other.folder}"
    return None


def check_file(root, path):
    relative = path.relative_to(root).as_posix()
    layer = layer_of(relative)
    if layer is None:
        return [f"{relative}:1: no layer is known for this folder; add it to tests/architecture/layering.py"]
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            bracket, name = match.groups()
            problem = complaint(layer, bracket, name)
            if problem is None and bracket == '"' and not name.startswith("mxscope/"):
                problem = check_relative(root, path, layer, name)
        elif not layer.prints and PRINTING.search(without_comments(line)):
            problem = f"{layer.folder} prints nothing"
        else:
            problem = None
        if problem:
            found.append(f"{relative}:{number}: {problem}")
    return found


def check_tree(root):
    found, files = [], 0
    for top in ("kernels", "core", "ui", "app"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in SOURCES and "tokenizer_shim" not in path.parts:
                files += 1
                found += check_file(root, path)
    return files, found


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    files, found = check_tree(root)
    for line in found:
        print(line)
    print(f"{files} files read, {len(found)} violations")
    return 1 if found or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
