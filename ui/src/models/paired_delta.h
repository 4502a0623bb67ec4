// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>

#include "models/workspace_types.h"

namespace mxscope::ui {

// Means over the windows seen so far, NUMERICS.md section 7; a metric without data stays empty.
[[nodiscard]] Metrics runningMetrics(const WindowSums& sums);

// The paired difference of two runs over the windows that both have (NUMERICS.md section 7, by
// core's statistics). Empty when finished runs have different windows, or nothing in common.
// KL and top-1 agreement do not follow from sums and are not part of it.
[[nodiscard]] std::optional<Delta> pairedDelta(const Run& run, const Run& baseline);

}  // namespace mxscope::ui
