// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace mxscope {

// Regularised incomplete beta function I_x(a, b), 0 <= x <= 1, a and b > 0; relative error about
// 1e-14. Continued fraction by Lentz's method.
[[nodiscard]] double incomplete_beta(double a, double b, double x) noexcept;

// Quantile of the standard normal distribution, 0 < p < 1.
[[nodiscard]] double normal_quantile(double p) noexcept;

// Quantile of Student's t distribution with `degrees` > 0 degrees of freedom, 0 < p < 1.
[[nodiscard]] double student_quantile(double p, double degrees) noexcept;

// Factor of the standard error for a two-sided 95 % interval from n >= 2 windows: Student's with
// n - 1 degrees, normal for n > 100 (NUMERICS section 7).
[[nodiscard]] double interval_factor(long long n) noexcept;

}  // namespace mxscope
