#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times `mxscope run` on a GPU at the shapes of make_checkpoint.py.

usage: gpu_speed.py MXSCOPE CHECKPOINT TEXT [--device cuda:0] [--windows 640] [--panel 128]
                    [--variants 6]

A step is 8 windows of 512 tokens: forward and all metrics. The time of a panel is that between two
`windows` events; the first panel, which warms up, is left out, and the median of the others is
divided by its steps. The time of a variant is that of a job with baseline and variant less that of
the baseline alone, both medians.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

ap = argparse.ArgumentParser()
ap.add_argument("mxscope")
ap.add_argument("checkpoint")
ap.add_argument("text")
ap.add_argument("--device", default="cuda:0")
ap.add_argument("--windows", type=int, default=640)
ap.add_argument("--panel", type=int, default=128)
ap.add_argument("--variants", type=int, default=6, help="how many of the six variants")
args = ap.parse_args()

VARIANTS = [("mxfp8_e4m3", 32), ("mxfp4_e2m1", 32), ("mxfp6_e3m2", 32), ("mxfp8_e4m3", 16),
            ("mxfp8_e4m3", 64), ("mxfp8_e4m3", 128)][:args.variants]


def run(variants):
    experiment = {
        "format": "mxscope-experiment", "version": 1,
        "models": [{"name": "m", "source": str(pathlib.Path(args.checkpoint).resolve())}],
        "data": {"source": str(pathlib.Path(args.text).resolve())},
        "protocol": {"name": "windows", "context": 512, "max_windows": args.windows},
        "compute": {"batch": 8}, "devices": [args.device],
        "variants": [{"tier": "B", "format": f, "block": b} for f, b in variants],
    }
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "e.mxscope"
        file.write_text(json.dumps(experiment))
        started = None
        panels = []
        process = subprocess.Popen([args.mxscope, "run", str(file), "-o", folder, "--panel-windows",
                                    str(args.panel), "--events", "jsonl"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in process.stdout:
            now = time.perf_counter()
            kind = json.loads(line)["type"]
            if kind == "started":
                started = now
            elif kind == "windows":
                panels.append(now)
        if process.wait() != 0:
            raise SystemExit("mxscope failed")
        job = json.loads((pathlib.Path(folder) / "results.json").read_text())["jobs"][0]
    times = [1e3 * (b - a) * 8 / args.panel for a, b in zip(panels, panels[1:])]
    first = panels[0] - started
    return statistics.median(times), (min(times), max(times)), first, job


def gib(job):
    return job["memory"]["peak_bytes"][args.device] / 2**30


base, spread, first, job = run([])
print(f"load {job['seconds']['load']:.2f} s; first panel after loading {first:.2f} s; baseline "
      f"{base:.2f} ms a step ({spread[0]:.2f} .. {spread[1]:.2f}); peak {gib(job):.2f} GiB "
      f"(estimate {job['memory']['estimated_bytes'] / 2**30:.2f})", flush=True)
for variant in VARIANTS:
    both, spread, first, job = run([variant])
    print(f"B {variant[0]}/{variant[1]}: {both - base:.2f} ms a step ({(both - base) / base:.3f} of "
          f"the baseline); peak {gib(job):.2f} GiB (estimate "
          f"{job['memory']['estimated_bytes'] / 2**30:.2f})", flush=True)
both, spread, first, job = run(VARIANTS)
print(f"baseline and {len(VARIANTS)} variants: {both / (len(VARIANTS) + 1):.2f} ms a run and step",
      flush=True)
