// SPDX-License-Identifier: Apache-2.0
#include "decoder/uploader.h"

#include <ATen/ATen.h>
#include <c10/core/StreamGuard.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "tensor/streams.h"

namespace mxscope::engine {
namespace {

// A piece takes about a millisecond on the bus; four of them keep bus and threads busy.
constexpr std::int64_t kPieceBytes = 32 << 20;
constexpr int kPieces = 4;
constexpr int kMaxThreads = 12;
constexpr std::int64_t kBytesPerTask = 2 << 20;

}  // namespace

Uploader::Uploader(c10::Device device, std::int64_t checked)
    : device_(device),
      stream_(side_stream(device)),
      pool_(std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMaxThreads)) {
  const auto pinned = at::TensorOptions().dtype(at::kByte).pinned_memory(true);
  for (int i = 0; i < kPieces; ++i) {
    ring_.push_back({at::empty({kPieceBytes}, pinned), c10::Event(device.type()), false});
  }
  const c10::StreamGuard guard(stream_);
  finite_ = at::ones({std::max<std::int64_t>(1, checked)},
                     at::TensorOptions().dtype(at::kBool).device(device));
}

void Uploader::upload(std::span<const std::byte> bytes, at::ScalarType stored,
                      const at::Tensor& target, std::int64_t watched) {
  const auto element = static_cast<std::int64_t>(c10::elementSize(stored));
  const auto total = static_cast<std::int64_t>(bytes.size());
  const at::Tensor flat = target.view({-1});
  for (std::int64_t begin = 0; begin < total; begin += kPieceBytes) {
    const std::int64_t count = std::min(kPieceBytes, total - begin);
    Slot& slot = ring_[next_];
    next_ = (next_ + 1) % ring_.size();
    if (slot.used) {
      slot.sent.synchronize();
    }
    auto* to = slot.pinned.mutable_data_ptr<std::uint8_t>();
    const std::byte* from = bytes.data() + begin;
    pool_.for_each((count + kBytesPerTask - 1) / kBytesPerTask, [&](std::int64_t task) {
      const std::int64_t at = task * kBytesPerTask;
      std::memcpy(to + at, from + at,
                  static_cast<std::size_t>(std::min(kBytesPerTask, count - at)));
    });
    const c10::StreamGuard guard(stream_);
    const at::Tensor part = flat.narrow(0, begin / element, count / element);
    const at::Tensor source = slot.pinned.narrow(0, 0, count).view(stored);
    at::Tensor arrived = part;
    if (stored == target.scalar_type()) {
      arrived.copy_(source, /*non_blocking=*/true);
    } else {
      arrived = at::empty(part.sizes(), part.options().dtype(stored));
      arrived.copy_(source, /*non_blocking=*/true);
      part.copy_(arrived);
    }
    slot.sent.record(stream_);
    slot.used = true;
    if (watched >= 0) {
      finite_.select(0, watched).logical_and_(at::isfinite(arrived).all());
    }
  }
}

void Uploader::upload_transposed(std::span<const std::byte> bytes, at::ScalarType stored,
                                 const at::Tensor& target, std::int64_t watched) {
  at::Tensor whole;
  {
    const c10::StreamGuard guard(stream_);
    whole = at::empty({target.size(1), target.size(0)}, target.options());
  }
  upload(bytes, stored, whole, watched);
  const c10::StreamGuard guard(stream_);
  target.copy_(whole.t());
}

void Uploader::wait_for_current_stream() {
  c10::Event event(device_.type());
  event.record(current_stream(device_));
  event.block(stream_);
}

void Uploader::block_current_stream() {
  c10::Event event(device_.type());
  event.record(stream_);
  event.block(current_stream(device_));
}

std::int64_t Uploader::first_not_finite() {
  const c10::StreamGuard guard(stream_);
  const at::Tensor host = finite_.cpu();
  const bool* flags = host.const_data_ptr<bool>();
  for (std::int64_t i = 0; i < host.numel(); ++i) {
    if (!flags[i]) {
      return i;
    }
  }
  return -1;
}

}  // namespace mxscope::engine
