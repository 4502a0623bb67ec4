// SPDX-License-Identifier: Apache-2.0
// Any bytes as a safetensors file: read or refused by mxscope::Error, and what is read lies inside
// the file.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "mxscope/core/base/error.h"
#include "mxscope/core/checkpoint/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const int fd = ::memfd_create("fuzz", MFD_CLOEXEC);
  if (fd < 0 || ::write(fd, data, size) != static_cast<ssize_t>(size)) {
    std::abort();
  }
  try {
    const auto file = mxscope::SafetensorsFile::open("/proc/self/fd/" + std::to_string(fd));
    volatile unsigned sum = 0;
    for (const mxscope::TensorInfo& tensor : file.tensors()) {
      for (const std::byte byte : file.data(tensor)) {
        sum = sum + static_cast<unsigned>(byte);
      }
    }
  } catch (const mxscope::Error&) {
  }
  ::close(fd);
  return 0;
}
