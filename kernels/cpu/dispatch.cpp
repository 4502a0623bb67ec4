// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "cpu/cpu_kernels.h"
#include "mxscope/kernels/mx_quantize.h"

namespace mxscope::kernels {
namespace {

std::array<const CpuKernels*, 4> find_runnable() noexcept {
  std::array<const CpuKernels*, 4> found{};
  std::size_t count = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    found[count++] = &avx512::kKernels;
  }
  // Every processor with AVX2 has F16C.
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    found[count++] = &avx2::kKernels;
  }
#endif
  found[count] = &generic::kKernels;
  return found;
}

}  // namespace

const CpuKernels* const* runnable_cpu_kernels() noexcept {
  static const std::array<const CpuKernels*, 4> runnable = find_runnable();
  return runnable.data();
}

const CpuKernels& cpu_kernels() noexcept { return *runnable_cpu_kernels()[0]; }

const char* cpu_instruction_set() noexcept { return cpu_kernels().name; }

}  // namespace mxscope::kernels
