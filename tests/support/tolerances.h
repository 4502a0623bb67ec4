// SPDX-License-Identifier: Apache-2.0
#pragma once

// How far a fast version may lie from its reference, per kernel, and why. The quantiser has no row:
// it is bit-exact.
namespace mxscope::test {

struct Tolerance {
  double absolute;
  double relative;  // of the reference's magnitude
};

// Results are stored as float32 (half a unit in the last place: 6e-8 relative); exponentials err by
// about 1e-7 relative each, and their sum, in float64, by less.
inline constexpr Tolerance kTokenStatsCpu{2e-7, 2e-7};
// The divergence is a small difference of larger sums, exact to the error of the exponentials.
inline constexpr Tolerance kTokenKlCpu{1e-7, 2e-6};
// float32 products of up to 256 numbers make a score, whose error is the relative error of a
// weight; numbers are those of N(0, 1), so results are 4 at most.
inline constexpr Tolerance kAttentionCpu{4e-6, 0};
// float32 sums over the few hundred numbers of a thread and over the threads of a block.
inline constexpr Tolerance kTokenStatsCuda{2e-6, 1e-6};
inline constexpr Tolerance kTokenKlCuda{1e-6, 1e-5};

// Sums of a row are float64; one rounding of the normalised number, one each of weight and bias.
inline constexpr Tolerance kNormCpu{3e-7, 1.5e-7};
// The exponential errs by 1e-7, its argument for the larger magnitudes by half a unit in its last
// place; sum, quotient and product by half a unit each.
inline constexpr Tolerance kGateCpu{2e-7, 6e-7};

// Norms and activations in float32: sums over a row, one division and the device's exp, erf and
// tanh (2 units in the last place). 16-bit results may be off by one unit more, where a difference
// in float32 crosses a rounding boundary; results near 0 of 1 + erf or 1 + tanh lose leading
// digits.
inline constexpr Tolerance kNormCuda{2e-6, 2e-6};

}  // namespace mxscope::test
