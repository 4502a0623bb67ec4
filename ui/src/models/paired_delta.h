// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>

#include "models/workspace_types.h"

namespace mxscope::ui {

// The paired difference of two runs over the windows that both have, by core's statistics
// (NUMERICS.md section 7). Empty when two finished runs have different windows, when a window's
// tokens differ, or when they have none in common. KL and top-1 agreement do not follow from sums
// and are not part of it.
[[nodiscard]] std::optional<Delta> pairedDelta(const Run& run, const Run& baseline,
                                               const mxscope::IntervalOptions& options = {});

// How the interval of a difference was made, for tool tips and exports: "paired t over 96 windows".
[[nodiscard]] QString describeInterval(const Delta& delta, std::size_t windows);

}  // namespace mxscope::ui
