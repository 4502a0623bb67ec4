#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times `mxscope run` on a GPU at the shapes of make_checkpoint.py.

usage: gpu_speed.py MXSCOPE CHECKPOINT TEXT [--device cuda:0] [--windows 256] [--panel 128]

A step is 8 windows of 512 tokens: forward and all metrics, the average over the run's panels. The
time of a variant is that of a job with baseline and variant less that of the baseline alone.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

ap = argparse.ArgumentParser()
ap.add_argument("mxscope")
ap.add_argument("checkpoint")
ap.add_argument("text")
ap.add_argument("--device", default="cuda:0")
ap.add_argument("--windows", type=int, default=256)
ap.add_argument("--panel", type=int, default=128)
args = ap.parse_args()

VARIANTS = [("mxfp8_e4m3", 32), ("mxfp4_e2m1", 32), ("mxfp6_e3m2", 32), ("mxfp8_e4m3", 16),
            ("mxfp8_e4m3", 64), ("mxfp8_e4m3", 128)]


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
        subprocess.run([args.mxscope, "run", str(file), "-o", folder, "--panel-windows",
                        str(args.panel)], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE)
        job = json.loads((pathlib.Path(folder) / "results.json").read_text())["jobs"][0]
    seconds = job["seconds"]["total"] - job["seconds"]["load"]
    return 1e3 * seconds / (args.windows / 8), job


base, job = run([])
gib = job["memory"]["peak_bytes"][args.device] / 2**30
print(f"load {job['seconds']['load']:.2f} s; baseline {base:.2f} ms a step; peak {gib:.2f} GiB", flush=True)
for variant in VARIANTS:
    both, job = run([variant])
    gib = job["memory"]["peak_bytes"][args.device] / 2**30
    print(f"B {variant[0]}/{variant[1]}: {both - base:.2f} ms a step ({(both - base) / base:.3f} of "
          f"the baseline); peak {gib:.2f} GiB", flush=True)
both, job = run(VARIANTS)
print(f"baseline and {len(VARIANTS)} variants: {both / (len(VARIANTS) + 1):.2f} ms a run and step",
      flush=True)
