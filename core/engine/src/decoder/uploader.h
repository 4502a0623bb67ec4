// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <cstddef>
#include <span>
#include <vector>

#include "evaluate/thread_pool.h"

namespace mxscope::engine {

// Brings weights from mapped files to a GPU: several threads copy pieces into pinned memory while
// the piece before is on its way, all on a stream of its own. Used by one thread at a time.
class Uploader {
 public:
  // `checked`: numbers of tensors whose finiteness is watched, see watch().
  Uploader(c10::Device device, std::int64_t checked);

  // Fills `target` (on the device, contiguous, allocated on the current stream) from `bytes`, which
  // hold as many numbers of type `stored`; converts on the device. Returns when the bytes have been
  // read; the device may still be at work. `watched`: index under which a NaN or an infinity is
  // remembered; -1: not looked for.
  void upload(std::span<const std::byte> bytes, at::ScalarType stored, const at::Tensor& target,
              std::int64_t watched);
  // The same from a matrix stored [in, out] into `target` [out, in].
  void upload_transposed(std::span<const std::byte> bytes, at::ScalarType stored,
                         const at::Tensor& target, std::int64_t watched);

  // Uploads wait for what the current stream has been told so far (memory that it still reads).
  void wait_for_current_stream();
  // Uploads from now on wait for the event; the event happens after those so far.
  void wait_for(const c10::Event& event) { event.block(stream_); }
  void record(c10::Event& event) { event.record(stream_); }
  // The current stream waits for all uploads.
  void block_current_stream();
  // The first watched index that met a NaN or an infinity, or -1. Waits for all uploads.
  [[nodiscard]] std::int64_t first_not_finite();

 private:
  struct Slot {
    at::Tensor pinned;  // bytes
    c10::Event sent;
    bool used = false;
  };

  c10::Device device_;
  c10::Stream stream_;
  ThreadPool pool_;
  std::vector<Slot> ring_;
  std::size_t next_ = 0;
  at::Tensor finite_;  // [checked] bool, on the device
};

}  // namespace mxscope::engine
