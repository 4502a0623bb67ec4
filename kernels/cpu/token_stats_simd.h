// SPDX-License-Identifier: Apache-2.0
#pragma once

// Token statistics, compiled once per instruction set. Exponentials are float32, sums float64; the
// sums of baseline and variant run in the same order, so equal rows give equal bits.

#include "cpu/cpu_kernels.h"
#include "cpu/simd.h"
#include "cpu/tensor_types.h"

namespace mxscope::kernels::MXSCOPE_ISA {

// exp(t) for t <= 0 to about 1e-7 relative; 0 below -87, where it would become subnormal.
// Cody-Waite reduction, Cephes' polynomial (expf.c).
MXSCOPE_INLINE Floats exp_of_negative(Floats t) {
  constexpr float kLeast = -87.0F;
  constexpr float kLog2E = 1.44269504088896341F;
  constexpr float kLn2High = 0.693359375F;
  constexpr float kLn2Low = -2.12194440e-4F;
  constexpr float kRounder = 0x1.8p23F;
  const Floats x = max_of(t, splat(kLeast));
  const Floats shifted = x * kLog2E + kRounder;
  const Floats n = shifted - kRounder;
  const Floats r = (x - n * kLn2High) - n * kLn2Low;
  Floats p = r * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  const Floats power = bits_as<Floats>((bits_as<Ints>(shifted) << 23) + (127 << 23));
  return t < kLeast ? Floats{} : p * power;
}

struct RowMax {
  float max;
  std::int32_t argmax;
  bool finite;
};

template <class Type>
MXSCOPE_INLINE RowMax row_max(const typename Type::Storage* row, std::int64_t vocab) {
  Floats largest = splat(-__builtin_inff());
  Ints magnitude = {};
  std::int64_t i = 0;
  for (; i + kLanes <= vocab; i += kLanes) {
    const Floats x = Type::load(row + i);
    largest = max_of(x, largest);
    magnitude = max_of(magnitude, bits_as<Ints>(x) & INT32_MAX);
  }
  if (i < vocab) {
    const int rest = static_cast<int>(vocab - i);
    largest = max_of(load_part<Type>(row + i, rest, Type::kMinusInfinity), largest);
    magnitude = max_of(magnitude, bits_as<Ints>(load_part<Type>(row + i, rest)) & INT32_MAX);
  }
  RowMax result{largest[0], -1, true};
  for (int lane = 0; lane < kLanes; ++lane) {
    result.max = largest[lane] > result.max ? largest[lane] : result.max;
    result.finite = result.finite && magnitude[lane] < 0x7F800000;
  }
  if (!result.finite) {
    return result;
  }
  const Floats wanted = splat(result.max);
  for (i = 0;; i += kLanes) {
    const std::int64_t rest = vocab - i;
    const Floats x = rest >= kLanes
                         ? Type::load(row + i)
                         : load_part<Type>(row + i, static_cast<int>(rest), Type::kMinusInfinity);
    const Ints equal = x == wanted;
    for (int lane = 0; lane < kLanes; ++lane) {
      if (equal[lane] != 0) {
        result.argmax = static_cast<std::int32_t>(i) + lane;
        return result;
      }
    }
  }
}

// Sums over a row of e = exp(x - max).
struct RowSums {
  Doubles sum_low = {}, sum_high = {};            // e
  Doubles weighted_low = {}, weighted_high = {};  // e * (x - max)

  MXSCOPE_INLINE Floats add(RowSums& sums, Floats x, float max) {
    const Floats t = max_of(x - max, splat(-88.0F));
    const Floats e = exp_of_negative(t);
    const Floats weighted = e * t;
    sums.sum_low += low_doubles(e);
    sums.sum_high += high_doubles(e);
    sums.weighted_low += low_doubles(weighted);
    sums.weighted_high += high_doubles(weighted);
    return e;
  }
  [[nodiscard]] double sum() const { return sum_of(sum_low + sum_high); }
  [[nodiscard]] double weighted() const { return sum_of(weighted_low + weighted_high); }
};

struct RowResult {
  double sum;
  double weighted;
  double baseline_sum;
  double difference;  // sum of e_baseline * (x_baseline - x_variant)
};

template <class Type>
MXSCOPE_INLINE RowResult row_sums(const typename Type::Storage* row, std::int64_t vocab,
                                  float max) {
  RowSums sums;
  std::int64_t i = 0;
  for (; i + kLanes <= vocab; i += kLanes) {
    RowSums::add(sums, Type::load(row + i), max);
  }
  if (i < vocab) {
    RowSums::add(sums, load_part<Type>(row + i, static_cast<int>(vocab - i), Type::kMinusInfinity),
                 max);
  }
  return {sums.sum(), sums.weighted(), 0, 0};
}

template <class BaseType, class Type>
MXSCOPE_INLINE RowResult row_sums_against(const typename BaseType::Storage* base, float base_max,
                                          const typename Type::Storage* row, float max,
                                          std::int64_t vocab) {
  // Differences this large only come from logits near the end of float32.
  constexpr float kLargestDifference = 1e30F;
  RowSums base_sums;
  RowSums sums;
  Doubles difference_low = {};
  Doubles difference_high = {};
  const auto add = [&](Floats x_base, Floats x) {
    const Floats e = RowSums::add(base_sums, x_base, base_max);
    RowSums::add(sums, x, max);
    // In padded lanes inf - inf is no number; the clamp turns it into one, and e is 0.
    const Floats apart =
        max_of(min_of(x_base - x, splat(kLargestDifference)), splat(-kLargestDifference));
    const Floats weighted = e * apart;
    difference_low += low_doubles(weighted);
    difference_high += high_doubles(weighted);
  };
  std::int64_t i = 0;
  for (; i + kLanes <= vocab; i += kLanes) {
    add(BaseType::load(base + i), Type::load(row + i));
  }
  if (i < vocab) {
    const int rest = static_cast<int>(vocab - i);
    add(load_part<BaseType>(base + i, rest, BaseType::kMinusInfinity),
        load_part<Type>(row + i, rest, Type::kMinusInfinity));
  }
  return {sums.sum(), sums.weighted(), base_sums.sum(), sum_of(difference_low + difference_high)};
}

template <class Type>
float number_at(const typename Type::Storage* row, std::int64_t index) {
  return load_part<Type>(row + index, 1)[0];
}

template <class Type>
bool write_row(const typename Type::Storage* row, const RowMax& max, const RowResult& sums,
               std::int64_t vocab, std::int64_t target, std::int64_t index, const TokenStats& out) {
  const float nan = __builtin_nanf("");
  out.finite[index] = max.finite ? 1 : 0;
  out.argmax[index] = max.argmax;
  if (!max.finite) {
    out.logp_target[index] = nan;
    out.entropy[index] = nan;
    out.logsumexp[index] = nan;
    out.max_logp[index] = nan;
    return false;
  }
  const double log_sum = __builtin_log(sums.sum);
  out.entropy[index] = static_cast<float>(log_sum - sums.weighted / sums.sum);
  out.logsumexp[index] = static_cast<float>(static_cast<double>(max.max) + log_sum);
  out.max_logp[index] = static_cast<float>(-log_sum);
  const bool has_target = target >= 0 && target < vocab;
  out.logp_target[index] =
      has_target ? static_cast<float>(static_cast<double>(number_at<Type>(row, target)) -
                                      static_cast<double>(max.max) - log_sum)
                 : nan;
  return true;
}

template <class Type>
void stats_of_rows(const LogitsView& logits, const std::int64_t* targets, const TokenStats& out) {
  for (std::int64_t index = 0; index < logits.rows; ++index) {
    const auto* row =
        static_cast<const typename Type::Storage*>(logits.data) + index * logits.row_stride;
    const RowMax max = row_max<Type>(row, logits.vocab);
    RowResult sums{};
    if (max.finite) {
      sums = row_sums<Type>(row, logits.vocab, max.max);
    }
    write_row<Type>(row, max, sums, logits.vocab, targets[index], index, out);
  }
}

template <class BaseType, class Type>
void stats_of_rows_against(const LogitsView& baseline, const TokenStats& baseline_stats,
                           const LogitsView& variant, const std::int64_t* targets,
                           const TokenStats& out, const TokenComparison& against) {
  const float nan = __builtin_nanf("");
  for (std::int64_t index = 0; index < variant.rows; ++index) {
    const auto* base =
        static_cast<const typename BaseType::Storage*>(baseline.data) + index * baseline.row_stride;
    const auto* row =
        static_cast<const typename Type::Storage*>(variant.data) + index * variant.row_stride;
    const RowMax max = row_max<Type>(row, variant.vocab);
    const bool comparable = max.finite && baseline_stats.finite[index] != 0;
    RowResult sums{};
    float base_max = 0;
    if (comparable) {
      base_max = number_at<BaseType>(base, baseline_stats.argmax[index]);
      sums = row_sums_against<BaseType, Type>(base, base_max, row, max.max, variant.vocab);
    } else if (max.finite) {
      sums = row_sums<Type>(row, variant.vocab, max.max);
    }
    write_row<Type>(row, max, sums, variant.vocab, targets[index], index, out);
    if (!comparable) {
      against.kl[index] = nan;
      against.p_target_change[index] = nan;
      against.same_argmax[index] = 0;
      continue;
    }
    const double kl = sums.difference / sums.baseline_sum +
                      (static_cast<double>(max.max) - static_cast<double>(base_max)) +
                      (__builtin_log(sums.sum) - __builtin_log(sums.baseline_sum));
    against.kl[index] = static_cast<float>(kl > 0 ? kl : 0);
    against.same_argmax[index] = max.argmax == baseline_stats.argmax[index] ? 1 : 0;
    // NaN without a target, since both logarithms are.
    against.p_target_change[index] =
        static_cast<float>(__builtin_exp(static_cast<double>(out.logp_target[index])) -
                           __builtin_exp(static_cast<double>(baseline_stats.logp_target[index])));
  }
}

inline void token_stats(const LogitsView& logits, const std::int64_t* targets,
                        const TokenStats& out) {
  switch (logits.dtype) {
    case DType::kFloat32:
      return stats_of_rows<Float32>(logits, targets, out);
    case DType::kBFloat16:
      return stats_of_rows<BFloat16>(logits, targets, out);
    case DType::kFloat16:
      return stats_of_rows<Float16>(logits, targets, out);
  }
}

template <class BaseType>
void token_stats_against_base(const LogitsView& baseline, const TokenStats& baseline_stats,
                              const LogitsView& variant, const std::int64_t* targets,
                              const TokenStats& out, const TokenComparison& against) {
  switch (variant.dtype) {
    case DType::kFloat32:
      return stats_of_rows_against<BaseType, Float32>(baseline, baseline_stats, variant, targets,
                                                      out, against);
    case DType::kBFloat16:
      return stats_of_rows_against<BaseType, BFloat16>(baseline, baseline_stats, variant, targets,
                                                       out, against);
    case DType::kFloat16:
      return stats_of_rows_against<BaseType, Float16>(baseline, baseline_stats, variant, targets,
                                                      out, against);
  }
}

inline void token_stats_against(const LogitsView& baseline, const TokenStats& baseline_stats,
                                const LogitsView& variant, const std::int64_t* targets,
                                const TokenStats& out, const TokenComparison& against) {
  switch (baseline.dtype) {
    case DType::kFloat32:
      return token_stats_against_base<Float32>(baseline, baseline_stats, variant, targets, out,
                                               against);
    case DType::kBFloat16:
      return token_stats_against_base<BFloat16>(baseline, baseline_stats, variant, targets, out,
                                                against);
    case DType::kFloat16:
      return token_stats_against_base<Float16>(baseline, baseline_stats, variant, targets, out,
                                               against);
  }
}

}  // namespace mxscope::kernels::MXSCOPE_ISA
