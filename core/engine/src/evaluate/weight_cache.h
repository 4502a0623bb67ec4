// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "decoder/decoder.h"
#include "evaluate/thread_pool.h"
#include "mxscope/core/schedule/state_plan.h"

namespace mxscope::engine {

// Quantised copies of weights, made once for all micro-batches of a panel and kept for the next
// panels while they fit the budget. Used by one worker; weight() may be called by its threads
// between two calls of prepare().
class WeightCache : public WeightSource {
 public:
  // `budget`: bytes of copies that may outlive their step. `pool`: threads that quantise on the
  // CPU; null on a GPU.
  WeightCache(std::shared_ptr<const Model> model, const std::vector<OperandSpec>& operands,
              std::int64_t budget, ThreadPool* pool);

  // Makes what the step's nodes need and does not exist yet.
  void prepare(const StepPlan& step);
  // Drops copies made for the step that do not fit the budget.
  void release(const StepPlan& step);

  [[nodiscard]] at::Tensor weight(int linear, int operand) const override;
  [[nodiscard]] std::int64_t bytes() const noexcept { return bytes_; }

 private:
  using Key = std::pair<int, int>;  // linear, operand

  std::shared_ptr<const Model> model_;
  const std::vector<OperandSpec>& operands_;
  std::int64_t budget_;
  ThreadPool* pool_;
  std::map<Key, at::Tensor> copies_;
  std::int64_t bytes_ = 0;
};

// Bytes of all distinct quantised weights of a plan, and of the step that needs most.
struct CopyBytes {
  std::int64_t all = 0;
  std::int64_t largest_step = 0;
};
CopyBytes quantised_copy_bytes(const StatePlan& plan, const ModelInventory& inventory,
                               std::int64_t element_size);

}  // namespace mxscope::engine
