// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace mxscope::test {

inline void check_cuda(int error, const char* what) {
  if (error != static_cast<int>(cudaSuccess)) {
    throw std::runtime_error(std::string(what) + ": " +
                             cudaGetErrorString(static_cast<cudaError_t>(error)));
  }
}

// Device memory with the content of a host array.
class DeviceBuffer {
 public:
  explicit DeviceBuffer(std::size_t bytes) : bytes_(bytes) {
    check_cuda(cudaMalloc(&data_, bytes), "cudaMalloc");
  }
  DeviceBuffer(const void* host, std::size_t bytes) : DeviceBuffer(bytes) {
    check_cuda(cudaMemcpy(data_, host, bytes, cudaMemcpyHostToDevice), "copy to the device");
  }
  ~DeviceBuffer() { cudaFree(data_); }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  [[nodiscard]] char* data() const { return static_cast<char*>(data_); }
  void copy_to(void* host) const {
    check_cuda(cudaMemcpy(host, data_, bytes_, cudaMemcpyDeviceToHost), "copy to the host");
  }

 private:
  void* data_ = nullptr;
  std::size_t bytes_;
};

// Skips without a device, unless MXSCOPE_REQUIRE_GPU=1 makes that a failure.
class GpuTest : public testing::Test {
 protected:
  void SetUp() override {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0) {
      return;
    }
    const char* required = std::getenv("MXSCOPE_REQUIRE_GPU");
    if (required != nullptr && std::string_view(required) == "1") {
      FAIL() << "MXSCOPE_REQUIRE_GPU=1, but there is no CUDA device";
    }
    GTEST_SKIP() << "no CUDA device";
  }
};

}  // namespace mxscope::test
