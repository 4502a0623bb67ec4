// SPDX-License-Identifier: Apache-2.0
#include "evaluate/weight_cache.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <set>

#include "mxscope/core/base/error.h"
#include "tensor/tensors.h"

namespace mxscope::engine {
namespace {

// Elements one task quantises: about a millisecond of work, so that threads end together.
constexpr std::int64_t kElementsPerTask = 1 << 20;

std::set<std::pair<int, int>> needed(const StepPlan& step) {
  std::set<std::pair<int, int>> keys;
  for (const StateNode& node : step.nodes) {
    const auto& ops = step.configs[static_cast<std::size_t>(node.config)];
    for (std::size_t i = 0; i < ops.size(); ++i) {
      if (ops[i].weight != 0) {
        keys.emplace(step.linears[i], ops[i].weight);
      }
    }
  }
  return keys;
}

}  // namespace

WeightCache::WeightCache(std::shared_ptr<const Model> model,
                         const std::vector<OperandSpec>& operands, std::int64_t budget,
                         ThreadPool* pool)
    : model_(std::move(model)), operands_(operands), budget_(budget), pool_(pool) {}

void WeightCache::prepare(const StepPlan& step) {
  struct Task {
    at::Tensor source, target;
    int operand;
  };
  std::vector<Task> tasks;
  for (const Key& key : needed(step)) {
    if (copies_.contains(key)) {
      continue;
    }
    const at::Tensor& source = model_->linears[static_cast<std::size_t>(key.first)].weight;
    at::Tensor target = at::empty_like(source);
    bytes_ += static_cast<std::int64_t>(target.nbytes());
    const std::int64_t rows_per_task =
        pool_ == nullptr ? source.size(0)
                         : std::max<std::int64_t>(
                               1, kElementsPerTask / std::max<std::int64_t>(source.size(1), 1));
    for (std::int64_t begin = 0; begin < source.size(0); begin += rows_per_task) {
      const std::int64_t count = std::min(rows_per_task, source.size(0) - begin);
      tasks.push_back({source.narrow(0, begin, count), target.narrow(0, begin, count), key.second});
    }
    copies_.emplace(key, std::move(target));
  }
  const auto run = [&](std::int64_t i) {
    const Task& task = tasks[static_cast<std::size_t>(i)];
    quantise_to(task.source, task.target, operands_[static_cast<std::size_t>(task.operand)]);
  };
  if (pool_ != nullptr) {
    pool_->for_each(static_cast<std::int64_t>(tasks.size()), run);
  } else {
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      run(static_cast<std::int64_t>(i));
    }
  }
}

void WeightCache::release(const StepPlan& step) {
  for (const Key& key : needed(step)) {
    if (bytes_ <= budget_) {
      return;
    }
    const auto copy = copies_.find(key);
    if (copy != copies_.end()) {
      bytes_ -= static_cast<std::int64_t>(copy->second.nbytes());
      copies_.erase(copy);
    }
  }
}

at::Tensor WeightCache::weight(int linear, int operand) const {
  if (operand == 0) {
    return model_->linears[static_cast<std::size_t>(linear)].weight;
  }
  const auto copy = copies_.find({linear, operand});
  if (copy == copies_.end()) {
    throw Error(ErrorCode::kInternal, "a quantised weight is used before it was made");
  }
  return copy->second;
}

CopyBytes quantised_copy_bytes(const StatePlan& plan, const ModelInventory& inventory,
                               std::int64_t element_size) {
  CopyBytes sum;
  for (const StepPlan& step : plan.steps) {
    std::int64_t bytes = 0;
    for (const auto& [linear, operand] : needed(step)) {
      const Linear& l = inventory.linears[static_cast<std::size_t>(linear)];
      bytes += l.in_features * l.out_features * element_size;
    }
    sum.all += bytes;
    sum.largest_step = std::max(sum.largest_step, bytes);
  }
  return sum;
}

}  // namespace mxscope::engine
