# SPDX-License-Identifier: Apache-2.0
"""Mistakes and the exact message that each gets: bad_input_cases.py says how they are made, bad_input_expected.json what is said.

`python3 bad_input_test.py --write` writes the messages anew, to be read before they are committed.
"""
import concurrent.futures
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest

import support
from bad_input_cases import CASES, UNPRIVILEGED
from support import experiment, make_model, make_text, run, write_json

EXPECTED = pathlib.Path(__file__).with_name("bad_input_expected.json")


def message(name):
    """[exit code, standard error] of a case, or None where it cannot be had here, with {dir} for the folder and {free} for what no test can know."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mxscope-bad-"))
    try:
        make_model(folder / "model")
        make_text(folder / "text.txt", 200)
        write_json(folder / "e.mxscope", experiment("model", "text.txt", protocol={"name": "windows", "context": 32}))
        prefix = []
        if name in UNPRIVILEGED:
            prefix = support.obey_permissions()
            if prefix is None:
                return None
        arguments = CASES[name](folder)
        p = run(*arguments, cwd=folder, prefix=prefix, env={"HF_HUB_CACHE": str(folder / "hub"), "CUDA_VISIBLE_DEVICES": ""})
        if p.stdout and "--json" not in map(str, arguments):
            return [p.returncode, "on standard output: " + p.stdout]
        text = p.stderr.replace(str(folder), "{dir}")
        head, mark, tail = text.partition(" bytes are needed, ")
        return [p.returncode, head + mark + "{free}" + tail[tail.index(" "):] if mark else text]
    finally:
        for path in (folder, *folder.iterdir()):
            path.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)


def messages():
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(CASES, pool.map(message, CASES)))


class BadInput(support.Case):
    def test_every_mistake_gets_its_message(self):
        expected = json.loads(EXPECTED.read_text())
        self.assertGreaterEqual(len(expected), 25)
        self.assertEqual(list(expected), list(CASES))
        for name, said in messages().items():
            with self.subTest(name):
                if name == "full disk behind a file" and not support.has_full_device():
                    self.skipTest("no /dev/full here")
                if said is None:
                    self.skipTest("file permissions do not bind this user")
                self.assertEqual(said, expected[name])

    def test_the_same_with_json(self):
        file = self.tiny()
        document = json.loads(file.read_text())
        document["protocol"]["context"] = 0
        document["variants"][0]["rules"][0]["block"] = -1
        write_json(file, document)
        p = run("run", file, "-o", self.dir / "out", "--json", check=1)
        error = json.loads(p.stdout)["error"]
        self.assertEqual(error["code"], "invalid_input")
        self.assertEqual({i["path"] for i in error["issues"]}, {"protocol.context", "variants[0].rules[0].block"})
        self.assertFalse((self.dir / "out").exists())

    def test_warnings_are_no_errors(self):
        file = self.tiny(variants=[{"name": "x", "rules": [{"match": ["no_such_layer"], "weight": "mxint8"}]}])
        p = run("validate", file, check=0)
        self.assertIn("warning: ", p.stderr)
        self.assertIn("no_such_layer", p.stderr)

    def full(self, out, reason, **more):
        p = run("run", self.dir / "e.mxscope", "-o", out, "--no-table", "--quiet", check=4, **more)
        self.assertIn(str(out), p.stderr)
        self.assertRegex(p.stderr, reason)

    def small_disk(self, size):
        """A file system of its own, which this process may not be allowed to mount."""
        disk = self.dir / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)],
                                 stderr=subprocess.DEVNULL) if os.geteuid() == 0 and shutil.which("mount") else None
        if mounted is None or mounted.returncode != 0:
            self.skipTest("a small file system cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", str(disk)], check=True)
        return disk

    def limited(self, size):
        return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))}

    def test_a_full_disk_during_a_run(self):
        self.tiny(words=33000, protocol={"name": "windows", "context": 32, "max_windows": 1000})
        self.full(self.small_disk("160k") / "out", "(?i)full|no space")

    def test_a_limit_on_the_size_of_files(self):
        # SQLite says no more of it than that writing failed.
        self.tiny(words=33000, protocol={"name": "windows", "context": 32, "max_windows": 1000})
        self.full(self.dir / "out", "too large|I/O error", **self.limited(100_000))

    def check_file_stays(self, out, reason, *command, **more):
        """A file that cannot be written anew is still the old one, with nothing else beside it."""
        out.write_text("what was there before")
        beside = set(out.parent.iterdir())
        p = run(*command, "-o", out, check=4, **more)
        self.assertIn(str(out), p.stderr)
        self.assertRegex(p.stderr, reason)
        self.assertEqual(out.read_text(), "what was there before")
        self.assertEqual(set(out.parent.iterdir()), beside)

    def writers(self):
        """Commands that write one file, each of more than 100 kB."""
        self.tiny(words=20000, protocol={"name": "windows", "context": 32, "max_windows": 600})
        run("run", self.dir / "e.mxscope", "-o", self.dir / "done", "--no-table", "--quiet", check=0)
        weights = self.dir / "model" / "model.safetensors"
        return {"export": ("export", self.dir / "done", "--as", "long-csv"),
                "quantize": ("quantize", weights, "--tensor", "lm_head.weight", "--format", "mxint8")}

    def test_a_full_disk_keeps_the_file_that_was_there(self):
        commands = self.writers()
        disk = self.small_disk("24k")
        for name, command in commands.items():
            with self.subTest(name):
                self.check_file_stays(disk / name, "(?i)no space", *command)

    def test_a_limit_keeps_the_file_that_was_there(self):
        (self.dir / "there").mkdir()
        for name, command in self.writers().items():
            with self.subTest(name):
                self.check_file_stays(self.dir / "there" / name, "(?i)too large", *command, **self.limited(60_000))


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        EXPECTED.write_text(json.dumps(messages(), indent=1, ensure_ascii=False) + "\n")
        sys.exit(0)
    support.main()
