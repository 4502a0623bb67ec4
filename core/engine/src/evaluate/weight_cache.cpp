// SPDX-License-Identifier: Apache-2.0
#include "evaluate/weight_cache.h"

#include <ATen/ATen.h>
#include <c10/core/StreamGuard.h>

#include <algorithm>
#include <set>

#include "mxscope/core/base/error.h"
#include "tensor/streams.h"
#include "tensor/tensors.h"
#include "tensor/trace.h"

namespace mxscope::engine {
namespace {

// Elements one task quantises: about a millisecond of work, so that threads end together.
constexpr std::int64_t kElementsPerTask = 1 << 20;

}  // namespace

WeightCache::WeightCache(std::shared_ptr<const Model> model,
                         const std::vector<OperandSpec>& operands, std::int64_t budget,
                         ThreadPool* pool, std::unique_ptr<WeightStream> stream)
    : model_(std::move(model)),
      operands_(operands),
      budget_(budget),
      pool_(pool),
      stream_(std::move(stream)) {
  if (model_->device.is_cuda()) {
    side_ = side_stream(model_->device);
  }
}

WeightCache::~WeightCache() {
  if (side_) {
    // Copies that were made ahead and never used are still being written.
    side_->synchronize();
  }
}

at::Tensor WeightCache::raw(int linear) const {
  const at::Tensor& resident = model_->linears[static_cast<std::size_t>(linear)].weight;
  return resident.defined() || !stream_ ? resident : stream_->weight(linear);
}

WeightCache::Key WeightCache::key_of(int linear, const LinearOps& ops) const {
  return {linear, ops.weight, is_narrow(*model_, operands_, ops)};
}

template <class Visit>
void WeightCache::for_each_copy(const StepPlan& step, const Visit& visit) {
  for (const StateNode& node : step.nodes) {
    const auto& ops = step.configs[static_cast<std::size_t>(node.config)];
    for (std::size_t i = 0; i < ops.size(); ++i) {
      const auto copy = copies_.find(key_of(step.linears[i], ops[i]));
      if (copy != copies_.end()) {
        visit(copy);
      }
    }
  }
}

// Copies that do not exist yet, those of weights that lie one behind the other together: so will
// they.
std::vector<std::vector<WeightCache::Key>> WeightCache::missing(const StepPlan& step) const {
  std::vector<std::vector<Key>> groups;
  std::set<Key> seen;
  std::set<int> configs;
  for (const StateNode& node : step.nodes) {
    if (!configs.insert(node.config).second) {
      continue;
    }
    const auto& ops = step.configs[static_cast<std::size_t>(node.config)];
    bool may_join = false;
    for (std::size_t i = 0; i < ops.size(); ++i) {
      const int linear = step.linears[i];
      const Key key = key_of(linear, ops[i]);
      if (ops[i].weight == 0 || copies_.contains(key) || !seen.insert(key).second) {
        may_join = false;
        continue;
      }
      if (may_join && std::get<2>(groups.back().back()) == std::get<2>(key) &&
          joined_rows({raw(std::get<0>(groups.back().back())), raw(linear)}).defined()) {
        groups.back().push_back(key);
      } else {
        groups.push_back({key});
      }
      may_join = side_.has_value();
    }
  }
  return groups;
}

std::vector<WeightCache::Task> WeightCache::allocate(const StepPlan& step) {
  std::vector<Task> tasks;
  for (const std::vector<Key>& group : missing(step)) {
    std::int64_t rows = 0;
    for (const Key& key : group) {
      rows += raw(std::get<0>(key)).size(0);
    }
    const at::Tensor first = raw(std::get<0>(group.front()));
    const bool narrow = std::get<2>(group.front());
    const at::Tensor together = at::empty(
        {rows, first.size(1)}, narrow ? first.options().dtype(at::kBFloat16) : first.options());
    bytes_ += static_cast<std::int64_t>(together.nbytes());
    std::int64_t begin = 0;
    for (const Key& key : group) {
      const at::Tensor source = raw(std::get<0>(key));
      const at::Tensor target = together.narrow(0, begin, source.size(0));
      begin += source.size(0);
      const std::int64_t rows_per_task =
          pool_ == nullptr ? source.size(0)
                           : std::max<std::int64_t>(
                                 1, kElementsPerTask / std::max<std::int64_t>(source.size(1), 1));
      for (std::int64_t row = 0; row < source.size(0); row += rows_per_task) {
        const std::int64_t count = std::min(rows_per_task, source.size(0) - row);
        tasks.push_back(
            {source.narrow(0, row, count), target.narrow(0, row, count), std::get<1>(key)});
      }
      copies_.emplace(key, Copy{target, nullptr});
    }
  }
  return tasks;
}

void WeightCache::make(const std::vector<Task>& tasks) {
  const TraceRange trace("quantise weights");
  const auto run = [&](std::int64_t i) {
    const Task& task = tasks[static_cast<std::size_t>(i)];
    quantise_to(task.source, task.target, operands_[static_cast<std::size_t>(task.operand)]);
  };
  if (pool_ != nullptr) {
    pool_->for_each(static_cast<std::int64_t>(tasks.size()), run);
    return;
  }
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    run(static_cast<std::int64_t>(i));
  }
}

void WeightCache::prepare_ahead(std::size_t index, const StepPlan& step) {
  if (!side_ || (stream_ && stream_->streams(index))) {
    return;
  }
  const std::vector<Task> tasks = allocate(step);
  if (tasks.empty()) {
    return;
  }
  // The memory may be what a computation still reads.
  c10::Event told(model_->device.type());
  told.record(current_stream(model_->device));
  told.block(*side_);
  const auto made = std::make_shared<c10::Event>(model_->device.type());
  {
    const c10::StreamGuard guard(*side_);
    make(tasks);
  }
  made->record(*side_);
  for (auto& [key, copy] : copies_) {
    for (const Task& task : tasks) {
      if (copy.tensor.is_alias_of(task.target)) {
        copy.made = made;
        break;
      }
    }
  }
}

void WeightCache::prepare(std::size_t index, const StepPlan& step) {
  if (stream_ && stream_->streams(index)) {
    stream_->prepare(index);
  }
  if (side_) {
    for_each_copy(step, [&](auto copy) {
      if (copy->second.made) {
        copy->second.made->block(current_stream(model_->device));
        copy->second.made.reset();
      }
    });
  }
  make(allocate(step));
}

void WeightCache::release(std::size_t index, const StepPlan& step) {
  if (bytes_ > budget_) {
    for_each_copy(step, [&](auto copy) {
      bytes_ -= static_cast<std::int64_t>(copy->second.tensor.nbytes());
      copies_.erase(copy);
    });
  }
  if (stream_ && stream_->streams(index)) {
    stream_->release(index);
  }
}

void WeightCache::check_finite() {
  if (stream_) {
    stream_->check_finite();
  }
}

at::Tensor WeightCache::weight(int linear, int operand, bool narrow) const {
  if (operand == 0) {
    return raw(linear);
  }
  const auto copy = copies_.find({linear, operand, narrow});
  if (copy == copies_.end()) {
    throw Error(ErrorCode::kInternal, "a quantised weight is used before it was made");
  }
  return copy->second.tensor;
}

CopyBytes quantised_copy_bytes(const StatePlan& plan, const ModelInventory& inventory,
                               std::int64_t element_size) {
  CopyBytes sum;
  for (const StepPlan& step : plan.steps) {
    std::set<std::pair<int, int>> needed;
    for (const StateNode& node : step.nodes) {
      const auto& ops = step.configs[static_cast<std::size_t>(node.config)];
      for (std::size_t i = 0; i < ops.size(); ++i) {
        if (ops[i].weight != 0) {
          needed.emplace(step.linears[i], ops[i].weight);
        }
      }
    }
    std::int64_t bytes = 0;
    for (const auto& [linear, operand] : needed) {
      const Linear& l = inventory.linears[static_cast<std::size_t>(linear)];
      bytes += l.in_features * l.out_features * element_size;
    }
    sum.all += bytes;
    sum.largest_step = std::max(sum.largest_step, bytes);
  }
  return sum;
}

}  // namespace mxscope::engine
