#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks every tracked text file: licence line, length, paths of one machine, leftovers.

  conventions.py [ROOT]

- source files begin with an SPDX line; GPL-3.0-or-later under ui/ and app/gui/, either licence under
  tests/ui/, Apache-2.0 elsewhere;
- source files have at most 600 lines;
- no file names a folder of one machine;
- every public header is listed with its library, so that the check that compiles each header alone
  sees it;
- what a document links to, and every script that it tells to run, exists.
"""

import pathlib
import re
import subprocess
import sys

SOURCES = {".h", ".cpp", ".cu", ".cuh", ".rs", ".py", ".sh", ".cmake"}
TEXT = SOURCES | {".md", ".json", ".toml", ".txt", ".yml", ".mxscope", ".qss"}
APACHE, GPL = "Apache-2.0", "GPL-3.0-or-later"
LICENCES = {"ui/": [GPL], "app/gui/": [GPL], "tests/ui/": [GPL, APACHE]}
LONGEST = 600
# Written in pieces, so that this file does not hold what it looks for.
MACHINE = re.compile(r"(?<![\w.~$}])/(" + "|".join(["wo" + "rk", "ro" + "ot", "ho" + r"me/[a-z]\w*"]) + r")/")
LEFTOVER = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")


def tracked(root):
    """Files that git knows, or all files where there is no repository (an unpacked archive)."""
    listing = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, text=True)
    if listing.returncode == 0 and listing.stdout:
        names = listing.stdout.rstrip("\0").split("\0")
    else:
        names = [p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()]
        names = [n for n in names if not n.startswith(("build", ".git/"))]
    return sorted(n for n in names if (root / n).is_file())


def is_source(name):
    return pathlib.PurePath(name).suffix in SOURCES or name.endswith("CMakeLists.txt")


def check_licence(name, lines):
    first = lines[0] if lines else ""
    if first.startswith("#!") and len(lines) > 1:
        first = lines[1]
    wanted = next((l for folder, l in LICENCES.items() if name.startswith(folder)), [APACHE])
    match = re.search(r"SPDX-License-Identifier: (\S+)", first)
    if not match:
        return f"{name}:1: begins without an SPDX-License-Identifier line"
    if match.group(1) not in wanted:
        return f"{name}:1: is under {match.group(1)}, but this folder is under {' or '.join(wanted)}"
    return None


def check_headers(root, names):
    lists = "\n".join((root / n).read_text(encoding="utf-8") for n in names
                      if n.endswith(("CMakeLists.txt", "sources.cmake")))
    for name in names:
        match = re.search(r"(?:^|/)include/(mxscope/.*\.h)$", name)
        if match and match.group(1) not in lists:
            yield f"{name}:1: is listed by no library"


def check_document(root, name, lines):
    folder = (root / name).parent
    for number, line in enumerate(lines, 1):
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", line):
            if "://" not in target and not (folder / target).exists():
                yield f"{name}:{number}: links to {target}, which does not exist"
        for script in re.findall(r"\bbash ([\w./-]+)", line):
            if not (root / script).is_file():
                yield f"{name}:{number}: tells to run {script}, which does not exist"


def check_tree(root):
    names = tracked(root)
    found = []
    for name in names:
        if pathlib.PurePath(name).suffix not in TEXT and not is_source(name):
            continue
        try:
            lines = (root / name).read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # test data with broken text
        if name.endswith(".md"):
            found += check_document(root, name, lines)
        if is_source(name):
            problem = check_licence(name, lines)
            if problem:
                found.append(problem)
            if len(lines) > LONGEST:
                found.append(f"{name}:{LONGEST + 1}: has {len(lines)} lines; split it ({LONGEST} at most)")
        for number, line in enumerate(lines, 1):
            if MACHINE.search(line):
                found.append(f"{name}:{number}: names a folder of one machine")
            if is_source(name) and LEFTOVER.search(line):
                found.append(f"{name}:{number}: is unfinished")
    found += check_headers(root, names)
    return len(names), found


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    files, found = check_tree(root)
    for line in found:
        print(line)
    print(f"{files} files read, {len(found)} violations")
    return 1 if found or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
