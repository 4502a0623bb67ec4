// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "decoder/model.h"
#include "decoder/uploader.h"

namespace mxscope::engine {

// Weights of a model that is larger than the GPU's memory. Some steps' linears stay in the
// checkpoint's mapped files and pass through a few buffers on the device, in the order of the
// steps and round again, one or two steps ahead of the computation. A thread of its own feeds them.
class WeightStream {
 public:
  // `steps`: those that are streamed, ascending, as indices of decoder_steps(); `linears` per such
  // step. The model holds everything else.
  WeightStream(std::shared_ptr<const Model> model, std::vector<std::size_t> steps,
               std::vector<std::vector<int>> linears);
  ~WeightStream();
  WeightStream(const WeightStream&) = delete;
  WeightStream& operator=(const WeightStream&) = delete;

  [[nodiscard]] bool streams(std::size_t step) const;
  // Lets the current stream wait for the step's weights. Throws what the feeding thread met.
  void prepare(std::size_t step);
  // Of a prepared step.
  [[nodiscard]] at::Tensor weight(int linear) const;
  // What the current stream has been told so far is the last that reads the step's weights.
  void release(std::size_t step);
  // After the first round: throws Error naming a streamed tensor that is not finite. Waits for the
  // uploads the first time. Any thread.
  void check_finite();

  static constexpr int kSlots = 3;
  // Elements of all linears of a step, each aligned.
  static std::int64_t step_elements(const ModelInventory& inventory,
                                    const std::vector<int>& linears);

 private:
  struct Slot {
    at::Tensor buffer;
    c10::Event filled;
    c10::Event free;
    bool freed = false;          // `free` was recorded
    std::int64_t position = -1;  // what it holds, counted over all rounds
    bool ready = false;          // `filled` was recorded
  };

  void feed(const std::stop_token& stop);
  [[nodiscard]] std::size_t index_of(std::size_t step) const;
  Slot& wait_for_next();       // the slot of position prepared_, when it is ready
  void give_back(Slot& slot);  // that slot; the next position is prepared_ then

  std::shared_ptr<const Model> model_;
  std::vector<std::size_t> steps_;
  std::vector<std::vector<int>> linears_;
  Uploader uploader_;
  std::vector<Slot> slots_;
  std::vector<at::Tensor> current_;  // per linear: where its weight lies while prepared
  std::int64_t prepared_ = 0;        // position of the next step that is prepared

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::exception_ptr error_;
  std::atomic<bool> checked_{false};
  std::jthread feeder_;  // last: it uses all of the above
};

}  // namespace mxscope::engine
