// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "cuda/detail/activation.cuh"
#include "cuda/detail/pack.cuh"
#include "cuda/detail/quantize_pack.cuh"
#include "detail/quantize_math.h"
#include "detail/quantize_plan.h"
#include "mxscope/kernels/mx_quantize_cuda.h"
#include "mxscope/kernels/norm_quantize.h"

namespace mxscope::kernels {
namespace {

using cuda::activated;
using cuda::kFullWarp;
using cuda::kVectorPack;
using cuda::kWarp;
using cuda::largest_bits;
using cuda::load_streaming;
using cuda::Pack;
using cuda::quantize_pack;
using cuda::reduce;
using cuda::round_pack;
using cuda::StorageOf;
using cuda::Tensor;
using cuda::widen_pack;
using detail::ExponentRule;
using detail::Path;
using detail::QuantizePlan;

constexpr int kThreads = 256;
constexpr int kGatePacks = 2;  // in flight per thread of the gate
// A thread's packs of a row. A row that would take a lane more is a thread block's: a warp with 16
// packs a lane gets two thirds of the bandwidth that four warps with 4 get.
constexpr int kMostPacks = 4;
constexpr int kNormThreads = 128;  // of a thread block whose warps have a row each
constexpr int kMaxThreads = 1024;
constexpr int kUsualShared = 48 * 1024;     // bytes that a kernel may have without asking
constexpr std::int64_t kMaxCols = 1 << 30;  // of the gate, whose columns are counted in 32 bits
constexpr std::int64_t kMaxGridX = 0x7FFFFFFF;
constexpr std::int64_t kMaxGridY = 65535;

// How the fused kernels quantise: `group` neighbouring packs share a scale (1 .. 32), 0 means every
// element on its own, and -1 not at all.
struct Quantizer {
  QuantizePlan plan;
  int group = -1;
};

template <class Storage, int kPack>
__device__ __forceinline__ void store_at(Storage* at, const Pack<Storage, kPack>& pack) {
  *reinterpret_cast<Pack<Storage, kPack>*>(at) = pack;
}

// Every lane of the warp calls it, lanes behind the row's end with zeros.
template <DType kType, DType kOut, bool kIsEven, int kPack>
__device__ __forceinline__ Pack<StorageOf<kOut>, kPack> quantize_fused(
    const Quantizer& quantizer, const Pack<StorageOf<kType>, kPack>& pack) {
  const QuantizePlan& plan = quantizer.plan;
  if (quantizer.group > 0) {
    std::int32_t largest = largest_bits<kType, kPack>(pack);
    for (int distance = quantizer.group / 2; distance > 0; distance /= 2) {
      largest = max(largest, __shfl_xor_sync(kFullWarp, largest, distance));
    }
    const std::int32_t exponent = detail::block_exponent(plan, plan.rule, largest);
    return quantize_pack<kType, kOut, kIsEven, kPack>(plan, exponent, largest, pack);
  }
  float x[kPack];
  widen_pack<kType, kPack>(pack, x);
  cuda::quantize_alone<kIsEven>(plan, x);
  auto result = cuda::narrow_exact<kOut, kPack>(x);
  cuda::canonical_nans<kOut, kPack>(x, result);
  return result;
}

// Rounds x to the type in place, and stores what is asked for. A pack lies in the row, `inside`, or
// behind its end; every lane of the warp calls it.
template <DType kType, DType kOut, bool kIsEven, int kPack>
__device__ __forceinline__ void finish_pack(const Quantizer& quantizer, float (&x)[kPack],
                                            void* plain, void* quantized, std::int64_t at,
                                            bool inside) {
  auto pack = round_pack<kType, kPack>(x);
  if (plain != nullptr && inside) {
    store_at(static_cast<StorageOf<kType>*>(plain) + at, pack);
  }
  if (quantizer.group >= 0) {
    if (!inside) {
      pack = {};
    }
    const auto result = quantize_fused<kType, kOut, kIsEven, kPack>(quantizer, pack);
    if (inside) {
      store_at(static_cast<StorageOf<kOut>*>(quantized) + at, result);
    }
  }
}

template <DType kType>
using PackOf = Pack<StorageOf<kType>, kVectorPack<kType>>;

template <DType kType>
__device__ __forceinline__ PackOf<kType> load_at(const void* matrix, std::int64_t at) {
  return *reinterpret_cast<const PackOf<kType>*>(static_cast<const StorageOf<kType>*>(matrix) + at);
}

// A sum of both packs, rounded.
template <DType kType>
__device__ __forceinline__ PackOf<kType> add_packs(const PackOf<kType>& a, const PackOf<kType>& b) {
  constexpr int kPack = kVectorPack<kType>;
  float sum[kPack];
  float other[kPack];
  widen_pack<kType, kPack>(a, sum);
  widen_pack<kType, kPack>(b, other);
#pragma unroll
  for (int i = 0; i < kPack; ++i) {
    sum[i] += other[i];
  }
  return round_pack<kType, kPack>(sum);
}

// The threads that have a row: a warp's lanes, which need not wait for others, or a thread block.
template <bool kIsWarp>
struct Team {
  static __device__ __forceinline__ int rank() {
    return static_cast<int>(kIsWarp ? threadIdx.x % kWarp : threadIdx.x);
  }
  static __device__ __forceinline__ int size() {
    return static_cast<int>(kIsWarp ? kWarp : blockDim.x);
  }
  static __device__ __forceinline__ std::int64_t row() {
    return kIsWarp ? static_cast<std::int64_t>(blockIdx.x) * (kNormThreads / kWarp) +
                         threadIdx.x / kWarp
                   : blockIdx.x;
  }
  static __device__ __forceinline__ double sum(double value) {
    return kIsWarp ? cuda::reduce_warp(value) : reduce(value);
  }
};

// x times the norm's weights, and with its bias, of the row's pack at `col`.
template <DType kType>
__device__ __forceinline__ void apply_weights(const NormArguments& a, int col, bool inside,
                                              float (&x)[kVectorPack<kType>]) {
  constexpr int kPack = kVectorPack<kType>;
  float weight[kPack];
#pragma unroll
  for (int i = 0; i < kPack; ++i) {
    weight[i] = a.norm == Norm::kRmsUnitOffset ? 0.0F : 1.0F;
  }
  if (a.weight != nullptr && inside) {
    widen_pack<kType, kPack>(load_at<kType>(a.weight, col), weight);
  }
  if (a.norm == Norm::kRms) {
    (void)round_pack<kType, kPack>(x);
#pragma unroll
    for (int i = 0; i < kPack; ++i) {
      x[i] *= weight[i];
    }
  } else if (a.norm == Norm::kRmsUnitOffset) {
#pragma unroll
    for (int i = 0; i < kPack; ++i) {
      x[i] *= 1.0F + weight[i];
    }
  } else {
    float bias[kPack] = {};
    if (a.bias != nullptr && inside) {
      widen_pack<kType, kPack>(load_at<kType>(a.bias, col), bias);
    }
#pragma unroll
    for (int i = 0; i < kPack; ++i) {
      x[i] = x[i] * weight[i] + bias[i];
    }
  }
}

// A thread's packs of its row, in shared memory: all of them are on their way at once, and the
// loops over them need not be unrolled to find them in registers. No thread reads another's.
template <class P>
class Held {
 public:
  __device__ __forceinline__ Held() {
    extern __shared__ uint4 shared[];
    slots_ = reinterpret_cast<P*>(shared) + threadIdx.x;
  }
  __device__ __forceinline__ P& operator[](int k) const { return slots_[k * blockDim.x]; }
  __device__ __forceinline__ void fetch(int k, const void* from) const {
    cuda::copy_async(&slots_[k * blockDim.x], static_cast<const P*>(from));
  }

 private:
  P* slots_;
};

// Rows are whole packs.
template <DType kType, DType kOut, bool kIsEven, bool kIsWarp>
__global__ void __launch_bounds__(kIsWarp ? kNormThreads : kMaxThreads)
    norm_kernel(const __grid_constant__ NormArguments a,
                const __grid_constant__ Quantizer quantizer) {
  using Row = Team<kIsWarp>;
  constexpr int kPack = kVectorPack<kType>;
  if (Row::row() >= a.rows) {
    return;
  }
  const std::int64_t begin = Row::row() * a.row_stride;
  const int step = Row::size() * kPack;
  const int first = Row::rank() * kPack;
  const int cols = static_cast<int>(a.cols);
  const Held<PackOf<kType>> held;
  for (int k = 0, col = first; col < cols; ++k, col += step) {
    held.fetch(k, static_cast<const StorageOf<kType>*>(a.x) + begin + col);
  }
  cuda::end_copies();
  cuda::wait_for_copies();
  if (a.residual != nullptr || a.sum != nullptr) {
    for (int k = 0, col = first; col < cols; ++k, col += step) {
      if (a.residual != nullptr) {
        held[k] = add_packs<kType>(held[k], load_at<kType>(a.residual, begin + col));
      }
      if (a.sum != nullptr) {
        store_at(static_cast<StorageOf<kType>*>(a.sum) + begin + col, held[k]);
      }
    }
  }
  const auto count = static_cast<double>(cols);
  float mean = 0;
  if (a.norm == Norm::kLayer) {
    double total = 0;
    for (int k = 0, col = first; col < cols; ++k, col += step) {
      float x[kPack];
      widen_pack<kType, kPack>(held[k], x);
      float part = 0;
#pragma unroll
      for (int i = 0; i < kPack; ++i) {
        part += x[i];
      }
      total += part;
    }
    mean = static_cast<float>(Row::sum(total) / count);
  }
  double squares = 0;
#pragma unroll 4
  for (int k = 0, col = first; col < cols; ++k, col += step) {
    float x[kPack];
    widen_pack<kType, kPack>(held[k], x);
    float part = 0;
#pragma unroll
    for (int i = 0; i < kPack; ++i) {
      const float centred = x[i] - mean;
      part = __fmaf_rn(centred, centred, part);
    }
    squares += part;
  }
  const float inverse = 1.0F / sqrtf(static_cast<float>(Row::sum(squares) / count) + a.epsilon);
  // Every lane of a warp goes through all of it: packs may share a scale.
#pragma unroll 2
  for (int k = 0, col = first; k * step < cols; ++k, col += step) {
    const bool inside = col < cols;
    float x[kPack] = {};
    if (inside) {
      widen_pack<kType, kPack>(held[k], x);
    }
#pragma unroll
    for (int i = 0; i < kPack; ++i) {
      x[i] = (x[i] - mean) * inverse;
    }
    apply_weights<kType>(a, col, inside, x);
    finish_pack<kType, kOut, kIsEven>(quantizer, x, a.plain, a.quantized, begin + col, inside);
  }
}

template <DType kType, DType kOut, bool kIsEven>
__global__ void __launch_bounds__(kThreads)
    gate_kernel(const __grid_constant__ GateArguments a,
                const __grid_constant__ Quantizer quantizer) {
  constexpr int kPack = kVectorPack<kType>;
  constexpr int kStep = kThreads * kPack;
  const int first =
      static_cast<int>(blockIdx.x) * kStep * kGatePacks + static_cast<int>(threadIdx.x) * kPack;
  const int cols = static_cast<int>(a.cols);
  for (std::int64_t row = blockIdx.y; row < a.rows; row += gridDim.y) {
    PackOf<kType> gate[kGatePacks] = {};
    PackOf<kType> up[kGatePacks] = {};
#pragma unroll
    for (int u = 0; u < kGatePacks; ++u) {
      const std::int64_t at = row * a.in_row_stride + first + u * kStep;
      if (first + u * kStep < cols) {
        gate[u] = load_streaming<PackOf<kType>>(static_cast<const StorageOf<kType>*>(a.gate) + at);
        if (a.up != nullptr) {
          up[u] = load_streaming<PackOf<kType>>(static_cast<const StorageOf<kType>*>(a.up) + at);
        }
      }
    }
#pragma unroll
    for (int u = 0; u < kGatePacks; ++u) {
      float x[kPack];
      widen_pack<kType, kPack>(gate[u], x);
#pragma unroll
      for (int i = 0; i < kPack; ++i) {
        x[i] = activated<kType != DType::kFloat32>(a.activation, x[i]);
      }
      if (a.up != nullptr) {
        float factor[kPack];
        widen_pack<kType, kPack>(up[u], factor);
        (void)round_pack<kType, kPack>(x);
#pragma unroll
        for (int i = 0; i < kPack; ++i) {
          x[i] *= factor[i];
        }
      }
      finish_pack<kType, kOut, kIsEven>(quantizer, x, a.plain, a.quantized,
                                        row * a.out_row_stride + first + u * kStep,
                                        first + u * kStep < cols);
    }
  }
}

// The quantiser to fuse; with `second_pass` set the plain result goes to the quantised matrix
// first, and quantize_cuda works on it in place.
Quantizer quantizer_for(const QuantizeSpec& spec, std::int64_t cols, DType dtype, bool wanted,
                        bool& second_pass) {
  Quantizer quantizer{detail::make_plan(spec, cols), -1};
  second_pass = false;
  if (!wanted) {
    return quantizer;
  }
  const QuantizePlan& plan = quantizer.plan;
  const std::int64_t pack = cuda::kPackBytes / size_of(dtype);
  if (plan.path == Path::kBlocks && cuda::is_per_element(plan)) {
    quantizer.group = 0;
  } else if (plan.path == Path::kBlocks && plan.rule != ExponentRule::kMse &&
             plan.block % pack == 0 && cuda::is_power_of_two(plan.block) &&
             plan.block / pack <= kWarp) {
    quantizer.group = static_cast<int>(plan.block / pack);
  } else {
    second_pass = true;
  }
  return quantizer;
}

bool is_vector_aligned(const void* data, std::int64_t row_stride, DType dtype) {
  return data == nullptr || cuda::is_aligned(data, row_stride, dtype, cuda::kPackBytes);
}

template <DType kType, DType kOut>
int launch_norm(NormArguments a, const QuantizeSpec& spec, cudaStream_t stream) {
  constexpr int kPack = kVectorPack<kType>;
  const std::int64_t packs = a.cols / kPack;
  bool aligned = a.cols % kPack == 0 && packs <= kMaxThreads * kMostPacks && a.rows <= kMaxGridX;
  for (const void* matrix :
       {a.x, a.residual, static_cast<const void*>(a.sum), static_cast<const void*>(a.plain),
        static_cast<const void*>(a.quantized), a.weight, a.bias}) {
    aligned = aligned && is_vector_aligned(matrix, a.row_stride, kType);
  }
  if (!aligned) {
    return static_cast<int>(cudaErrorNotSupported);
  }
  bool second_pass = false;
  const Quantizer quantizer =
      quantizer_for(spec, a.cols, kType, a.quantized != nullptr, second_pass);
  if (second_pass && a.plain == nullptr) {
    if (kOut != kType) {  // the plain result has no room there
      return static_cast<int>(cudaErrorNotSupported);
    }
    a.plain = a.quantized;
  }
  const auto launch = [&](auto is_warp) {
    constexpr bool kIsWarp = decltype(is_warp)::value;
    const auto kernel = spec.rounding == Rounding::kEven ? norm_kernel<kType, kOut, true, kIsWarp>
                                                         : norm_kernel<kType, kOut, false, kIsWarp>;
    const std::int64_t team = kIsWarp ? kWarp : (packs + kMostPacks - 1) / kMostPacks;
    const auto threads =
        static_cast<unsigned>(kIsWarp ? kNormThreads : (team + kWarp - 1) / kWarp * kWarp);
    const std::int64_t per_block = kIsWarp ? kNormThreads / kWarp : 1;
    const auto blocks = static_cast<unsigned>((a.rows + per_block - 1) / per_block);
    const auto shared = static_cast<std::size_t>(threads * cuda::kPackBytes * kMostPacks);
    if (shared > kUsualShared) {
      (void)cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(shared));
    }
    kernel<<<blocks, threads, shared, stream>>>(a, quantizer);
  };
  // By the row's length alone, on which the order of its sums then depends.
  if (packs <= kWarp * kMostPacks) {
    launch(std::true_type{});
  } else {
    launch(std::false_type{});
  }
  const cudaError_t launched = cudaGetLastError();
  if (launched != cudaSuccess || !second_pass) {
    return static_cast<int>(launched);
  }
  if constexpr (kOut != kType) {
    return quantize_to_bf16_cuda(spec, static_cast<const float*>(a.plain), a.quantized, a.rows,
                                 a.cols, a.row_stride, a.row_stride, stream);
  }
  return quantize_cuda(spec, kType, a.plain, a.quantized, a.rows, a.cols, a.row_stride,
                       a.row_stride, stream);
}

template <DType kType, DType kOut>
int launch_gate(GateArguments a, const QuantizeSpec& spec, cudaStream_t stream) {
  constexpr int kPack = kVectorPack<kType>;
  const bool aligned = a.cols % kPack == 0 && a.cols <= kMaxCols &&
                       is_vector_aligned(a.gate, a.in_row_stride, kType) &&
                       is_vector_aligned(a.up, a.in_row_stride, kType) &&
                       is_vector_aligned(a.plain, a.out_row_stride, kType) &&
                       is_vector_aligned(a.quantized, a.out_row_stride, kType);
  if (!aligned) {
    return static_cast<int>(cudaErrorNotSupported);
  }
  bool second_pass = false;
  const Quantizer quantizer =
      quantizer_for(spec, a.cols, kType, a.quantized != nullptr, second_pass);
  if (second_pass && a.plain == nullptr) {
    if (kOut != kType) {  // the plain result has no room there
      return static_cast<int>(cudaErrorNotSupported);
    }
    a.plain = a.quantized;
  }
  const std::int64_t per_block = static_cast<std::int64_t>(kThreads) * kPack * kGatePacks;
  const dim3 grid(static_cast<unsigned>((a.cols + per_block - 1) / per_block),
                  static_cast<unsigned>(std::min(a.rows, kMaxGridY)));
  if (spec.rounding == Rounding::kEven) {
    gate_kernel<kType, kOut, true><<<grid, kThreads, 0, stream>>>(a, quantizer);
  } else {
    gate_kernel<kType, kOut, false><<<grid, kThreads, 0, stream>>>(a, quantizer);
  }
  const cudaError_t launched = cudaGetLastError();
  if (launched != cudaSuccess || !second_pass) {
    return static_cast<int>(launched);
  }
  if constexpr (kOut != kType) {
    return quantize_to_bf16_cuda(spec, static_cast<const float*>(a.plain), a.quantized, a.rows,
                                 a.cols, a.out_row_stride, a.out_row_stride, stream);
  }
  return quantize_cuda(spec, kType, a.plain, a.quantized, a.rows, a.cols, a.out_row_stride,
                       a.out_row_stride, stream);
}

}  // namespace

int norm_quantize_cuda(const NormArguments& arguments, const QuantizeSpec& spec,
                       CUstream_st* stream) noexcept {
  if (arguments.rows <= 0 || arguments.cols <= 0) {
    return static_cast<int>(cudaSuccess);
  }
  switch (arguments.dtype) {
    case DType::kFloat32:
      return arguments.quantized_as_bf16
                 ? launch_norm<DType::kFloat32, DType::kBFloat16>(arguments, spec, stream)
                 : launch_norm<DType::kFloat32, DType::kFloat32>(arguments, spec, stream);
    case DType::kBFloat16:
      return launch_norm<DType::kBFloat16, DType::kBFloat16>(arguments, spec, stream);
    case DType::kFloat16:
      return launch_norm<DType::kFloat16, DType::kFloat16>(arguments, spec, stream);
  }
  return static_cast<int>(cudaErrorInvalidValue);
}

int gate_quantize_cuda(const GateArguments& arguments, const QuantizeSpec& spec,
                       CUstream_st* stream) noexcept {
  if (arguments.rows <= 0 || arguments.cols <= 0) {
    return static_cast<int>(cudaSuccess);
  }
  switch (arguments.dtype) {
    case DType::kFloat32:
      return arguments.quantized_as_bf16
                 ? launch_gate<DType::kFloat32, DType::kBFloat16>(arguments, spec, stream)
                 : launch_gate<DType::kFloat32, DType::kFloat32>(arguments, spec, stream);
    case DType::kBFloat16:
      return launch_gate<DType::kBFloat16, DType::kBFloat16>(arguments, spec, stream);
    case DType::kFloat16:
      return launch_gate<DType::kFloat16, DType::kFloat16>(arguments, spec, stream);
  }
  return static_cast<int>(cudaErrorInvalidValue);
}

}  // namespace mxscope::kernels
