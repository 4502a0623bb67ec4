// SPDX-License-Identifier: Apache-2.0
#include "evaluate/weight_stream.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "mxscope/core/base/error.h"
#include "tensor/streams.h"

namespace mxscope::engine {
namespace {

// Rows of every weight start on 16 bytes, as the kernels and cuBLAS like it. Weights of linears
// that read the same input stay one behind the other: their sizes are multiples of it already.
constexpr std::int64_t kAlignment = 8;

std::int64_t aligned(std::int64_t elements) {
  return (elements + kAlignment - 1) / kAlignment * kAlignment;
}

const TensorInfo& tensor_of(const Model& model, int linear) {
  const Linear& l = model.inventory.linears[static_cast<std::size_t>(linear)];
  return resolve_tensor(*model.checkpoint, model.spec(), l.weight_tensor);
}

}  // namespace

std::int64_t WeightStream::step_elements(const ModelInventory& inventory,
                                         const std::vector<int>& linears) {
  std::int64_t elements = 0;
  for (int i : linears) {
    const Linear& l = inventory.linears[static_cast<std::size_t>(i)];
    elements += aligned(l.in_features * l.out_features);
  }
  return elements;
}

WeightStream::WeightStream(std::shared_ptr<const Model> model, std::vector<std::size_t> steps,
                           std::vector<std::vector<int>> linears)
    : model_(std::move(model)),
      steps_(std::move(steps)),
      linears_(std::move(linears)),
      uploader_(model_->device, static_cast<std::int64_t>(model_->linears.size())),
      current_(model_->linears.size()) {
  std::int64_t elements = 0;
  for (const auto& step : linears_) {
    elements = std::max(elements, step_elements(model_->inventory, step));
  }
  const c10::DeviceType type = model_->device.type();
  for (int i = 0; i < kSlots; ++i) {
    slots_.push_back(
        {at::empty({elements}, at::TensorOptions().dtype(model_->dtype).device(model_->device)),
         c10::Event(type), c10::Event(type), false, -1, false});
  }
  uploader_.wait_for_current_stream();
  feeder_ = std::jthread([this](const std::stop_token& stop) {
    const c10::DeviceGuard device(model_->device);
    const c10::InferenceMode inference;
    try {
      feed(stop);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      error_ = std::current_exception();
      changed_.notify_all();
    }
  });
}

WeightStream::~WeightStream() {
  feeder_.request_stop();
  changed_.notify_all();
}

bool WeightStream::streams(std::size_t step) const {
  return std::binary_search(steps_.begin(), steps_.end(), step);
}

std::size_t WeightStream::index_of(std::size_t step) const {
  return static_cast<std::size_t>(std::lower_bound(steps_.begin(), steps_.end(), step) -
                                  steps_.begin());
}

void WeightStream::feed(const std::stop_token& stop) {
  const auto rounds = static_cast<std::int64_t>(steps_.size());
  for (std::int64_t position = 0;; ++position) {
    Slot& slot = slots_[static_cast<std::size_t>(position % kSlots)];
    {
      std::unique_lock lock(mutex_);
      const bool free = changed_.wait(lock, stop, [&] {
        return slot.position < 0 || (slot.position < position && slot.freed);
      });
      if (!free) {
        return;
      }
      if (slot.freed) {
        uploader_.wait_for(slot.free);
      }
      slot.ready = false;
      slot.freed = false;
      slot.position = position;
    }
    std::int64_t begin = 0;
    for (int i : linears_[static_cast<std::size_t>(position % rounds)]) {
      const Linear& l = model_->inventory.linears[static_cast<std::size_t>(i)];
      const TensorInfo& info = tensor_of(*model_, i);
      const std::int64_t elements = l.in_features * l.out_features;
      const at::Tensor target =
          slot.buffer.narrow(0, begin, elements).view({l.out_features, l.in_features});
      const std::int64_t watched = position < rounds ? i : -1;
      model_->checkpoint->will_need(info);
      if (model_->spec().linear_weights_transposed && l.block >= 0) {
        uploader_.upload_transposed(model_->checkpoint->data(info), stored_scalar_type(info),
                                    target, watched);
      } else {
        uploader_.upload(model_->checkpoint->data(info), stored_scalar_type(info), target, watched);
      }
      begin += aligned(elements);
    }
    {
      const std::lock_guard lock(mutex_);
      uploader_.record(slot.filled);
      slot.ready = true;
    }
    changed_.notify_all();
  }
}

WeightStream::Slot& WeightStream::wait_for_next() {
  Slot& slot = slots_[static_cast<std::size_t>(prepared_ % kSlots)];
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return error_ || (slot.position == prepared_ && slot.ready); });
  if (error_) {
    std::rethrow_exception(error_);
  }
  return slot;
}

void WeightStream::give_back(Slot& slot) {
  {
    const std::lock_guard lock(mutex_);
    slot.free.record(current_stream(model_->device));
    slot.freed = true;
  }
  ++prepared_;
  changed_.notify_all();
}

void WeightStream::prepare(std::size_t step) {
  const std::size_t index = index_of(step);
  // A panel that was given up in the middle leaves the rest of its round behind.
  while (static_cast<std::size_t>(prepared_) % steps_.size() != index) {
    give_back(wait_for_next());
  }
  const Slot& slot = wait_for_next();
  slot.filled.block(current_stream(model_->device));
  std::int64_t begin = 0;
  for (int i : linears_[index]) {
    const Linear& l = model_->inventory.linears[static_cast<std::size_t>(i)];
    const std::int64_t elements = l.in_features * l.out_features;
    current_[static_cast<std::size_t>(i)] =
        slot.buffer.narrow(0, begin, elements).view({l.out_features, l.in_features});
    begin += aligned(elements);
  }
}

at::Tensor WeightStream::weight(int linear) const {
  return current_[static_cast<std::size_t>(linear)];
}

void WeightStream::release(std::size_t step) {
  for (int i : linears_[index_of(step)]) {
    current_[static_cast<std::size_t>(i)].reset();
  }
  give_back(slots_[static_cast<std::size_t>(prepared_ % kSlots)]);
}

void WeightStream::check_finite() {
  if (checked_.exchange(true)) {
    return;
  }
  const std::int64_t bad = uploader_.first_not_finite();
  if (bad >= 0) {
    throw_not_finite(*model_->checkpoint, tensor_of(*model_, static_cast<int>(bad)));
  }
}

}  // namespace mxscope::engine
