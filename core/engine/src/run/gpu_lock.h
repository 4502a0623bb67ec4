// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace mxscope::engine {

// Says to other engines on this machine that a GPU is at work for this one, by a lock on the file
// mxscope-gpu-KEY.lock, which the system gives back however this program ends. It keeps nobody out:
// two jobs on one GPU are slow and may run out of memory, but are not wrong.
class GpuLock {
 public:
  // Takes the lock, or learns who has it; never waits, never throws: where no such file can be made
  // the lock is as if free. `folder`: one for all users; `key`: what the GPU is called everywhere
  // on the machine (its UUID); `who`: a line for others to read.
  GpuLock(const std::filesystem::path& folder, const std::string& key, const std::string& who);
  ~GpuLock();
  GpuLock(const GpuLock&) = delete;
  GpuLock& operator=(const GpuLock&) = delete;

  // What the other one wrote, printable and at most 200 characters; "another program" if it left
  // nothing; empty where the lock is not another's.
  [[nodiscard]] const std::string& holder() const { return holder_; }

 private:
  int file_ = -1;
  std::string holder_;
};

}  // namespace mxscope::engine
