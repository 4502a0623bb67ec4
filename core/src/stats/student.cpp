// SPDX-License-Identifier: Apache-2.0
#include "mxscope/core/stats/student.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <limits>

namespace mxscope {
namespace {

// std::lgamma writes a global sign; this does not.
double log_gamma(double x) noexcept {
  int sign = 0;
  return ::lgamma_r(x, &sign);
}

// Continued fraction of I_x(a, b), Lentz's method; converges fast for x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x) noexcept {
  constexpr double kTiny = 1e-300;
  constexpr int kMaxTerms = 10000;
  double c = 1;
  double d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::fabs(d) < kTiny ? kTiny : d);
  double value = d;
  for (int m = 1; m <= kMaxTerms; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double change = 1;
    for (const double term : {even, odd}) {
      d = 1 + term * d;
      c = 1 + term / c;
      d = 1 / (std::fabs(d) < kTiny ? kTiny : d);
      c = std::fabs(c) < kTiny ? kTiny : c;
      change = c * d;
      value *= change;
    }
    if (std::fabs(change - 1) < std::numeric_limits<double>::epsilon()) {
      break;
    }
  }
  return value;
}

// P(|T| > t) for t >= 0.
double two_sided_tail(double t, double degrees) noexcept {
  return incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t));
}

// P(|Z| > z) for z >= 0.
double normal_tail(double z) noexcept { return std::erfc(z / std::sqrt(2.0)); }

// The t >= 0 at which the falling function `tail` meets `target`, to the last bit it can tell.
template <typename Tail>
double solve_tail(double target, const Tail& tail) noexcept {
  double high = 1;
  while (tail(high) > target && high < 1e300) {
    high *= 2;
  }
  double low = 0;
  while (true) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) {
      return middle;
    }
    (tail(middle) > target ? low : high) = middle;
  }
}

template <typename Tail>
double quantile(double p, const Tail& tail) noexcept {
  if (!(p > 0 && p < 1)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const double outside = p > 0.5 ? 2 * (1 - p) : 2 * p;
  const double t = outside >= 1 ? 0 : solve_tail(outside, tail);
  return p > 0.5 ? t : -t;
}

}  // namespace

double incomplete_beta(double a, double b, double x) noexcept {
  if (!(x > 0)) {
    return 0;
  }
  if (x >= 1) {
    return 1;
  }
  const double front = std::exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * std::log(x) +
                                b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) {
    return front * beta_fraction(a, b, x) / a;
  }
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double normal_quantile(double p) noexcept { return quantile(p, normal_tail); }

double student_quantile(double p, double degrees) noexcept {
  return quantile(p, [degrees](double t) { return two_sided_tail(t, degrees); });
}

double interval_factor(long long n) noexcept {
  constexpr std::size_t kNormalAbove = 100;  // NUMERICS section 7
  constexpr double kUpper = 0.975;
  // Solved once: a plot of running means asks for each of its points.
  static const auto factors = [] {
    std::array<double, kNormalAbove + 2> table{};  // by n; the last for all that are larger
    table[0] = table[1] = std::numeric_limits<double>::quiet_NaN();
    for (std::size_t i = 2; i <= kNormalAbove; ++i) {
      table[i] = student_quantile(kUpper, static_cast<double>(i - 1));
    }
    table[kNormalAbove + 1] = normal_quantile(kUpper);
    return table;
  }();
  return factors[n < 0 ? 0 : std::min(static_cast<std::size_t>(n), kNormalAbove + 1)];
}

}  // namespace mxscope
