# SPDX-License-Identifier: Apache-2.0
"""Figures do not depend on how the work is cut: panels, threads, sharing, company of other variants."""
import support
from support import experiment, make_model, make_text, run, runs, window_rows, write_json

RULES = {
    "fp4": [{"match": ["@mlp"], "weight": "mxfp4_e2m1", "activation": "mxfp4_e2m1"}],
    "weights": [{"match": ["@all"], "weight": "mxfp6_e2m3", "activation": "none", "block": 16}],
    "late": [{"match": ["re:layers\\.1\\."], "weight": "mxint8", "activation": "mxint8"}],
}


def variants(*names):
    return [{"name": name, "rules": RULES[name]} for name in names]


class Invariance(support.Case):
    def evaluate(self, name, document, *flags):
        out = self.dir / name
        run("run", write_json(self.dir / f"{name}.mxscope", document), "-o", out, "--quiet", "--no-table", *flags, check=0)
        return window_rows(out)

    def test_panels_threads_sharing_and_company(self):
        model = make_model(self.dir / "model")
        text = make_text(self.dir / "text.txt", 2000)
        document = experiment(model, text, variants=variants("fp4", "weights", "late"),
                              protocol={"name": "windows", "context": 32, "max_windows": 24})
        first = self.evaluate("first", document)
        self.assertEqual(len(first), 4 * 24)
        for name, flags in {"panels of 1": ["--panel-windows", "1"], "panels of 5": ["--panel-windows", "5"],
                            "one thread": ["--threads", "1"], "three threads": ["--threads", "3"],
                            "no sharing": ["--no-sharing"],
                            "all": ["--no-sharing", "--panel-windows", "7", "--threads", "2"]}.items():
            with self.subTest(name):
                self.assertEqual(self.evaluate(name.replace(" ", "-"), document, *flags), first)
        for name in RULES:
            with self.subTest(f"{name} alone"):
                alone = self.evaluate(f"alone-{name}", {**document, "variants": variants(name)})
                self.assertEqual(alone, {key: row for key, row in first.items() if key[0] in ("baseline", name)})

    def test_experts_too(self):
        model = make_model(self.dir / "model", "mixtral")
        text = make_text(self.dir / "text.txt", 1200)
        document = experiment(model, text, protocol={"name": "windows", "context": 32, "max_windows": 8},
                              variants=[{"name": "fp4", "rules": [{"match": ["@experts"], "weight": "mxfp4_e2m1",
                                                                   "activation": "mxfp4_e2m1"}]}])
        first = self.evaluate("first", document)
        self.assertEqual(self.evaluate("other", document, "--panel-windows", "3", "--threads", "1", "--no-sharing"), first)

    def test_a_rule_without_effect_changes_nothing(self):
        file = self.tiny(variants=[
            {"name": "nothing", "rules": [{"match": ["no_such_layer"], "weight": "mxfp4_e2m1"}]},
            {"name": "none", "rules": [{"match": ["@all"], "weight": "none", "activation": "none"}]}])
        p = run("run", file, "-o", self.dir / "out", "--no-table", check=0)
        self.assertIn("no_such_layer", p.stderr)  # the warning about a rule that matches nothing
        found = runs(self.dir / "out")
        for name in ("nothing", "none"):
            run_ = found[name]
            self.assertEqual(run_["layers"], 0)
            self.assertEqual((run_["metrics"]["kl"], run_["metrics"]["top1"]), (0, 1))
            delta = run_["delta"]
            self.assertEqual([delta[k] for k in ("nll", "nll_se", "ppl", "ppl_percent", "entropy", "xent_percent")], [0] * 6)
            self.assertEqual((delta["nll_ci95"], delta["ppl_ci95"]), ([0, 0], [0, 0]))
            for key in ("nll", "ppl", "entropy", "argmax_xent"):
                self.assertEqual(run_["metrics"][key], found["baseline"]["metrics"][key])
        self.assertIsNone(found["baseline"]["delta"])


if __name__ == "__main__":
    support.main()
