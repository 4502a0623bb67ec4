// SPDX-License-Identifier: Apache-2.0
#include "run/device_guard.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <new>

#include "mxscope/core/base/error.h"
#include "mxscope/engine/memory_monitor.h"
#if MXSCOPE_HAS_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace mxscope::engine {
namespace {

// Steps of small models last a few milliseconds; a look takes about 30 microseconds.
constexpr auto kSampleInterval = std::chrono::milliseconds(3);

}  // namespace

c10::Device torch_device(const std::string& id) {
  if (id == "cpu") {
    return c10::Device(c10::kCPU);
  }
#if MXSCOPE_HAS_CUDA
  const int index = std::atoi(id.c_str() + std::string("cuda:").size());
  if (index < c10::cuda::device_count()) {
    return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index));
  }
#endif
  throw Error(ErrorCode::kDevice,
              "device '" + id + "' cannot be used: no such GPU, or a build without CUDA");
}

struct DeviceGuard::State {
#if MXSCOPE_HAS_CUDA
  std::unique_ptr<c10::cuda::CUDAGuard> device;
#endif
};

DeviceGuard::DeviceGuard(const std::string& id) : state_(std::make_unique<State>()) {
  // TF32 would round float32 operands to 10 bits; the contract says float32.
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setAllowTF32CuDNN(false);
  // 16-bit products accumulate in float32 all the way.
  at::globalContext().setAllowBF16ReductionCuBLAS(false);
  at::globalContext().setAllowFP16ReductionCuBLAS(false);
#if MXSCOPE_HAS_CUDA
  if (id != "cpu") {
    state_->device = std::make_unique<c10::cuda::CUDAGuard>(torch_device(id));
  }
#else
  (void)id;
#endif
}

DeviceGuard::~DeviceGuard() = default;

void rethrow_as_error(const std::string& device) {
  try {
    throw;
  } catch (const Error&) {
    throw;
  } catch (const c10::OutOfMemoryError& e) {
    throw Error(ErrorCode::kOutOfMemory,
                device + " is out of memory: " + e.what_without_backtrace());
  } catch (const c10::Error& e) {
    const std::string text = e.what_without_backtrace();
    if (text.find("allocate") != std::string::npos || text.find("memory") != std::string::npos) {
      throw Error(ErrorCode::kOutOfMemory, device + " is out of memory: " + text);
    }
    throw Error(device == "cpu" ? ErrorCode::kInternal : ErrorCode::kDevice,
                "computing on " + device + " failed: " + text);
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::kOutOfMemory, device + " is out of memory: the host has " +
                                             std::to_string(read_host_memory().available) +
                                             " bytes left");
  } catch (const std::exception& e) {
    throw Error(ErrorCode::kInternal, "computing on " + device + " failed: " + e.what());
  }
}

void release_cached_memory(const std::vector<std::string>& devices) {
#if MXSCOPE_HAS_CUDA
  for (const std::string& device : devices) {
    if (device != "cpu") {
      const c10::cuda::CUDAGuard guard(torch_device(device));
      c10::cuda::device_synchronize();
      c10::cuda::CUDACachingAllocator::emptyCache();
    }
  }
#else
  (void)devices;
#endif
}

PeakMemory::PeakMemory(std::vector<std::string> devices) : devices_(std::move(devices)) {
  host_start_ = read_host_memory().anonymous;
  host_peak_ = host_start_;
#if MXSCOPE_HAS_CUDA
  for (const std::string& device : devices_) {
    if (device != "cpu") {
      c10::cuda::CUDACachingAllocator::init(c10::cuda::device_count());
      c10::cuda::CUDACachingAllocator::resetPeakStats(torch_device(device).index());
    }
  }
#endif
  if (devices_.front() == "cpu") {
    sampler_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        host_peak_ = std::max(host_peak_.load(), read_host_memory().anonymous);
        std::this_thread::sleep_for(kSampleInterval);
      }
    });
  }
}

std::vector<std::pair<std::string, std::int64_t>> PeakMemory::peaks() const {
  std::vector<std::pair<std::string, std::int64_t>> peaks;
  for (const std::string& device : devices_) {
    std::int64_t bytes = host_peak_ - host_start_;
#if MXSCOPE_HAS_CUDA
    if (device != "cpu") {
      bytes = c10::cuda::CUDACachingAllocator::getDeviceStats(torch_device(device).index())
                  .allocated_bytes[0]
                  .peak;
    }
#endif
    peaks.emplace_back(device, bytes);
  }
  return peaks;
}

}  // namespace mxscope::engine
