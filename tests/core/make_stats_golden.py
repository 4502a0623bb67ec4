#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/stats/stats.json: windows and what NUMERICS section 7 makes of them.

Computed with mpmath at 40 digits from the formulas, sharing no code with the project. The bootstrap
needs the same random numbers, so the generator (MT19937-64) is written out here.

usage: make_stats_golden.py [OUTPUT]
"""
import json
import pathlib
import random
import sys

import mpmath as mp

mp.mp.dps = 40


class Mt19937_64:
    """Nishimura and Matsumoto's 64-bit Mersenne twister, as std::mt19937_64."""

    def __init__(self, seed):
        self.mask = (1 << 64) - 1
        self.state = [seed & self.mask]
        for i in range(1, 312):
            last = self.state[-1]
            self.state.append((6364136223846793005 * (last ^ (last >> 62)) + i) & self.mask)
        self.index = 312

    def __call__(self):
        if self.index == 312:
            for i in range(312):
                x = (self.state[i] & 0xFFFFFFFF80000000) | (self.state[(i + 1) % 312] & 0x7FFFFFFF)
                self.state[i] = self.state[(i + 156) % 312] ^ (x >> 1) ^ (0xB5026F5AA96619E9 if x & 1 else 0)
            self.index = 0
        y = self.state[self.index]
        self.index += 1
        y ^= (y >> 29) & 0x5555555555555555
        y ^= (y << 17) & 0x71D67FFFEDA60000 & self.mask
        y ^= (y << 37) & 0xFFF7EEE000000000 & self.mask
        return y ^ (y >> 43)


def t_quantile(p, degrees):
    """From the incomplete beta function, by bisection."""
    tail = 2 * (1 - mp.mpf(p))
    low, high = mp.mpf(0), mp.mpf(1)
    inside = lambda t: mp.betainc(mp.mpf(degrees) / 2, mp.mpf(1) / 2, 0, degrees / (degrees + t * t),
                                  regularized=True)
    while inside(high) > tail:
        high *= 2
    for _ in range(120):
        middle = (low + high) / 2
        low, high = (middle, high) if inside(middle) > tail else (low, middle)
    return low


def factor(n):
    return t_quantile("0.975", n - 1) if n <= 100 else mp.sqrt(2) * mp.erfinv(mp.mpf("0.95"))


def mean_error(values, weights):
    """sum(w x) / sum(w) and the ratio estimator's error; None where it does not exist."""
    pairs = [(mp.mpf(v), mp.mpf(w)) for v, w in zip(values, weights) if w > 0]
    n = len(pairs)
    if n == 0:
        return None, None, 0
    total = mp.fsum(w for _, w in pairs)
    mean = mp.fsum(w * v for v, w in pairs) / total
    if n < 2:
        return mean, None, n
    return mean, mp.sqrt(mp.mpf(n) / (n - 1) * mp.fsum((w * (v - mean)) ** 2 for v, w in pairs)) / total, n


def means(windows, key, count="tokens"):
    return [mp.mpf(w[key]) / w[count] if w[count] else mp.mpf(0) for w in windows]


def metrics(windows):
    tokens = [w["tokens"] for w in windows]
    rows = [w["argmax_positions"] for w in windows]
    nll, nll_se, _ = mean_error(means(windows, "nll_sum"), [w["weight"] if w["weight"] >= 0 else w["tokens"] for w in windows])
    entropy, entropy_se, _ = mean_error(means(windows, "entropy_sum"), tokens)
    kl, kl_se, _ = mean_error(means(windows, "kl_sum"), tokens)
    xent, xent_se, _ = mean_error(means(windows, "argmax_xent_sum", "argmax_positions"), rows)
    argmax_entropy, _, _ = mean_error(means(windows, "argmax_entropy_sum", "argmax_positions"), rows)
    total = sum(tokens)
    return {"nll": nll, "nll_se": nll_se, "ppl": None if nll is None else mp.exp(nll), "entropy": entropy,
            "entropy_se": entropy_se, "kl": kl, "kl_se": kl_se,
            "top1": mp.mpf(sum(w["top1_count"] for w in windows)) / total if total else None,
            "argmax_xent": xent, "argmax_xent_se": xent_se, "argmax_ppl": mp.exp(xent),
            "argmax_entropy": argmax_entropy,
            "bits_per_byte": mp.fsum(mp.mpf(w["nll_sum"]) for w in windows) / mp.log(2) / sum(w["bytes"] for w in windows)
            if nll is not None else None}


def bootstrap(differences, weights, draws, seed):
    generator = Mt19937_64(seed)
    n = len(differences)
    values = []
    for _ in range(draws):
        picks = [generator() * n >> 64 for _ in range(n)]
        values.append(mp.fsum(weights[i] * differences[i] for i in picks) / mp.fsum(weights[i] for i in picks))
    mean = mp.fsum(values) / draws
    se = mp.sqrt(mp.fsum((v - mean) ** 2 for v in values) / (draws - 1))
    values.sort()

    def percentile(share):
        at = mp.mpf(share) * (draws - 1)
        low = int(mp.floor(at))
        return values[low] + (at - low) * (values[min(low + 1, draws - 1)] - values[low])

    return se, [percentile("0.025"), percentile("0.975")]


def delta(variant, baseline, draws=0, seed=0):
    weights = [w["weight"] if w["weight"] >= 0 else w["tokens"] for w in baseline]

    def paired(key, count, by):
        d = [a - b for a, b in zip(means(variant, key, count), means(baseline, key, count))]
        mean, se, n = mean_error(d, by)
        if se is None:
            return mean, None, None
        if draws:
            se, interval = bootstrap([x for x, w in zip(d, by) if w > 0], [mp.mpf(w) for w in by if w > 0], draws, seed)
            return mean, se, interval
        return mean, se, [mean - factor(n) * se, mean + factor(n) * se]

    nll, se, interval = paired("nll_sum", "tokens", weights)
    entropy, entropy_se, entropy_interval = paired("entropy_sum", "tokens", [w["tokens"] for w in baseline])
    xent, xent_se, xent_interval = paired("argmax_xent_sum", "argmax_positions", [w["argmax_positions"] for w in baseline])
    base = metrics(baseline)
    exp = lambda x: mp.exp(x) - 1
    exists = nll is not None
    return {"nll": nll, "nll_se": se, "nll_ci95": interval,
            "ppl": base["ppl"] * exp(nll) if exists else None,
            "ppl_ci95": [base["ppl"] * exp(x) for x in interval] if interval else None,
            "ppl_percent": 100 * exp(nll) if exists else None,
            "ppl_percent_ci95": [100 * exp(x) for x in interval] if interval else None,
            "entropy": entropy, "entropy_se": entropy_se, "entropy_ci95": entropy_interval,
            "xent_percent": 100 * nll / base["nll"] if exists else None,
            "argmax_xent": xent, "argmax_xent_se": xent_se, "argmax_xent_ci95": xent_interval,
            "argmax_ppl_percent": 100 * exp(xent)}


def make_windows(rng, n, lengths, shift, weight=lambda i, tokens: -1.0, scored=True):
    windows = []
    for i in range(n):
        tokens = lengths(i)
        windows.append({"tokens": tokens if scored else 0, "weight": weight(i, tokens),
                        "nll_sum": tokens * (3 + rng.gauss(0, 0.3) + shift * rng.random()) if scored else 0.0,
                        "entropy_sum": tokens * (2.5 + rng.gauss(0, 0.2)) if scored else 0.0,
                        "kl_sum": tokens * 0.02 * rng.random() if scored else 0.0,
                        "top1_count": rng.randrange(tokens) if scored else 0, "argmax_positions": tokens + 1,
                        "argmax_xent_sum": (tokens + 1) * (1.5 + rng.gauss(0, 0.1)),
                        "argmax_entropy_sum": (tokens + 1) * (2.4 + rng.gauss(0, 0.2)), "bytes": 4 * tokens + i})
    return windows


def plain(value):
    if isinstance(value, mp.mpf):
        return float(value)
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list) else value


def main():
    rng = random.Random(20240)
    cases = {
        "equal windows, t": (12, lambda i: 255, {}),
        "two windows": (2, lambda i: 255, {}),
        "one window": (1, lambda i: 255, {}),
        "equal windows, normal": (150, lambda i: 255, {}),
        "unequal windows": (30, lambda i: 20 + (i * 37) % 200, {}),
        "sliding weights": (20, lambda i: 2047 if i == 0 else 1024, {"weight": lambda i, t: float(t if i == 0 else t - 1)}),
        "self-confidence only": (10, lambda i: 511, {"weight": lambda i, t: 0.0, "scored": False}),
    }
    golden = {"cases": {}, "quantiles": [], "normal": [], "beta": []}
    for name, (n, lengths, options) in cases.items():
        baseline = make_windows(rng, n, lengths, 0.0, **options)
        variant = make_windows(rng, n, lengths, 0.3, **options)
        for b, v in zip(baseline, variant):
            v["bytes"] = b["bytes"]
        golden["cases"][name] = {"baseline": baseline, "variant": variant, "metrics": metrics(variant),
                                 "delta": delta(variant, baseline)}
    for name in ("equal windows, t", "unequal windows"):
        case = golden["cases"][name]
        case["bootstrap"] = delta(case["variant"], case["baseline"], draws=500, seed=7)
    for degrees in (1, 2, 3, 5, 10, 30, 95, 99, 1000):
        for p in ("0.6", "0.9", "0.975", "0.995"):
            golden["quantiles"].append([float(p), degrees, t_quantile(mp.mpf(float(p)), degrees)])
    for p in (0.6, 0.9, 0.975, 0.995):
        golden["normal"].append([p, mp.sqrt(2) * mp.erfinv(2 * mp.mpf(p) - 1)])
    for a, b, x in ((0.5, 0.5, 0.25), (1, 3, 0.5), (2.5, 0.5, 0.9), (49.5, 0.5, 0.96), (10, 20, 0.3), (0.5, 49.5, 0.01)):
        golden["beta"].append([a, b, x, mp.betainc(a, b, 0, x, regularized=True)])
    root = pathlib.Path(__file__).resolve().parent.parent
    output = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "golden" / "stats" / "stats.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(plain(golden), indent=1) + "\n")


if __name__ == "__main__":
    main()
