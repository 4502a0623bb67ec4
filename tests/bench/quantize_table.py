#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The CPU quantiser's bandwidth as a share of memcpy's, from one run of quantize_bench.

usage: quantize_table.py QUANTIZE_BENCH [arguments of the benchmark ...]

Every case is repeated five times in a random order among all others, memcpy included, so that what
else the machine does meets all alike; medians. Lines below the aim of 0.5 are marked.
"""
import json
import subprocess
import sys

AIM = 0.5

out = subprocess.run([sys.argv[1], "--benchmark_format=json", "--benchmark_repetitions=5",
                      "--benchmark_enable_random_interleaving=true", "--benchmark_min_time=0.03",
                      "--benchmark_report_aggregates_only=true", *sys.argv[2:]],
                     check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
rates = {b["run_name"]: b["bytes_per_second"] for b in json.loads(out)["benchmarks"]
         if b.get("aggregate_name") == "median"}
versions = list(dict.fromkeys(name.split("/")[0] for name in rates))
types = list(dict.fromkeys(name.split("/")[1] for name in rates))
cases = list(dict.fromkeys(name.split("/", 2)[2] for name in rates))
for version in versions:
    print(f"\n{version:<34}" + "".join(f"{t:>12}" for t in types))
    for case in cases:
        row, low = "", False
        for t in types:
            rate = rates.get(f"{version}/{t}/{case}")
            base = rates.get(f"{version}/{t}/memcpy")
            if case == "memcpy":
                row += f"{rate / 1e9:9.1f} GB/s"[-12:] if rate else f"{'':>12}"
            else:
                share = rate / base if rate and base else float("nan")
                low = low or share < AIM
                row += f"{share:12.2f}"
        print(f"{case:<34}{row}{'   below ' + str(AIM) if low else ''}")
