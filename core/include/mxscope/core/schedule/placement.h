// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mxscope {

// Where the weights of a model's steps lie when they do not fit one device. Bytes of a step count
// everything that stays there with it. Any thread.

// Cuts the steps into as many consecutive stages as there are devices, so that the fullest device,
// measured by its share of `limits` (bytes for weights), is as empty as possible. Returns the end
// of each stage as an index into the steps; empty when some device would not hold its stage, or
// there are fewer steps than devices.
[[nodiscard]] std::vector<std::size_t> split_steps(const std::vector<std::int64_t>& step_bytes,
                                                   const std::vector<std::int64_t>& limits);

// Micro-batches in a panel of a job of `batches`, whose panels follow each other through `stages`
// devices: small enough that filling and emptying the devices, stages - 1 panels long, takes at
// most a twentieth of the time; at least one.
[[nodiscard]] std::int64_t split_panel_batches(std::int64_t batches, std::int64_t stages);

// Which steps pass through the device instead of staying on it, so that those that stay take at
// most `limit` bytes: as few bytes as possible, evenly over the steps that `may_stream` allows, so
// that transfers and computation overlap all the time. Empty when all of those together do not
// suffice.
[[nodiscard]] std::vector<bool> streamed_steps(const std::vector<std::int64_t>& step_bytes,
                                               const std::vector<bool>& may_stream,
                                               std::int64_t limit);

}  // namespace mxscope
