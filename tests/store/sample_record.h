// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "mxscope/core/store/store.h"

namespace mxscope::test {

inline store::JobDescription sample_job(std::int64_t windows = 10) {
  store::JobDescription job;
  job.model = "llama";
  job.model_fingerprint = "llama 3406728";
  job.protocol_json = R"({"name": "windows", "context": 256})";
  job.data_sha256 = "d";
  job.tokenizer_sha256 = "t";
  job.token_ids_sha256 = "i";
  job.numerics_json = R"({"dtype": "float32", "micro_batch": 1})";
  job.windows = windows;
  return job;
}

inline store::RunDescription sample_run(const std::string& variant, const std::string& hash = "h") {
  store::RunDescription run;
  run.variant = variant;
  run.baseline = variant == "baseline";
  run.config_hash = hash;
  run.layers = run.baseline ? 0 : 12;
  return run;
}

inline std::vector<store::RunDescription> two_runs() {
  return {sample_run("baseline"), sample_run("fp4")};
}

// Sums that differ between windows and runs and have no short decimal form.
inline store::WindowSums sample_sums(std::int64_t window, double salt) {
  store::WindowSums sums;
  sums.window = window;
  sums.tokens = 255;
  sums.nll_sum_nats = (static_cast<double>(window) + 1 / 3.0) * salt;
  sums.entropy_sum_nats = sums.nll_sum_nats / 7;
  sums.kl_sum_nats = 1e-300 / salt;
  sums.top1_count = 200 + window;
  sums.argmax_positions = 256;
  sums.argmax_xent_sum_nats = salt / 3;
  sums.argmax_entropy_sum_nats = -salt;
  sums.non_finite = 1;
  sums.p_change_sum = 0.1;
  sums.p_change_sq_sum = 0.2;
  sums.kl_max = 5.5;
  sums.weight = 255;
  sums.bytes = 1000 + window;
  return sums;
}

inline store::RunPanel sample_panel(std::int64_t run, std::int64_t first, std::int64_t last,
                                    double salt = 1.7) {
  store::RunPanel panel;
  panel.run = run;
  panel.seconds = 0.5;
  for (std::int64_t window = first; window <= last; ++window) {
    panel.windows.push_back(sample_sums(window, salt));
  }
  return panel;
}

}  // namespace mxscope::test
