# SPDX-License-Identifier: Apache-2.0
"""A real checkpoint on real text against transformers: protocols `documents` and `seed` (transformers_nll.py)."""
import json
import pathlib
import subprocess
import sys

import support
from support import SHARED, experiment, run, runs, window_rows, write_json

MODEL = SHARED / "data" / "stories260K"
TEXTS = SHARED / "data" / "text" / "tinystories_1000.json"
SAMPLES = 200  # of 1000: a quarter of an hour of transformers would add nothing


def reference(protocol, context, samples):
    p = subprocess.run([sys.executable, str(pathlib.Path(__file__).with_name("transformers_nll.py")), str(MODEL), str(TEXTS),
                        "--protocol", protocol, "--context", str(context), "--samples", str(samples)],
                       stdout=subprocess.PIPE, text=True)
    if p.returncode == 77:
        raise support.unittest.SkipTest("transformers is not here")
    if p.returncode:
        raise AssertionError("transformers_nll.py failed")
    return json.loads(p.stdout)


class Transformers(support.Case):
    def evaluate(self, protocol, context, samples):
        document = experiment(MODEL, TEXTS, protocol={"name": protocol, "context": context},
                              data={"source": str(TEXTS), "max_samples": samples}, variants=[])
        run("run", write_json(self.dir / "e.mxscope", document), "-o", self.dir / "out", "--quiet", "--no-table", check=0, timeout=800)
        return runs(self.dir / "out")["baseline"]

    def test_documents(self):
        want, got = reference("documents", 512, SAMPLES), self.evaluate("documents", 512, SAMPLES)
        self.assertEqual((got["windows"], got["tokens"]), (want["windows"], want["tokens"]))
        self.assertAlmostEqual(got["metrics"]["nll"], want["nll"], delta=1e-5)
        self.assertAlmostEqual(got["metrics"]["entropy"], want["entropy"], delta=1e-5)

    def test_seed(self):
        want, got = reference("seed", 256, SAMPLES // 2), self.evaluate("seed", 256, SAMPLES // 2)
        self.assertEqual(got["windows"], want["windows"])
        self.assertEqual(sum(int(r["argmax_positions"]) for r in window_rows(self.dir / "out").values()), want["positions"])
        self.assertIsNone(got["metrics"]["nll"])
        self.assertIsNone(got["metrics"]["ppl"])
        self.assertAlmostEqual(got["metrics"]["argmax_xent"], want["argmax_xent"], delta=1e-4)
        self.assertAlmostEqual(got["metrics"]["argmax_entropy"], want["argmax_entropy"], delta=1e-4)


if __name__ == "__main__":
    support.main(needs=[MODEL, TEXTS])
