// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/cuda_support.h"
#include "kernels/quantize_support.h"
#include "kernels/rotary_support.h"
#include "mxscope/kernels/rotary.h"

namespace mxscope::test {
namespace {

using kernels::DType;
using kernels::RotaryView;

class CudaRotary : public GpuTest {};

// Queries that lie in a wider fused product, turned in part, for head sizes whose halves do and do
// not fill packs, against the CPU version. The device contracts a * c - b * s to one rounding less
// and its difference is therefore bounded by the terms, not by the result.
TEST_F(CudaRotary, TurnsWhatTheCpuTurnsAndNothingElse) {
  std::mt19937_64 generator(71);
  std::normal_distribution<float> normal;
  for (int type = 0; type < 3; ++type) {
    const auto dtype = static_cast<DType>(type);
    const double unit = dtype == DType::kFloat32    ? 0x1p-23
                        : dtype == DType::kBFloat16 ? 0x1p-8
                                                    : 0x1p-11;
    for (const std::int64_t half : {1, 3, 8, 24, 64, 128}) {
      for (const std::int64_t heads : {1, 5, 32}) {
        const std::int64_t rows = 37;
        const std::int64_t size = 2 * half + 8;
        const std::int64_t stride = heads * size + 16;
        Matrix x(dtype, rows, heads * size, stride);
        for (std::int64_t row = 0; row < rows; ++row) {
          for (std::int64_t col = 0; col < stride; ++col) {
            x.set(row, col, normal(generator));
          }
        }
        const RotaryTables tables(generator, rows, half);
        const DeviceBuffer data(x.bytes.data(), x.bytes.size());
        RotaryView view{data.data(), dtype, rows, heads, stride, size};
        check_cuda(kernels::rotate_cuda(view, tables.position_data(), tables.cos_data(),
                                        tables.sin_data(), half, nullptr),
                   "rotate_cuda");
        Matrix actual = x;
        data.copy_to(actual.bytes.data());
        Matrix expected = x;
        view.data = expected.bytes.data();
        kernels::rotate_cpu(view, tables.positions.data(), tables.cos.data(), tables.sin.data(),
                            half);
        for (std::int64_t row = 0; row < rows; ++row) {
          for (std::int64_t head = 0; head < heads; ++head) {
            for (std::int64_t i = 0; i < size; ++i) {
              const std::int64_t col = head * size + i;
              double tolerance = 0;
              if (i < 2 * half) {
                const std::int64_t first = head * size + i % half;
                tolerance = 2 * unit *
                            (std::fabs(static_cast<double>(x.at(row, first))) +
                             std::fabs(static_cast<double>(x.at(row, first + half))));
              }
              ASSERT_NEAR(expected.at(row, col), actual.at(row, col), tolerance)
                  << "dtype " << type << ", half " << half << ", heads " << heads << ", row " << row
                  << ", head " << head << ", " << i;
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace mxscope::test
