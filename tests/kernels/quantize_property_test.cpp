// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>

#include "cpu/cpu_kernels.h"
#include "kernels/quantize_support.h"

// The fast CPU versions of every instruction set that this processor runs give the reference's
// bits for any shape, stride, block, format, rule, rounding and type.
namespace mxscope::test {
namespace {

QuantizeSpec any_spec() {
  static constexpr std::array<std::int64_t, 18> kBlocks = {0,   1, 2, 4, 8,  16, 32, 64,  128,
                                                           256, 3, 7, 9, 12, 24, 33, 100, 1000};
  QuantizeSpec spec;
  spec.scheme = static_cast<Scheme>(
      *rc::gen::weightedElement<int>({{10, 0}, {2, 1}, {2, 2}, {1, 3}, {1, 4}}));
  spec.element = static_cast<Element>(*rc::gen::inRange(0, kernels::kElementCount));
  spec.block = *rc::gen::elementOf(kBlocks);
  spec.scale = static_cast<ScaleRule>(*rc::gen::inRange(0, kernels::kScaleRuleCount));
  spec.rounding = static_cast<Rounding>(*rc::gen::inRange(0, kernels::kRoundingCount));
  return spec;
}

TEST(MxQuantizeProperty, EveryCpuVersionEqualsTheReference) {
  EXPECT_TRUE(rc::check("cpu equals reference", [] {
    const QuantizeSpec spec = any_spec();
    const auto dtype = static_cast<DType>(*rc::gen::inRange(0, 3));
    const auto rows = *rc::gen::inRange<std::int64_t>(1, 5);
    // Long rows reach the paths that take many blocks at once.
    const auto cols =
        *rc::gen::weightedOneOf<std::int64_t>({{3, rc::gen::inRange<std::int64_t>(1, 300)},
                                               {1, rc::gen::inRange<std::int64_t>(1, 5000)}});
    Matrix in(dtype, rows, cols, cols + *rc::gen::inRange<std::int64_t>(0, 9));
    std::mt19937_64 generator(*rc::gen::arbitrary<std::uint64_t>());
    fill_hurtful(in, generator);

    Matrix expected(dtype, rows, cols, cols + 3);
    reference_quantizer()(spec, in, expected);
    for (const auto* version = kernels::runnable_cpu_kernels(); *version != nullptr; ++version) {
      Matrix actual(dtype, rows, cols, cols + 5);
      // Columns behind the row's end belong to someone else.
      std::fill(actual.bytes.begin(), actual.bytes.end(), '\x5A');
      const Matrix untouched = actual;
      (*version)->quantize_rows(kernels::detail::make_plan(spec, cols), dtype, in.bytes.data(),
                                actual.bytes.data(), rows, cols, in.stride, actual.stride);
      const std::string difference = first_difference(expected, actual);
      if (!difference.empty()) {
        RC_FAIL(std::string((*version)->name) + ", " + describe(spec, dtype) + ": " + difference);
      }
      Matrix same = in;
      (*version)->quantize_rows(kernels::detail::make_plan(spec, cols), dtype, same.bytes.data(),
                                same.bytes.data(), rows, cols, same.stride, same.stride);
      const std::string in_place = first_difference(expected, same);
      if (!in_place.empty()) {
        RC_FAIL(std::string((*version)->name) + ", in place, " + describe(spec, dtype) + ": " +
                in_place);
      }
      for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t col = cols; col < actual.stride; ++col) {
          RC_ASSERT(actual.raw(row, col) == untouched.raw(row, col));
        }
      }
    }
  }));
}

}  // namespace
}  // namespace mxscope::test
