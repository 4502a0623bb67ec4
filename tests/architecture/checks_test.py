#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The checks of this folder find planted violations and leave sound files alone."""

import pathlib
import tempfile
import unittest

import conventions
import layering

LICENCE = "// SPDX-License-Identifier: Apache-2.0\n"


class Tree(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve()

    def plant(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


class Layering(Tree):
    def violations(self, name, line):
        self.plant(name, LICENCE + line + "\n")
        return layering.check_tree(self.root)[1]

    def test_forbidden_includes_are_found(self):
        planted = {
            "kernels/cpu/a.cpp": "#include <ATen/ATen.h>",
            "kernels/cpu/b.cpp": "#include <nlohmann/json.hpp>",
            "kernels/cpu/c.cpp": "#include <fstream>",
            "core/src/base/d.cpp": '#include "mxscope/core/formats/format.h"',
            "core/src/formats/e.cpp": "#include <sqlite3.h>",
            "core/src/stats/f.cpp": "#include <iostream>",
            "core/src/stats/g.cpp": '#include "mxscope/core/results/run.h"',
            "core/src/results/h.cpp": '#include "mxscope/core/protocol/events.h"',
            "core/src/schedule/i.cpp": '#include "mxscope/engine/engine.h"',
            "core/src/data/j.cpp": "#include <torch/torch.h>",
            "core/engine/src/run/k.cpp": "#include <QString>",
            "ui/src/panels/l.cpp": '#include "mxscope/engine/engine.h"',
            "ui/src/panels/m.cpp": '#include "mxscope/core/store/store.h"',
            "ui/src/panels/n.cpp": "  #  include <c10/core/Device.h>",
            "app/cli/o.cpp": "#include <QtCore/QString>",
            "app/gui/p.cpp": '#include "mxscope/core/checkpoint/decoder_spec.h"',
            "core/src/stats/q.cpp": 'void f() { std::cout << "figure"; }',
            "core/engine/src/run/r.cpp": 'void f() { printf("figure"); }',
            "server/s.cpp": "",
        }
        for name, line in planted.items():
            with self.subTest(name):
                found = self.violations(name, line)
                if name.startswith("server/"):
                    self.assertEqual(found, [])  # no layer's folder
                else:
                    self.assertEqual(len(found), 1, found)
                    self.assertTrue(found[0].startswith(f"{name}:2: "), found)
                (self.root / name).unlink()

    def test_a_private_header_of_another_layer_is_found(self):
        self.plant("core/engine/src/run/worker.h", LICENCE)
        found = self.violations("ui/src/panels/a.cpp", '#include "../../../core/engine/src/run/worker.h"')
        self.assertEqual(len(found), 1, found)

    def test_an_unknown_folder_of_a_layer_is_found(self):
        found = self.violations("core/src/misc/a.cpp", "")
        self.assertEqual(len(found), 1, found)

    def test_allowed_includes_pass(self):
        allowed = {
            "kernels/cuda/a.cu": "#include <cub/cub.cuh>",
            "core/src/results/b.cpp": '#include "mxscope/core/stats/paired.h"',
            "core/src/store/c.cpp": "#include <sqlite3.h>",
            "core/src/store/d.cpp": "#include <filesystem>",
            "core/engine/src/run/e.cpp": "#include <ATen/ATen.h>",
            "core/engine/src/run/f.cpp": '#include "mxscope/kernels/mx_quantize.h"',
            "ui/src/panels/g.cpp": '#include "mxscope/core/protocol/events.h"',
            "app/cli/h.cpp": "#include <iostream>",
            "core/src/base/i.cpp": '// a comment may say printf("x")',
            "core/src/base/j.cpp": 'const char* text = "std::cout";',
            "core/src/base/k.cpp": "int n = std::snprintf(buffer, size, format);",
        }
        for name, line in allowed.items():
            with self.subTest(name):
                self.assertEqual(self.violations(name, line), [])


class Conventions(Tree):
    def violations(self, name, text):
        self.plant(name, text)
        return conventions.check_tree(self.root)[1]

    def test_violations_are_found(self):
        machine = "/ro" + "ot/cache"
        planted = {
            "core/src/a.cpp": "int a;\n",
            "ui/src/b.cpp": LICENCE,
            "core/src/c.cpp": LICENCE + "\n" * 600,
            "core/src/d.cpp": LICENCE + f'const char* d = "{machine}";\n',
            "docs/e.md": f"Look in {machine}.\n",
            "core/src/f.cpp": LICENCE + "// TO" + "DO\n",
            "core/include/mxscope/core/g.h": LICENCE,
            "docs/h.md": "See [there](missing.md).\n",
            "docs/i.md": "Run `bash packaging/missing.sh`.\n",
        }
        for name, text in planted.items():
            with self.subTest(name):
                found = self.violations(name, text)
                self.assertEqual(len(found), 1, found)
                self.assertTrue(found[0].startswith(f"{name}:"), found)
                (self.root / name).unlink()

    def test_sound_files_pass(self):
        self.plant("core/CMakeLists.txt", "# SPDX-License-Identifier: Apache-2.0\ninclude/mxscope/core/a.h\n")
        self.plant("core/include/mxscope/core/a.h", LICENCE + "\n" * 599)
        self.plant("packaging/b.sh", "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\nls ~/.cache /usr/share\n")
        self.plant("docs/d.md", "See [b](../packaging/b.sh#top), <https://a.org>, run `bash packaging/b.sh -x`.\n")
        self.plant("ui/c.cpp", "// SPDX-License-Identifier: GPL-3.0-or-later\n")
        self.assertEqual(conventions.check_tree(self.root)[1], [])


if __name__ == "__main__":
    unittest.main()
