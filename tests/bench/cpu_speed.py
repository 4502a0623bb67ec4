#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tokens per second of `mxscope run` and of transformers on the CPU, on the same windows in float32.

usage: cpu_speed.py MXSCOPE CHECKPOINT TEXT [--context 256] [--windows 64] [--batch 4]

transformers: the model's forward pass in batches of --batch windows and the mean cross entropy, all
cores. Needs torch and transformers. mxscope: the job's time without loading; the cost of a variant
is the time of a job with it less that of the baseline alone, divided by the latter. Medians of 3.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

ap = argparse.ArgumentParser()
ap.add_argument("mxscope")
ap.add_argument("checkpoint")
ap.add_argument("text")
ap.add_argument("--context", type=int, default=256)
ap.add_argument("--windows", type=int, default=64)
ap.add_argument("--batch", type=int, default=4)
args = ap.parse_args()
tokens = args.windows * args.context


def mxscope(variants):
    experiment = {
        "format": "mxscope-experiment", "version": 1,
        "models": [{"name": "m", "source": str(pathlib.Path(args.checkpoint).resolve()),
                    "dtype": "float32"}],
        "data": {"source": str(pathlib.Path(args.text).resolve())},
        "protocol": {"name": "windows", "context": args.context, "max_windows": args.windows},
        "devices": ["cpu"], "variants": variants,
    }
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "e.mxscope"
        file.write_text(json.dumps(experiment))
        subprocess.run([args.mxscope, "run", str(file), "-o", folder], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        results = json.loads((pathlib.Path(folder) / "results.json").read_text())
    seconds = results["jobs"][0]["seconds"]
    return seconds["total"] - seconds["load"], results["runs"][0]["metrics"]["nll"]


tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(pathlib.Path(args.checkpoint) / "tokenizer.json"))
model = AutoModelForCausalLM.from_pretrained(args.checkpoint, dtype=torch.float32).eval()
ids = tokenizer(pathlib.Path(args.text).read_text(), return_tensors="pt").input_ids[0]
ids = ids[:tokens].reshape(args.windows, args.context)


def transformers():
    total = 0.0
    begin = time.perf_counter()
    with torch.inference_mode():
        for start in range(0, args.windows, args.batch):
            x = ids[start:start + args.batch]
            logits = model(input_ids=x, use_cache=False).logits
            total += torch.nn.functional.cross_entropy(
                logits[:, :-1].flatten(0, 1).float(), x[:, 1:].flatten(), reduction="sum").item()
    return time.perf_counter() - begin, total / (args.windows * (args.context - 1))


transformers()
theirs, ours, one = [], [], []
for _ in range(3):
    seconds, their_nll = transformers()
    theirs.append(seconds)
    seconds, our_nll = mxscope([])
    ours.append(seconds)
    one.append(mxscope([{"tier": "all", "format": "mxfp8_e4m3", "block": 32}])[0])
t, o, v = map(statistics.median, (theirs, ours, one))
print(f"nll: transformers {their_nll:.6f}, mxscope {our_nll:.6f}")
print(f"transformers {tokens / t:.0f} tokens/s; mxscope baseline {tokens / o:.0f} tokens/s "
      f"({t / o:.2f} x)")
print(f"one more variant (all linears, MXFP8 E4M3/32, weights and activations): {(v - o) / o:.2f} x "
      "the baseline's time")
