// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "decoder/decoder.h"
#include "evaluate/thread_pool.h"
#include "evaluate/weight_stream.h"
#include "mxscope/core/schedule/state_plan.h"

namespace mxscope::engine {

// Quantised copies of weights, made once for all micro-batches of a panel and kept for the next
// panels while they fit the budget; and where weights are streamed, the way to them. On a GPU
// copies are made on a stream of their own. Used by one worker; weight() may be called by its
// threads between two calls of prepare().
class WeightCache : public WeightSource {
 public:
  // `budget`: bytes of copies that may outlive their step. `pool`: threads that quantise on the
  // CPU; null on a GPU. `stream`: of the model's streamed weights, or null.
  WeightCache(std::shared_ptr<const Model> model, const std::vector<OperandSpec>& operands,
              std::int64_t budget, ThreadPool* pool, std::unique_ptr<WeightStream> stream);
  ~WeightCache() override;
  WeightCache(const WeightCache&) = delete;
  WeightCache& operator=(const WeightCache&) = delete;

  // Makes what the nodes of step `index` need and does not exist yet.
  void prepare(std::size_t index, const StepPlan& step);
  // The same for a step to come, while the one before computes (GPU; does nothing for a streamed
  // step or on the CPU).
  void prepare_ahead(std::size_t index, const StepPlan& step);
  // Drops the step's copies when they do not fit the budget.
  void release(std::size_t index, const StepPlan& step);
  // Throws Error naming a streamed weight that is not finite. Waits for the GPU the first time. Any
  // thread, also while another is between prepare() and release().
  void check_finite();

  [[nodiscard]] at::Tensor weight(int linear, int operand, bool narrow) const override;
  [[nodiscard]] std::int64_t bytes() const noexcept { return bytes_; }

 private:
  using Key = std::tuple<int, int, bool>;  // linear, operand, narrow
  struct Copy {
    at::Tensor tensor;
    // Of the GPU's side stream, shared by copies that were made together.
    std::shared_ptr<c10::Event> made;
  };
  struct Task {
    at::Tensor source, target;
    int operand;
  };

  [[nodiscard]] at::Tensor raw(int linear) const;
  [[nodiscard]] Key key_of(int linear, const LinearOps& ops) const;
  [[nodiscard]] std::vector<std::vector<Key>> missing(const StepPlan& step) const;
  std::vector<Task> allocate(const StepPlan& step);
  // Calls visit(place in copies_) for the step's copies that exist; it may erase that one.
  template <class Visit>
  void for_each_copy(const StepPlan& step, const Visit& visit);
  void make(const std::vector<Task>& tasks);

  std::shared_ptr<const Model> model_;
  const std::vector<OperandSpec>& operands_;
  std::int64_t budget_;
  ThreadPool* pool_;
  std::unique_ptr<WeightStream> stream_;
  std::optional<c10::Stream> side_;  // GPU
  std::map<Key, Copy> copies_;
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
