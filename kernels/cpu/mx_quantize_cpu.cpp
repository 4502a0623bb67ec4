// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <system_error>
#include <thread>
#include <vector>

#include "cpu/cpu_kernels.h"
#include "detail/quantize_plan.h"
#include "mxscope/kernels/mx_quantize.h"

namespace mxscope::kernels {
namespace {

// Below this many elements a thread costs more than it saves.
constexpr std::int64_t kElementsPerThread = 1 << 15;

const char* row_at(const void* data, DType dtype, std::int64_t row, std::int64_t stride) {
  return static_cast<const char*>(data) + row * stride * size_of(dtype);
}
char* row_at(void* data, DType dtype, std::int64_t row, std::int64_t stride) {
  return static_cast<char*>(data) + row * stride * size_of(dtype);
}

}  // namespace

void quantize_cpu(const QuantizeSpec& spec, DType dtype, const void* in, void* out,
                  std::int64_t rows, std::int64_t cols, std::int64_t in_row_stride,
                  std::int64_t out_row_stride) noexcept {
  if (rows <= 0 || cols <= 0) {
    return;
  }
  cpu_kernels().quantize_rows(detail::make_plan(spec, cols), dtype, in, out, rows, cols,
                              in_row_stride, out_row_stride);
}

void quantize_cpu_parallel(const QuantizeSpec& spec, DType dtype, const void* in, void* out,
                           std::int64_t rows, std::int64_t cols, std::int64_t in_row_stride,
                           std::int64_t out_row_stride, int threads) noexcept {
  const std::int64_t useful = std::max<std::int64_t>(1, rows * cols / kElementsPerThread);
  const std::int64_t parts = std::min(
      {static_cast<std::int64_t>(std::max(threads, 1)), useful, std::max<std::int64_t>(rows, 1)});
  const auto quantize_part = [&](std::int64_t part) noexcept {
    const std::int64_t begin = rows * part / parts;
    const std::int64_t end = rows * (part + 1) / parts;
    quantize_cpu(spec, dtype, row_at(in, dtype, begin, in_row_stride),
                 row_at(out, dtype, begin, out_row_stride), end - begin, cols, in_row_stride,
                 out_row_stride);
  };
  std::vector<std::jthread> workers;
  std::int64_t begun = 1;
  try {
    workers.reserve(static_cast<std::size_t>(parts - 1));
    for (; begun < parts; ++begun) {
      workers.emplace_back(quantize_part, begun);
    }
  } catch (const std::exception&) {
    // The parts that got no thread are done here.
    for (std::int64_t part = begun; part < parts; ++part) {
      quantize_part(part);
    }
  }
  quantize_part(0);
}

}  // namespace mxscope::kernels
