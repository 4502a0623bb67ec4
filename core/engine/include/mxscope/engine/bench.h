// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mxscope/core/experiment/experiment.h"

namespace mxscope::engine {

// What to time. Tokens are random; the time of a step does not depend on them, nor but for the
// power that a GPU draws on the weights.
struct BenchRequest {
  std::filesystem::path model;  // checkpoint folder or file, or a config.json
  bool random_weights = false;  // do not read weights; always so for a config.json
  std::string dtype = "auto";   // as stored; bfloat16 for a config that does not say
  std::string device = "auto";  // "cpu", "cuda:N"; auto: the first GPU
  std::int64_t context = 512;   // tokens of a window
  std::int64_t batch = 8;       // windows of a step, which is one micro-batch
  std::int64_t steps = 16;      // of a panel
  std::int64_t panels = 5;      // timed, after one that warms up; of the baseline and of each
                                // variant, and each variant takes turns with the baseline
  Experiment variants;          // its variants are timed, each beside a baseline
};

// Milliseconds over repetitions.
struct Spread {
  double median = 0;
  double least = 0;
  double most = 0;
};

struct BenchReport {
  std::string model;
  std::string device;  // its name
  std::string dtype;
  std::int64_t parameters = 0;
  double load_seconds = 0;                      // reading weights, or making random ones
  std::optional<double> load_bytes_per_second;  // only where weights were read
  double first_seconds = 0;                     // from there to the figures of a panel of one step
  double copy_bytes_per_second = 0;             // of a device copy: bytes read and written
  Spread products;                              // all linears of a step alone, ms
  struct Step {
    std::string name;  // "baseline" or the variant's
    Spread step;       // ms, forward and all metrics; a variant's: a panel of baseline and variant
                       // less the panel of the baseline alone before it
    double tokens_per_second = 0;
    double of_baseline = 1;
    double of_products = 0;
    std::int64_t peak_bytes = 0;  // of the job with baseline and variant
  };
  std::vector<Step> steps;
  struct Kernel {
    std::string name;
    std::string shape;
    Spread time;                  // ms
    double bytes_per_second = 0;  // read and written
    double of_copy = 0;
  };
  std::vector<Kernel> kernels;  // the quantiser per operand, token statistics
};

// Times the engine's own loop, kernels and ceilings, one after the other, on one device: CUDA
// events on a GPU, the wall clock on the CPU. `progress(what)` is told what is timed next;
// returning false cancels (Error kCancelled). Throws Error for what cannot be run.
[[nodiscard]] BenchReport run_bench(const BenchRequest& request,
                                    const std::function<bool(const std::string&)>& progress);

}  // namespace mxscope::engine
