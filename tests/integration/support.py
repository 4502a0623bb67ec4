# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command share: running it, tiny models with tokenizers, safetensors files.

Only the standard library. Every test file is run as `python3 FILE` by ctest with these variables:
MXSCOPE (the built command), MXSCOPE_SOURCE_DIR, MXSCOPE_SHARED_DIR. A test that cannot run here
ends with exit code 77, which ctest shows as skipped.
"""
import csv
import json
import os
import pathlib
import random
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import unittest

MXSCOPE = os.environ.get("MXSCOPE", "mxscope")
SOURCE = pathlib.Path(os.environ.get("MXSCOPE_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
SHARED = pathlib.Path(os.environ.get("MXSCOPE_SHARED_DIR", SOURCE.parent / "shared"))
GOLDEN = SOURCE / "tests" / "golden"
SKIPPED = 77


def has_full_device():
    """/dev/full is the device that is always full, and not a file that somebody's rename left there."""
    try:
        return stat.S_ISCHR(os.stat("/dev/full").st_mode)
    except OSError:
        return False


def obey_permissions():
    """What to put before a command so that file permissions bind it: nothing for an ordinary user, for root the loss of two
    capabilities. None where that cannot be had."""
    if os.geteuid() != 0:
        return []
    prefix = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    try:
        works = subprocess.run([*prefix, "true"], stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        works = False
    return prefix if works else None


def run(*args, check=None, cwd=None, env=None, stdin=None, timeout=110, prefix=(), **more):
    """Runs the command, behind `prefix`; `check` is the exit code it must end with."""
    p = subprocess.run([*prefix, MXSCOPE, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       cwd=cwd, env=None if env is None else {**os.environ, **env}, input=stdin, timeout=timeout,
                       **more)
    if check is not None and p.returncode != check:
        raise AssertionError(f"{' '.join(map(str, args))}: exit code {p.returncode}, not {check}\n"
                             f"stdout: {p.stdout[-2000:]}\nstderr: {p.stderr[-2000:]}")
    return p


def run_json(*args, check=0, **more):
    return json.loads(run(*args, "--json", check=check, **more).stdout)


# ---- safetensors ----

def read_safetensors(path):
    """{name: (dtype, shape, bytes)}"""
    data = pathlib.Path(path).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    body = data[8 + size:]
    return {name: (t["dtype"], t["shape"], body[t["data_offsets"][0]:t["data_offsets"][1]])
            for name, t in header.items() if name != "__metadata__"}


def write_safetensors(path, tensors):
    header, body = {}, b""
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + body)


# ---- models and text ----

def word_tokenizer(words, bos=None):
    """A tokenizer.json that knows the words w0, w1, ... and splits at blanks."""
    vocab = {"[UNK]": 0, **{f"w{i}": i for i in range(1, words)}}
    tokenizer = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
                 "normalizer": None, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None,
                 "decoder": None, "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"}}
    if bos is not None:
        tokenizer["post_processor"] = {
            "type": "TemplateProcessing", "pair": [{"Sequence": {"id": "A", "type_id": 0}}],
            "single": [{"SpecialToken": {"id": bos, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "special_tokens": {bos: {"id": bos, "ids": [vocab[bos]], "tokens": [bos]}}}
    return tokenizer


def make_model(folder, family="llama3", words=300):
    """A copy of a tiny random model of tests/golden with a tokenizer of `words` words."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        shutil.copy(GOLDEN / "models" / family / name, folder / name)
        (folder / name).chmod(0o644)
    (folder / "tokenizer.json").write_text(json.dumps(word_tokenizer(words)))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "w2", "bos_token": "w1"}))
    return folder


def make_text(path, words, vocabulary=300, seed=7):
    choose = random.Random(seed)
    path = pathlib.Path(path)
    path.write_text(" ".join(f"w{choose.randrange(1, vocabulary)}" for _ in range(words)))
    return path


def experiment(model, text, **changes):
    document = {"format": "mxscope-experiment", "version": 1, "name": "test",
                "models": [{"name": "m", "source": str(model), "dtype": "float32"}], "data": {"source": str(text)},
                "protocol": {"name": "windows", "context": 32, "max_windows": 12},
                "variants": [{"name": "fp4", "rules": [{"match": ["@mlp"], "weight": "mxfp4_e2m1",
                                                        "activation": "mxfp4_e2m1"}]}],
                "devices": ["cpu"]}
    for key, value in changes.items():
        if value is None:
            document.pop(key, None)
        else:
            document[key] = value
    return document


def write_json(path, value):
    path = pathlib.Path(path)
    path.write_text(json.dumps(value))
    return path


# ---- results ----

def results(folder):
    return json.loads((pathlib.Path(folder) / "results.json").read_text())


def runs(folder):
    return {r["variant"]: r for r in results(folder)["runs"]}


def window_rows(folder):
    """{(variant, window): row as text}; texts, so that equality is equality of bits."""
    with open(pathlib.Path(folder) / "windows.csv", newline="") as f:
        return {(r["variant"], int(r["window"])): r for r in csv.DictReader(f)}


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mxscope-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def tiny(self, words=600, **changes):
        """A tiny model, text and experiment file in the test's folder; returns the file."""
        model = make_model(self.dir / "model", changes.pop("family", "llama3"))
        text = make_text(self.dir / "text.txt", words)
        return write_json(self.dir / "e.mxscope", experiment(model, text, **changes))


def main(needs=()):
    """Runs the tests of the calling file; ends as skipped when something of `needs` is missing."""
    missing = [str(path) for path in needs if not pathlib.Path(path).exists()]
    if missing:
        print("skipped: not here: " + ", ".join(missing))
        sys.exit(SKIPPED)
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(SKIPPED if result.testsRun > 0 and len(result.skipped) == result.testsRun else 0)
