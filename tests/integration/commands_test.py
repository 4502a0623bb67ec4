# SPDX-License-Identifier: Apache-2.0
"""Every command from outside: help, JSON, files, exit codes, streams that fail."""
import csv
import io
import json
import os
import pty
import subprocess
import time

import support
from support import MXSCOPE, experiment, make_model, make_text, results, run, run_json, runs, window_rows, write_json

COMMANDS = ["run", "estimate", "validate", "inspect", "export", "compare", "quantize", "logits", "formats", "protocols",
            "bench", "devices", "serve", "version"]


class Help(support.Case):
    def test_overview_names_every_command(self):
        page = run("--help", check=0).stdout
        for command in COMMANDS:
            self.assertRegex(page, rf"(?m)^      {command} ")

    def test_every_command_has_a_manual_page(self):
        for command in COMMANDS:
            with self.subTest(command):
                page = run(command, "--help", check=0).stdout
                for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", "EXAMPLES", "EXIT STATUS"):
                    self.assertRegex(page, rf"(?m)^{heading}$")
                self.assertIn("--json", page)
                for number in range(5):
                    self.assertRegex(page, rf"(?m)^    {number}  ")
                longest = max(page.splitlines(), key=len)
                self.assertLessEqual(len(longest), 150, longest)

    def test_documented_flags_are_those_of_the_program(self):
        text = (support.SOURCE / "docs" / "commands.md").read_text()
        for command in COMMANDS:
            self.assertIn(f"`mxscope {command}", text)
            section = text.split(f"\n## mxscope {command}\n")[1].split("\n## ")[0]
            page = run(command, "--help", check=0).stdout
            flags = {word.strip(",") for line in page.splitlines() if line.startswith("    -") for word in line.split()
                     if word.startswith("--")}
            documented = {word for word in section.replace("`", " ").replace(",", " ").replace("|", " ").split()
                          if word.startswith("--")}
            self.assertLessEqual(flags - {"--help", "--json"}, documented, command)

    def test_version(self):
        self.assertRegex(run("--version", check=0).stdout, r"^mxscope \d+\.\d+\.\d+\n$")
        about = run_json("version")
        self.assertIn(about["version"], run("version", check=0).stdout)


class Lists(support.Case):
    def test_formats(self):
        listed = {f["name"]: f for f in run_json("formats")["formats"]}
        self.assertEqual(listed["mxfp4_e2m1"]["max"], 6)
        self.assertEqual(listed["mxfp4_e2m1"]["bits_per_value"], 4.25)
        self.assertEqual(listed["mxfp8_e5m2"]["max"], 57344)
        table = run("formats", check=0).stdout
        for name in listed:
            self.assertIn(name, table)
        self.assertNotIn("none", listed)

    def test_protocols(self):
        listed = {p["name"]: p["available"] for p in run_json("protocols")["protocols"]}
        self.assertEqual(set(listed), {"windows", "concat2048", "sliding", "lm-eval", "llama.cpp", "seed", "documents"})
        for name in ("windows", "concat2048", "documents", "seed"):
            self.assertTrue(listed[name], name)
        self.assertIn("documents", run("protocols", check=0).stdout)

    def test_devices(self):
        devices = run_json("devices")["devices"]
        self.assertEqual(devices[0]["id"], "cpu")
        self.assertGreaterEqual(devices[0]["cores"], 1)
        self.assertIn("cpu", run("devices", check=0).stdout)


class Look(support.Case):
    def test_inspect(self):
        model = make_model(self.dir / "model", "gpt2")
        found = run_json("inspect", model, "--tier", "A,B", "--block", "64")
        self.assertEqual(found["architecture"]["model_type"], "gpt2")
        by_name = {v["name"]: v for v in found["variants"]}
        self.assertEqual(len(by_name), 2)
        layers = found["architecture"]["layers"]
        self.assertEqual(sorted(v["layers"] for v in by_name.values()), [2 * layers, 4 * layers])
        table = run("inspect", model, "--tier", "A", check=0).stdout
        self.assertIn("mlp.c_fc", table)
        self.assertIn("mxfp8_e4m3/32", table)
        everything = run("inspect", model, "--all", check=0).stdout
        for linear in found["linears"]:
            self.assertIn(linear["name"], everything)

    def test_inspect_takes_rules_from_a_file(self):
        model = make_model(self.dir / "model")
        rules = [{"match": ["q_proj"], "weight": "mxint8"}]
        for number, content in enumerate((rules, {"rules": rules}, experiment(model, "t", variants=[{"name": "v", "rules": rules}]))):
            file = write_json(self.dir / f"rules{number}.json", content)
            self.assertEqual(run_json("inspect", model, "--rules", file)["variants"][0]["layers"], 2)

    def test_estimate_and_validate(self):
        file = self.tiny()
        job = run_json("estimate", file)["jobs"][0]
        self.assertEqual((job["model"], job["windows"], job["runs"]), ("m", 12, 2))
        self.assertEqual(job["total_bytes"],
                         sum(job[k] for k in ("weights_bytes", "quantised_bytes", "hidden_bytes", "workspace_bytes")))
        self.assertIn("together", run("estimate", file, check=0).stdout)
        self.assertEqual(run_json("validate", file), {"valid": True, "issues": [], "models": 1, "variants": 1})
        self.assertIn("is valid: 1 model, 1 variant", run("validate", file, check=0).stdout)
        document = json.loads(file.read_text())
        document["devices"] = "gpu"
        document["protocol"]["context"] = -1
        answer = run_json("validate", write_json(file, document), check=1)
        self.assertEqual({i["path"] for i in answer["issues"]}, {"devices", "protocol.context"})

    def test_an_experiment_on_standard_input(self):
        file = self.tiny()
        document = json.loads(file.read_text())
        self.assertIn("is valid", run("validate", "-", stdin=json.dumps(document), check=0).stdout)


class Run(support.Case):
    def test_files_of_a_run(self):
        file, out = self.tiny(), self.dir / "out"
        p = run("run", file, "-o", out, check=0)
        self.assertIn("fp4", p.stdout)
        self.assertEqual(sorted(f.name for f in out.iterdir() if not f.name.startswith("store.sqlite-")),
                         ["results.csv", "results.json", "store.sqlite", "windows.csv"])
        whole = results(out)
        self.assertEqual((whole["format"], whole["version"]), ("mxscope-results", 1))
        self.assertEqual([(r["variant"], r["status"], r["layers"]) for r in whole["runs"]],
                         [("baseline", "done", 0), ("fp4", "done", 6)])
        baseline, fp4 = whole["runs"]
        self.assertEqual((baseline["metrics"]["kl"], baseline["metrics"]["top1"], baseline["delta"]), (0, 1, None))
        self.assertEqual((fp4["windows"], fp4["tokens"]), (12, 12 * 31))
        self.assertAlmostEqual(fp4["delta"]["nll"], fp4["metrics"]["nll"] - baseline["metrics"]["nll"], places=12)
        self.assertEqual(set(fp4["linears"]), {f"model.layers.{i}.mlp.{p}_proj" for i in range(2) for p in ("gate", "up", "down")})
        self.assertEqual(fp4["linears"]["model.layers.0.mlp.up_proj"], {"weight": "mxfp4_e2m1/32", "activation": "mxfp4_e2m1/32"})
        rows = list(csv.DictReader(io.StringIO((out / "results.csv").read_bytes().decode())))
        self.assertEqual([r["variant"] for r in rows], ["baseline", "fp4"])
        windows = window_rows(out)
        self.assertEqual(len(windows), 24)
        total = sum(float(r["nll_sum_nats"]) for (v, _), r in windows.items() if v == "fp4")
        self.assertAlmostEqual(total / (12 * 31), fp4["metrics"]["nll"], places=12)

    def test_flags_alone_are_the_same_experiment(self):
        file = self.tiny(variants=[{"name": "A", "tier": "A", "format": ["mxfp4_e2m1"], "block": [16, 32]}])
        run("run", file, "-o", self.dir / "file", "--quiet", "--no-table", check=0)
        run("run", "--model", self.dir / "model", "--data", self.dir / "text.txt", "--dtype", "float32", "--tier", "A",
            "--format", "mxfp4_e2m1", "--block", "16,32", "--context", "32", "--max-windows", "12", "--device", "cpu",
            "-o", self.dir / "flags", "--quiet", "--no-table", check=0)
        a, b = results(self.dir / "file")["runs"], results(self.dir / "flags")["runs"]
        self.assertEqual(len(a), 3)
        self.assertEqual([r["metrics"] for r in a], [r["metrics"] for r in b])
        self.assertEqual([r["linears"] for r in a], [r["linears"] for r in b])

    def test_weight_only_match_and_sweep(self):
        self.tiny()
        common = ["--model", self.dir / "model", "--data", self.dir / "text.txt", "--context", "32", "--max-windows", "4", "--quiet",
                  "--no-table"]
        run("run", *common, "--match", "@attention,down_proj", "--format", "mxint8", "--weight-only", "-o", self.dir / "a", check=0)
        run_ = results(self.dir / "a")["runs"][1]
        self.assertEqual(run_["layers"], 2 * 5)
        self.assertEqual(run_["linears"]["model.layers.0.self_attn.q_proj"], {"weight": "mxint8/32"})
        run("run", *common, "--tier", "D", "--weight-only", "-o", self.dir / "b", check=0)
        self.assertEqual({tuple(v.items()) for v in results(self.dir / "b")["runs"][1]["linears"].values()},
                         {(("weight", "mxfp4_e2m1/32"),), (("weight", "mxfp6_e3m2/32"),)})
        run("run", *common, "--sweep", "block:mxfp4_e2m1,mxint8", "-o", self.dir / "c", check=0)
        swept = [r["sweep"] for r in results(self.dir / "c")["runs"][1:]]
        self.assertEqual([(s["place"], s["format"]) for s in swept],
                         [(f"model.layers.{i}", f) for i in range(2) for f in ("mxfp4_e2m1", "mxint8")])

    def test_flags_change_what_a_file_says(self):
        file = self.tiny()
        run("run", file, "-o", self.dir / "out", "--max-windows", "5", "--dtype", "bfloat16", "--quiet", check=0)
        self.assertEqual(runs(self.dir / "out")["baseline"]["windows"], 5)
        self.assertEqual(results(self.dir / "out")["experiment"]["models"][0]["dtype"], "bfloat16")

    def test_json_is_the_results_file_and_quiet_is_silent(self):
        file = self.tiny()
        p = run("run", file, "-o", self.dir / "out", "--json", "--quiet", check=0)
        self.assertEqual(json.loads(p.stdout), results(self.dir / "out"))
        self.assertEqual(p.stderr, "")

    def test_some_runs_failed(self):
        good = make_model(self.dir / "good")
        bad = make_model(self.dir / "bad")
        damaged = bytearray((bad / "model.safetensors").read_bytes())
        damaged[-64:] = b"\x00\x00\xc0\x7f" * 16  # NaN among the weights
        (bad / "model.safetensors").write_bytes(damaged)
        text = make_text(self.dir / "text.txt", 600)
        document = experiment(good, text)
        document["models"].append({"name": "bad", "source": str(bad), "dtype": "float32"})
        p = run("run", write_json(self.dir / "e.mxscope", document), "-o", self.dir / "out", check=2)
        states = {(r["model"], r["variant"]): r["status"] for r in results(self.dir / "out")["runs"]}
        self.assertEqual(states, {("m", "baseline"): "done", ("m", "fp4"): "done", ("bad", "baseline"): "failed",
                                  ("bad", "fp4"): "failed"})
        self.assertIn("bad", p.stderr)

    def test_a_log_file(self):
        run("run", self.tiny(), "-o", self.dir / "out", "--quiet", "--log", self.dir / "log", check=0)
        log = (self.dir / "log").read_text()
        self.assertRegex(log, r"(?m)^\d{4}-\d\d-\d\dT\S+ info .*m started: 12 windows")


class Results(support.Case):
    def setUp(self):
        super().setUp()
        run("run", self.tiny(), "-o", self.dir / "out", "--quiet", "--no-table", check=0)

    def test_export(self):
        out = self.dir / "out"
        self.assertEqual(json.loads(run("export", out, "--as", "json", check=0).stdout), results(out))
        for form, name in (("csv", "results.csv"), ("windows-csv", "windows.csv")):
            target = self.dir / "target"
            run("export", out, "--as", form, "-o", target, check=0)
            self.assertEqual(target.read_bytes(), (out / name).read_bytes())
        rows = list(csv.DictReader(io.StringIO(run("export", out, "--as", "long-csv", check=0).stdout)))
        nll = [r for r in rows if r["variant"] == "fp4" and r["metric"] == "nll"]
        self.assertEqual(len(nll), 12)
        self.assertAlmostEqual(sum(float(r["value"]) for r in nll) / 12, runs(out)["fp4"]["metrics"]["nll"], places=12)
        self.assertIn("| fp4", run("export", out, "--as", "markdown", check=0).stdout)

    def test_compare(self):
        run("run", self.dir / "e.mxscope", "-o", self.dir / "again", "--quiet", "--no-table", check=0)
        p = run("compare", self.dir / "out", self.dir / "again", check=0)
        self.assertEqual(p.stdout.count("fp4"), 2)
        compared = run_json("compare", self.dir / "out", "--baseline", "fp4")
        self.assertIsInstance(compared, dict)
        p = run("compare", self.dir / "out", "--baseline", "nobody", check=1)
        self.assertIn("nobody", p.stderr)


class Streams(support.Case):
    def test_a_reader_that_goes_away_harms_nothing(self):
        file = self.tiny()
        for args in (["formats"], ["inspect", str(self.dir / "model"), "--json"], ["--help"],
                     ["run", str(file), "-o", str(self.dir / "out"), "--quiet"],
                     ["run", str(file), "-o", str(self.dir / "out2"), "--events", "jsonl"]):
            with self.subTest(args[0]):
                read, write = os.pipe()
                os.close(read)
                p = subprocess.run([MXSCOPE, *args], stdout=write, stderr=subprocess.PIPE, text=True, timeout=60)
                os.close(write)
                self.assertEqual(p.returncode, 0, p.stderr)
        self.assertEqual(runs(self.dir / "out")["fp4"]["status"], "done")
        self.assertEqual(runs(self.dir / "out2")["fp4"]["status"], "done")

    @support.unittest.skipUnless(support.has_full_device(), "no /dev/full here")
    def test_a_full_disk_behind_standard_output_is_reported(self):
        with open("/dev/full", "w") as full:
            p = subprocess.run([MXSCOPE, "formats", "--json"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(p.returncode, 4)
        self.assertIn("standard output: No space left on device", p.stderr)

    def test_progress_on_a_terminal_and_without_one(self):
        # Long enough for some frames, which come every tenth of a second.
        file = self.tiny(words=80000, protocol={"name": "windows", "context": 128, "max_windows": 600})
        p = run("run", file, "-o", self.dir / "plain", "--no-table", check=0)
        self.assertNotIn("\r", p.stderr)
        self.assertNotIn("\x1b", p.stderr)
        master, slave = pty.openpty()
        process = subprocess.Popen([MXSCOPE, "run", file, "-o", self.dir / "tty", "--no-table"], stderr=slave,
                                   stdout=subprocess.DEVNULL, env={**os.environ, "TERM": "xterm"})
        os.close(slave)
        shown, begin = b"", time.monotonic()
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        seconds = time.monotonic() - begin
        os.close(master)
        self.assertEqual(process.wait(), 0)
        frames = shown.count(b"\r") - shown.count(b"\r\n")
        self.assertGreater(frames, 0)
        self.assertLessEqual(frames, 10 * seconds + 5)
        self.assertIn(b"tokens/s", shown)
        self.assertTrue(b"left" in shown)
        # The bar is taken away at the end.
        self.assertIn(b"\r\x1b[K", shown[shown.rfind(b"%"):])


if __name__ == "__main__":
    support.main()
