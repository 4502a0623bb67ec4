// SPDX-License-Identifier: Apache-2.0
#include "cpu/cpu_kernels.h"
#include "mxscope/kernels/token_stats.h"

namespace mxscope::kernels {

void token_stats_cpu(const LogitsView& logits, const std::int64_t* targets,
                     const TokenStats& out) noexcept {
  cpu_kernels().token_stats(logits, targets, out);
}

void token_stats_against_cpu(const LogitsView& baseline, const TokenStats& baseline_stats,
                             const LogitsView& variant, const std::int64_t* targets,
                             const TokenStats& out, const TokenComparison& against) noexcept {
  cpu_kernels().token_stats_against(baseline, baseline_stats, variant, targets, out, against);
}

}  // namespace mxscope::kernels
