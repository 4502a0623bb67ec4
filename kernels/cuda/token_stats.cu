// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime.h>

#include <cstdint>
#include <limits>

#include "cuda/detail/pack.cuh"
#include "mxscope/kernels/token_stats_cuda.h"

namespace mxscope::kernels {
namespace {

using cuda::kFullWarp;
using cuda::larger_of_two;
using cuda::Pack;
using cuda::StorageOf;
using cuda::Tensor;
using cuda::widen_pack;
using cuda::widen_two;

constexpr int kWarp = 32;
constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarp;
// Thread blocks of a multiprocessor: many rows at once share it evenly.
constexpr int kBlocks = 8;
constexpr int kBlocksAgainst = 4;
constexpr int kAhead = 3;  // packs of a thread that are on their way while one is worked on
constexpr int kSlots = kAhead + 1;

constexpr float kLog2E = 1.44269504F;
constexpr double kLn2 = 0.693147180559945309;
constexpr float kFarBelow = -1e30F;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// 2^t in one instruction, 2 units in the last place; 0 below 2^-126.
__device__ __forceinline__ float exp2_fast(float t) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(t));
  return result;
}

// Sums over the numbers seen so far of e = 2^t, where t is log2(e) * (x - max), with the maximum
// among them.
//
// Usually t = kLog2E * x + shift, rounded once. The float32 constant stands for log2(e) in every t
// alike, which scales all logits by 1 - 1.3e-8, and the shift is a number of its own, not a rounded
// one of the maximum: what is left is t's rounding, small where e is large. What is not finite, or
// too large for that, leaves a NaN. kCareful: the difference is formed first, and t is bounded, so
// that 0 times it is 0.
struct OnlineSums {
  float max = -kInfinity;
  float shift = 0;
  float sum = 0;       // e
  float weighted = 0;  // e * t
  float other = 0;     // e * (x - y) with y of the variant; only where this is the baseline

  // Moves to a larger maximum.
  template <bool kCareful>
  __device__ __forceinline__ void raise(float to) {
    const float to_shift = -kLog2E * to;
    if (sum > 0) {
      const float down = fmaxf(kCareful ? (max - to) * kLog2E : to_shift - shift, kFarBelow);
      const float factor = exp2_fast(down);
      // An underflown factor leaves nothing, however far the maxima lie apart.
      weighted = factor > 0 ? factor * (weighted + down * sum) : 0.0F * weighted;
      sum *= factor;
      other *= factor;
    }
    max = to;
    shift = to_shift;
  }
  // log2 of x's e.
  template <bool kCareful>
  __device__ __forceinline__ float exponent(float x) const {
    return kCareful ? fmaxf((x - max) * kLog2E, kFarBelow) : __fmaf_rn(x, kLog2E, shift);
  }
};

// Of a row: log p(x) = scale * x - base - log(sum).
struct Totals {
  double scale;
  double base;
  double max;
  double sum;
  double weighted;  // e * log(e)
  double other;
};

// Reductions over the thread block, in a fixed order; every thread gets the result.
template <class Value, class Combine>
__device__ __forceinline__ Value reduce(Value value, Combine combine) {
  __shared__ Value partial[kWarps];
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    value = combine(value, __shfl_xor_sync(kFullWarp, value, distance));
  }
  __syncthreads();
  if (threadIdx.x % kWarp == 0) {
    partial[threadIdx.x / kWarp] = value;
  }
  __syncthreads();
  // Every warp combines all partial values, its parts the same ones.
  static_assert(kWarps <= kWarp && kWarp % kWarps == 0);
  value = partial[threadIdx.x % kWarps];
  for (int distance = kWarps / 2; distance > 0; distance /= 2) {
    value = combine(value, __shfl_xor_sync(kFullWarp, value, distance));
  }
  return value;
}

template <bool kCareful>
__device__ __forceinline__ Totals total_of(const OnlineSums& mine) {
  const auto add = [](double a, double b) { return a + b; };
  const float max = reduce(mine.max, [](float a, float b) { return fmaxf(a, b); });
  OnlineSums scaled = mine;
  scaled.raise<kCareful>(max);
  return {kCareful ? 1.0 : kLn2 * static_cast<double>(kLog2E),
          kCareful ? static_cast<double>(max) : -kLn2 * static_cast<double>(scaled.shift),
          static_cast<double>(max),
          reduce(static_cast<double>(scaled.sum), add),
          kLn2 * reduce(static_cast<double>(scaled.weighted), add),
          reduce(static_cast<double>(scaled.other), add)};
}

// Orders by logit, then by lower index. -0 counts as 0.
__device__ __forceinline__ unsigned long long argmax_key(float value, std::int32_t index) {
  const unsigned bits = __float_as_uint(value + 0.0F);
  const unsigned ordered = (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
  return (static_cast<unsigned long long>(ordered) << 32) |
         (0xFFFFFFFFU - static_cast<unsigned>(index));
}

// Of the numbers that are one.
template <DType kType, int kPack>
__device__ __forceinline__ float largest_of(const Pack<StorageOf<kType>, kPack>& pack) {
  if constexpr (Pack<StorageOf<kType>, kPack>::kInWords) {
    std::uint32_t most = pack.units[0];
#pragma unroll
    for (int i = 1; i < kPack / 2; ++i) {
      most = larger_of_two<kType>(most, pack.units[i]);
    }
    float both[2];
    widen_two<kType>(most, both);
    return fmaxf(both[0], both[1]);
  } else {
    float largest = Tensor<kType>::widen(pack.units[0]);
#pragma unroll
    for (int i = 1; i < kPack; ++i) {
      largest = fmaxf(largest, Tensor<kType>::widen(pack.units[i]));
    }
    return largest;
  }
}

struct Work {
  LogitsView baseline;
  TokenStats baseline_stats;
  LogitsView logits;
  const std::int64_t* targets;
  TokenStats out;
  TokenComparison against;
};

template <DType kType>
__device__ __forceinline__ const typename Tensor<kType>::Storage* row_of(const LogitsView& view) {
  return static_cast<const typename Tensor<kType>::Storage*>(view.data) +
         static_cast<std::int64_t>(blockIdx.x) * view.row_stride;
}

template <DType kType>
__device__ void write_row(const Work& work, bool finite, const Totals& totals,
                          std::int32_t argmax) {
  const unsigned row = blockIdx.x;
  const float nan = __int_as_float(0x7FC00000);
  work.out.finite[row] = finite ? 1 : 0;
  work.out.argmax[row] = finite ? argmax : -1;
  const double log_sum = log(totals.sum);
  const double log_sum_exp = (totals.base + log_sum) / totals.scale;
  work.out.entropy[row] = finite ? static_cast<float>(log_sum - totals.weighted / totals.sum) : nan;
  work.out.logsumexp[row] = finite ? static_cast<float>(log_sum_exp) : nan;
  work.out.max_logp[row] =
      finite ? static_cast<float>(totals.scale * totals.max - totals.base - log_sum) : nan;
  const std::int64_t target = work.targets[row];
  float logp = nan;
  if (finite && target >= 0 && target < work.logits.vocab) {
    const double logit = Tensor<kType>::widen(row_of<kType>(work.logits)[target]);
    logp = static_cast<float>(totals.scale * logit - totals.base - log_sum);
  }
  work.out.logp_target[row] = logp;
}

// The baseline's sums are those of this pass, not of its own call, so that equal rows give equal
// bits whatever the alignment of either.
template <DType kBaseType>
__device__ void write_comparison(const Work& work, bool finite, const Totals& baseline,
                                 const Totals& variant) {
  const unsigned row = blockIdx.x;
  const float nan = __int_as_float(0x7FC00000);
  const bool comparable = finite && work.baseline_stats.finite[row] != 0;
  const double kl = baseline.other / baseline.sum + (variant.base - baseline.base) +
                    (log(variant.sum) - log(baseline.sum));
  work.against.kl[row] = comparable ? static_cast<float>(fmax(kl, 0.0)) : nan;
  work.against.same_argmax[row] =
      comparable && work.out.argmax[row] == work.baseline_stats.argmax[row] ? 1 : 0;
  const std::int64_t target = work.targets[row];
  float change = nan;
  if (comparable && target >= 0 && target < work.logits.vocab) {
    const double logit = Tensor<kBaseType>::widen(row_of<kBaseType>(work.baseline)[target]);
    const auto base_logp =
        static_cast<float>(baseline.scale * logit - baseline.base - log(baseline.sum));
    change = static_cast<float>(exp(static_cast<double>(work.out.logp_target[row])) -
                                exp(static_cast<double>(base_logp)));
  }
  work.against.p_target_change[row] = change;
}

// What a thread has seen of its row. `probe` becomes NaN in the careful pass alone; in the first
// one the sums do.
struct Seen {
  OnlineSums sums;
  OnlineSums base;
  std::int32_t argmax = -1;
  float probe = 0;  // NaN once a number was not finite
};

// Neighbouring numbers, and the largest of those that are one.
template <int kPack>
struct Numbers {
  float values[kPack];
  float largest;

  template <DType kType>
  static __device__ __forceinline__ Numbers of(const Pack<StorageOf<kType>, kPack>& pack) {
    Numbers numbers;
    widen_pack<kType, kPack>(pack, numbers.values);
    numbers.largest = largest_of<kType, kPack>(pack);
    return numbers;
  }
};

// Numbers of the variant, and of the baseline, in every kApart-th column from `col` on.
template <bool kCareful, bool kAgainst, int kApart, int kPack>
__device__ __forceinline__ void see(Seen& seen, int col, const Numbers<kPack>& variant,
                                    const Numbers<kPack>& baseline) {
  const auto& x = variant.values;
  const auto& y = baseline.values;
  if constexpr (kCareful) {
#pragma unroll
    for (int i = 0; i < kPack; ++i) {
      seen.probe = __fmaf_rn(x[i], 0.0F, seen.probe);
    }
  }
  if (variant.largest > seen.sums.max) {
    seen.sums.raise<kCareful>(variant.largest);
#pragma unroll
    for (int i = kPack - 1; i >= 0; --i) {
      seen.argmax = x[i] == variant.largest ? col + i * kApart : seen.argmax;
    }
  }
  if constexpr (kAgainst) {
    if (baseline.largest > seen.base.max) {
      seen.base.raise<kCareful>(baseline.largest);
    }
  }
  // A sum of sums: an addition to the large one for a pack, not for each number of it.
  float sum = 0;
  float weighted = 0;
  float base_sum = 0;
  float base_weighted = 0;
  float other = 0;
#pragma unroll
  for (int i = 0; i < kPack; ++i) {
    const float t = seen.sums.exponent<kCareful>(x[i]);
    const float e = exp2_fast(t);
    sum += e;
    weighted = __fmaf_rn(e, t, weighted);
    if constexpr (kAgainst) {
      const float base_t = seen.base.exponent<kCareful>(y[i]);
      const float base_e = exp2_fast(base_t);
      base_sum += base_e;
      base_weighted = __fmaf_rn(base_e, base_t, base_weighted);
      // Differences beyond float32 only come from logits near its end.
      const float apart = kCareful ? fminf(fmaxf(y[i] - x[i], -1e30F), 1e30F) : y[i] - x[i];
      other = __fmaf_rn(base_e, apart, other);
    }
  }
  seen.sums.sum += sum;
  seen.sums.weighted += weighted;
  if constexpr (kAgainst) {
    seen.base.sum += base_sum;
    seen.base.weighted += base_weighted;
    seen.base.other += other;
  }
}

// Numbers of a row for one call of `see`, which stand together or kThreads apart.
template <int kPack>
inline constexpr int kNumbers = kPack == 1 ? 4 : kPack;
template <int kPack>
inline constexpr int kDistance = kPack == 1 ? kThreads : 1;

// A thread's next packs of a row, on their way through shared memory: in registers they would be
// moved, and so waited for, at once. Rows that are read together have slots of their own.
template <DType kType, int kPack, bool kIsBaseline>
class Ahead {
  using P = Pack<StorageOf<kType>, kPack>;

 public:
  __device__ __forceinline__ explicit Ahead(const void* row)
      : from_(static_cast<const P*>(row) + threadIdx.x) {
    __shared__ P slots[kSlots * kThreads];
    slots_ = slots + threadIdx.x;
  }
  // The thread's k-th pack.
  __device__ __forceinline__ void fetch(int k) const {
    cuda::copy_async(slots_ + k % kSlots * kThreads, from_ + k * kThreads);
  }
  __device__ __forceinline__ Numbers<kPack> get(int k) const {
    return Numbers<kPack>::template of<kType>(slots_[k % kSlots * kThreads]);
  }

 private:
  const P* from_;
  P* slots_;
};
// Of rows that are not aligned, numbers are asked for one by one.
template <DType kType, bool kIsBaseline>
class Ahead<kType, 1, kIsBaseline> {
  static constexpr int kCount = kNumbers<1>;

 public:
  __device__ __forceinline__ explicit Ahead(const void* row)
      : from_(static_cast<const StorageOf<kType>*>(row) + threadIdx.x) {}
  __device__ __forceinline__ void fetch(int) const {}
  __device__ __forceinline__ Numbers<kCount> get(int k) const {
    Numbers<kCount> numbers;
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      numbers.values[i] = Tensor<kType>::widen(from_[(k * kCount + i) * kThreads]);
    }
    numbers.largest = numbers.values[0];
#pragma unroll
    for (int i = 1; i < kCount; ++i) {
      numbers.largest = fmaxf(numbers.largest, numbers.values[i]);
    }
    return numbers;
  }

 private:
  const StorageOf<kType>* from_;
};

// Goes over the row once; every thread has then seen its part.
template <bool kCareful, DType kBaseType, DType kType, int kPack, bool kAgainst>
__device__ __forceinline__ Seen see_row(const Work& work) {
  constexpr int kCount = kNumbers<kPack>;
  constexpr int kStep = kThreads * kCount;
  const auto* row = row_of<kType>(work.logits);
  const StorageOf<kBaseType>* base_row = nullptr;
  if constexpr (kAgainst) {
    base_row = row_of<kBaseType>(work.baseline);
  }
  const int thread = static_cast<int>(threadIdx.x);
  const int vocab = static_cast<int>(work.logits.vocab);
  // Calls of `see` that the thread makes with kCount numbers, and where the rest of the row begins.
  const int packs = vocab / kPack;
  const int mine = kPack == 1       ? vocab / kStep
                   : packs > thread ? (packs - thread + kThreads - 1) / kThreads
                                    : 0;
  const int rest = kPack == 1 ? mine * kStep : packs * kPack;
  const Ahead<kType, kPack, false> ahead(row);
  const Ahead<kBaseType, kPack, true> base_ahead(base_row);
  const auto fetch = [&](int k) {
    if (k < mine) {
      ahead.fetch(k);
      if constexpr (kAgainst) {
        base_ahead.fetch(k);
      }
    }
    cuda::end_copies();
  };
#pragma unroll
  for (int k = 0; k < kAhead; ++k) {
    fetch(k);
  }
  Seen seen;
#pragma unroll 2
  for (int k = 0; k < mine; ++k) {
    cuda::wait_for_copies<kAhead - 1>();
    const auto x = ahead.get(k);
    Numbers<kCount> y = {};
    if constexpr (kAgainst) {
      y = base_ahead.get(k);
    }
    fetch(k + kAhead);  // where the pack before this one was
    see<kCareful, kAgainst, kDistance<kPack>>(seen, thread * kPack + k * kStep, x, y);
  }
  for (int last = rest + thread; last < vocab; last += kThreads) {
    const auto x = Numbers<1>::of<kType>({{row[last]}});
    Numbers<1> y = {};
    if constexpr (kAgainst) {
      y = Numbers<1>::of<kBaseType>({{base_row[last]}});
    }
    see<kCareful, kAgainst, 1>(seen, last, x, y);
  }
  return seen;
}

// One thread block per row. Baseline and variant go through the same operations in the same order,
// so equal rows give equal bits and a divergence of 0. Bounds and the search for numbers that are
// not finite cost a seventh of the instructions, by which the kernel is bound; so they are left out
// until a sum says that they were needed, and rows of finite, ordinary logits get the same bits
// from both passes.
template <DType kBaseType, DType kType, int kPack, bool kAgainst>
__global__ void __launch_bounds__(kThreads, kAgainst ? kBlocksAgainst : kBlocks)
    token_stats_kernel(const __grid_constant__ Work work) {
  Seen seen = see_row<false, kBaseType, kType, kPack, kAgainst>(work);
  const float probe = 0.0F * (seen.sums.sum + seen.sums.weighted + seen.base.sum +
                              seen.base.weighted + seen.base.other);
  Totals totals;
  Totals base_totals{};
  bool finite = true;
  if (__syncthreads_or(probe != 0.0F ? 1 : 0) == 0) {
    totals = total_of<false>(seen.sums);
    if constexpr (kAgainst) {
      base_totals = total_of<false>(seen.base);
    }
  } else {
    seen = see_row<true, kBaseType, kType, kPack, kAgainst>(work);
    finite = reduce(seen.probe, [](float a, float b) { return a + b; }) == 0.0F;
    totals = total_of<true>(seen.sums);
    if constexpr (kAgainst) {
      base_totals = total_of<true>(seen.base);
    }
  }
  const auto best =
      reduce(seen.argmax < 0 ? 0ULL : argmax_key(seen.sums.max, seen.argmax),
             [](unsigned long long a, unsigned long long b) { return a > b ? a : b; });
  if (threadIdx.x == 0) {
    write_row<kType>(work, finite, totals,
                     static_cast<std::int32_t>(0xFFFFFFFFU - static_cast<unsigned>(best)));
    if constexpr (kAgainst) {
      write_comparison<kBaseType>(work, finite, base_totals, totals);
    }
  }
}

template <DType kBaseType, DType kType, bool kAgainst>
void launch(const Work& work, cudaStream_t stream) {
  // Both rows are read in packs of equally many numbers, 16 bytes of the wider type.
  constexpr int kPack = kBaseType == DType::kFloat32 || kType == DType::kFloat32 ? 4 : 8;
  const auto fits = [](const LogitsView& view) {
    return cuda::is_aligned(view.data, view.row_stride, view.dtype, kPack * size_of(view.dtype));
  };
  const auto rows = static_cast<unsigned>(work.logits.rows);
  if (fits(work.logits) && (!kAgainst || fits(work.baseline))) {
    token_stats_kernel<kBaseType, kType, kPack, kAgainst><<<rows, kThreads, 0, stream>>>(work);
  } else {
    token_stats_kernel<kBaseType, kType, 1, kAgainst><<<rows, kThreads, 0, stream>>>(work);
  }
}

template <DType kType>
void launch_against(const Work& work, cudaStream_t stream) {
  switch (work.baseline.dtype) {
    case DType::kFloat32:
      return launch<DType::kFloat32, kType, true>(work, stream);
    case DType::kBFloat16:
      return launch<DType::kBFloat16, kType, true>(work, stream);
    case DType::kFloat16:
      return launch<DType::kFloat16, kType, true>(work, stream);
  }
}

}  // namespace

int token_stats_cuda(const LogitsView& logits, const std::int64_t* targets, const TokenStats& out,
                     CUstream_st* stream) noexcept {
  if (logits.rows <= 0) {
    return static_cast<int>(cudaSuccess);
  }
  const Work work{{}, {}, logits, targets, out, {}};
  switch (logits.dtype) {
    case DType::kFloat32:
      launch<DType::kFloat32, DType::kFloat32, false>(work, stream);
      break;
    case DType::kBFloat16:
      launch<DType::kBFloat16, DType::kBFloat16, false>(work, stream);
      break;
    case DType::kFloat16:
      launch<DType::kFloat16, DType::kFloat16, false>(work, stream);
      break;
  }
  return static_cast<int>(cudaGetLastError());
}

int token_stats_against_cuda(const LogitsView& baseline, const TokenStats& baseline_stats,
                             const LogitsView& variant, const std::int64_t* targets,
                             const TokenStats& out, const TokenComparison& against,
                             CUstream_st* stream) noexcept {
  if (variant.rows <= 0) {
    return static_cast<int>(cudaSuccess);
  }
  const Work work{baseline, baseline_stats, variant, targets, out, against};
  switch (variant.dtype) {
    case DType::kFloat32:
      launch_against<DType::kFloat32>(work, stream);
      break;
    case DType::kBFloat16:
      launch_against<DType::kBFloat16>(work, stream);
      break;
    case DType::kFloat16:
      launch_against<DType::kFloat16>(work, stream);
      break;
  }
  return static_cast<int>(cudaGetLastError());
}

}  // namespace mxscope::kernels
