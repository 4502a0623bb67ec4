// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/schedule/placement.h"

#include <algorithm>
#include <numeric>

namespace mxscope {
namespace {

// The stages' ends when no device may be fuller than `share` of its limit; empty if that fails.
std::vector<std::size_t> cut(const std::vector<std::int64_t>& step_bytes,
                             const std::vector<std::int64_t>& limits, double share) {
  std::vector<std::size_t> ends;
  std::size_t step = 0;
  for (std::size_t device = 0; device < limits.size(); ++device) {
    const double room = share * static_cast<double>(limits[device]);
    const std::size_t devices_behind = limits.size() - device - 1;
    double used = 0;
    const std::size_t begin = step;
    while (step + devices_behind < step_bytes.size() &&
           used + static_cast<double>(step_bytes[step]) <= room) {
      used += static_cast<double>(step_bytes[step]);
      ++step;
    }
    if (step == begin) {
      return {};
    }
    ends.push_back(step);
  }
  return step == step_bytes.size() ? ends : std::vector<std::size_t>{};
}

}  // namespace

std::vector<std::size_t> split_steps(const std::vector<std::int64_t>& step_bytes,
                                     const std::vector<std::int64_t>& limits) {
  std::vector<std::size_t> best = cut(step_bytes, limits, 1.0);
  if (best.empty()) {
    return best;
  }
  // A step is thousands of times smaller than a device: twenty halvings find the best share.
  double fails = 0;
  double holds = 1;
  for (int i = 0; i < 20; ++i) {
    const double share = (fails + holds) / 2;
    std::vector<std::size_t> ends = cut(step_bytes, limits, share);
    if (ends.empty()) {
      fails = share;
    } else {
      holds = share;
      best = std::move(ends);
    }
  }
  return best;
}

std::int64_t split_panel_batches(std::int64_t batches, std::int64_t stages) {
  constexpr std::int64_t kShare = 20;
  return std::max<std::int64_t>(1, batches / (kShare * std::max<std::int64_t>(1, stages - 1)));
}

std::vector<bool> streamed_steps(const std::vector<std::int64_t>& step_bytes,
                                 const std::vector<bool>& may_stream, std::int64_t limit) {
  std::vector<bool> streamed(step_bytes.size(), false);
  const std::int64_t all = std::accumulate(step_bytes.begin(), step_bytes.end(), std::int64_t{0});
  std::int64_t streamable = 0;
  for (std::size_t i = 0; i < step_bytes.size(); ++i) {
    streamable += may_stream[i] ? step_bytes[i] : 0;
  }
  std::int64_t excess = all - limit;
  if (excess <= 0) {
    return streamed;
  }
  if (excess > streamable) {
    return {};
  }
  const double share = static_cast<double>(excess) / static_cast<double>(streamable);
  double owed = 0;
  for (std::size_t i = 0; i < step_bytes.size(); ++i) {
    if (!may_stream[i]) {
      continue;
    }
    const auto bytes = static_cast<double>(step_bytes[i]);
    owed += share * bytes;
    if (owed >= bytes / 2 && excess > 0) {
      streamed[i] = true;
      owed -= bytes;
      excess -= step_bytes[i];
    }
  }
  for (std::size_t i = step_bytes.size(); i-- > 0 && excess > 0;) {
    if (may_stream[i] && !streamed[i]) {
      streamed[i] = true;
      excess -= step_bytes[i];
    }
  }
  return streamed;
}

}  // namespace mxscope
