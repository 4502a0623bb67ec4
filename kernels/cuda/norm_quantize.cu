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
using cuda::load_raw;
using cuda::Pack;
using cuda::quantize_pack;
using cuda::reduce;
using cuda::rounded;
using cuda::store_pack;
using cuda::Tensor;
using cuda::widen_pack;
using detail::ExponentRule;
using detail::Path;
using detail::QuantizePlan;

constexpr int kThreads = 256;
constexpr int kGatePacks = 2;       // in flight per thread of the gate
constexpr int kMostHeldPacks = 4;   // packs of a row that a thread of the norm keeps in registers
constexpr int kUsualThreads = 512;  // of the norm; longer rows take up to kMaxThreads
constexpr int kMaxThreads = 1024;
constexpr std::int64_t kMaxGridX = 0x7FFFFFFF;
constexpr std::int64_t kMaxGridY = 65535;

// How the fused kernels quantise: `group` neighbouring packs share a scale (1 .. 32), 0 means every
// element on its own, and -1 not at all.
struct Quantizer {
  QuantizePlan plan;
  int group = -1;
};

template <DType kType>
using StorageOf = typename Tensor<kType>::Storage;

// Every lane of the warp calls it, lanes behind the row's end with zeros.
template <DType kOut, bool kIsEven, int kPack>
__device__ __forceinline__ Pack<StorageOf<kOut>, kPack> quantize_fused(const Quantizer& quantizer,
                                                                       const float (&x)[kPack]) {
  const QuantizePlan& plan = quantizer.plan;
  if (quantizer.group > 0) {
    std::int32_t largest = largest_bits(x);
    for (int distance = quantizer.group / 2; distance > 0; distance /= 2) {
      largest = max(largest, __shfl_xor_sync(kFullWarp, largest, distance));
    }
    const std::int32_t exponent = detail::block_exponent(plan, plan.rule, largest);
    return quantize_pack<kOut, kIsEven>(plan, exponent, largest, x);
  }
  Pack<StorageOf<kOut>, kPack> result;
#pragma unroll
  for (int i = 0; i < kPack; ++i) {
    const float one[1] = {x[i]};
    const std::int32_t largest = largest_bits(one);
    const std::int32_t exponent = plan.rule == ExponentRule::kFixed
                                      ? 0
                                      : detail::block_exponent(plan, ExponentRule::kCarry, largest);
    result.values[i] = quantize_pack<kOut, kIsEven>(plan, exponent, largest, one).values[0];
  }
  return result;
}

// Rounds x to the type in place, and stores what is asked for.
template <DType kType, DType kOut, bool kIsEven, int kPack>
__device__ __forceinline__ void finish_pack(const Quantizer& quantizer, float (&x)[kPack],
                                            void* plain, void* quantized, std::int64_t row_begin,
                                            std::int64_t col, std::int64_t cols) {
  using Storage = StorageOf<kType>;
  Pack<Storage, kPack> pack;
#pragma unroll
  for (int i = 0; i < kPack; ++i) {
    pack.values[i] = x[i] == x[i] ? Tensor<kType>::narrow(x[i]) : Tensor<kType>::nan();
    // Lanes behind the row's end hold no number of the row.
    x[i] = col + i < cols ? Tensor<kType>::widen(pack.values[i]) : 0.0F;
  }
  if (plain != nullptr) {
    store_pack(static_cast<Storage*>(plain) + row_begin, col, cols, pack);
  }
  if (quantizer.group >= 0) {
    store_pack(static_cast<StorageOf<kOut>*>(quantized) + row_begin, col, cols,
               quantize_fused<kOut, kIsEven>(quantizer, x));
  }
}

template <DType kType, int kPack>
__device__ __forceinline__ void load_vector(const void* vector, std::int64_t col, std::int64_t cols,
                                            float missing, float (&x)[kPack]) {
  if (vector == nullptr) {
#pragma unroll
    for (int i = 0; i < kPack; ++i) {
      x[i] = missing;
    }
  } else {
    cuda::load_pack<kType, kPack>(static_cast<const StorageOf<kType>*>(vector), col, cols, missing,
                                  x);
  }
}

template <DType kType, int kPack>
__device__ __forceinline__ void widen_or_fill(const void* vector,
                                              const Pack<StorageOf<kType>, kPack>& pack,
                                              float missing, float (&x)[kPack]) {
#pragma unroll
  for (int i = 0; i < kPack; ++i) {
    x[i] = vector == nullptr ? missing : Tensor<kType>::widen(pack.values[i]);
  }
}

// One thread block per row; the row stays in registers between its sums and its result.
template <DType kType, DType kOut, bool kIsEven, int kHeldPacks>
__global__ void __launch_bounds__(kHeldPacks < kMostHeldPacks ? kUsualThreads : kMaxThreads)
    norm_kernel(const __grid_constant__ NormArguments a,
                const __grid_constant__ Quantizer quantizer) {
  constexpr int kPack = kVectorPack<kType>;
  using Storage = StorageOf<kType>;
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x) * a.row_stride;
  const std::int64_t step = static_cast<std::int64_t>(blockDim.x) * kPack;
  const std::int64_t first = static_cast<std::int64_t>(threadIdx.x) * kPack;
  Pack<Storage, kPack> held[kHeldPacks];
  double total = 0;
#pragma unroll
  for (int k = 0; k < kHeldPacks; ++k) {
    const std::int64_t col = first + k * step;
    held[k] =
        load_raw<Storage, kPack>(static_cast<const Storage*>(a.x) + begin, col, a.cols, Storage{});
    if (a.residual != nullptr) {
      const auto other = load_raw<Storage, kPack>(static_cast<const Storage*>(a.residual) + begin,
                                                  col, a.cols, Storage{});
#pragma unroll
      for (int i = 0; i < kPack; ++i) {
        held[k].values[i] = Tensor<kType>::narrow(Tensor<kType>::widen(held[k].values[i]) +
                                                  Tensor<kType>::widen(other.values[i]));
      }
    }
    if (a.sum != nullptr) {
      store_pack(static_cast<Storage*>(a.sum) + begin, col, a.cols, held[k]);
    }
    if (a.norm == Norm::kLayer) {
      float part = 0;
#pragma unroll
      for (int i = 0; i < kPack; ++i) {
        part += Tensor<kType>::widen(held[k].values[i]);
      }
      total += part;
    }
  }
  const auto count = static_cast<double>(a.cols);
  const float mean = a.norm == Norm::kLayer ? static_cast<float>(reduce(total) / count) : 0.0F;
  double squares = 0;
#pragma unroll
  for (int k = 0; k < kHeldPacks; ++k) {
    const std::int64_t col = first + k * step;
    float part = 0;
#pragma unroll
    for (int i = 0; i < kPack; ++i) {
      const float centred = Tensor<kType>::widen(held[k].values[i]) - mean;
      part += col + i < a.cols ? centred * centred : 0.0F;
    }
    squares += part;
  }
  // Asked for before the threads wait for each other.
  Pack<Storage, kPack> weights[kHeldPacks];
  Pack<Storage, kPack> biases[kHeldPacks];
  if constexpr (kHeldPacks < kMostHeldPacks) {
#pragma unroll
    for (int k = 0; k < kHeldPacks; ++k) {
      const std::int64_t col = first + k * step;
      if (a.weight != nullptr) {
        weights[k] =
            load_raw<Storage, kPack>(static_cast<const Storage*>(a.weight), col, a.cols, Storage{});
      }
      if (a.bias != nullptr) {
        biases[k] =
            load_raw<Storage, kPack>(static_cast<const Storage*>(a.bias), col, a.cols, Storage{});
      }
    }
  }
  const float inverse = 1.0F / sqrtf(static_cast<float>(reduce(squares) / count) + a.epsilon);
#pragma unroll
  for (int k = 0; k < kHeldPacks; ++k) {
    const std::int64_t col = first + k * step;
    float x[kPack];
    float weight[kPack];
    float bias[kPack];
    widen_pack<kType, kPack>(held[k], x);
    const float missing = a.norm == Norm::kRmsUnitOffset ? 0.0F : 1.0F;
    if constexpr (kHeldPacks < kMostHeldPacks) {
      widen_or_fill<kType, kPack>(a.weight, weights[k], missing, weight);
      widen_or_fill<kType, kPack>(a.bias, biases[k], 0.0F, bias);
    } else {
      load_vector<kType, kPack>(a.weight, col, a.cols, missing, weight);
      load_vector<kType, kPack>(a.bias, col, a.cols, 0.0F, bias);
    }
#pragma unroll
    for (int i = 0; i < kPack; ++i) {
      const float normal = (x[i] - mean) * inverse;
      if (a.norm == Norm::kRms) {
        x[i] = rounded<kType>(normal) * weight[i];
      } else if (a.norm == Norm::kRmsUnitOffset) {
        x[i] = normal * (1.0F + weight[i]);
      } else {
        x[i] = normal * weight[i] + bias[i];
      }
    }
    finish_pack<kType, kOut, kIsEven>(quantizer, x, a.plain, a.quantized, begin, col, a.cols);
  }
}

template <DType kType, DType kOut, bool kIsEven>
__global__ void __launch_bounds__(kThreads)
    gate_kernel(const __grid_constant__ GateArguments a,
                const __grid_constant__ Quantizer quantizer) {
  constexpr int kPack = kVectorPack<kType>;
  constexpr std::int64_t kStep = std::int64_t{kThreads} * kPack;
  using Storage = StorageOf<kType>;
  const std::int64_t first =
      static_cast<std::int64_t>(blockIdx.x) * kStep * kGatePacks + threadIdx.x * kPack;
  for (std::int64_t row = blockIdx.y; row < a.rows; row += gridDim.y) {
    const auto* gate = static_cast<const Storage*>(a.gate) + row * a.in_row_stride;
    float x[kGatePacks][kPack];
    float up[kGatePacks][kPack];
#pragma unroll
    for (int u = 0; u < kGatePacks; ++u) {
      cuda::load_pack<kType, kPack, true>(gate, first + u * kStep, a.cols, 0.0F, x[u]);
      if (a.up != nullptr) {
        cuda::load_pack<kType, kPack, true>(
            static_cast<const Storage*>(a.up) + row * a.in_row_stride, first + u * kStep, a.cols,
            0.0F, up[u]);
      }
    }
#pragma unroll
    for (int u = 0; u < kGatePacks; ++u) {
#pragma unroll
      for (int i = 0; i < kPack; ++i) {
        x[u][i] = activated<kType != DType::kFloat32>(a.activation, x[u][i]);
        if (a.up != nullptr) {
          x[u][i] = rounded<kType>(x[u][i]) * up[u][i];
        }
      }
      finish_pack<kType, kOut, kIsEven>(quantizer, x[u], a.plain, a.quantized,
                                        row * a.out_row_stride, first + u * kStep, a.cols);
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
  bool aligned =
      a.cols % kPack == 0 && packs <= kMaxThreads * kMostHeldPacks && a.rows <= kMaxGridX;
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
  const auto launch = [&](auto held) {
    constexpr int kHeld = decltype(held)::value;
    const std::int64_t wanted = (packs + kHeld - 1) / kHeld;
    const auto threads = static_cast<unsigned>((wanted + kWarp - 1) / kWarp * kWarp);
    const auto rows = static_cast<unsigned>(a.rows);
    if (spec.rounding == Rounding::kEven) {
      norm_kernel<kType, kOut, true, kHeld><<<rows, threads, 0, stream>>>(a, quantizer);
    } else {
      norm_kernel<kType, kOut, false, kHeld><<<rows, threads, 0, stream>>>(a, quantizer);
    }
  };
  if (packs <= kUsualThreads) {
    launch(std::integral_constant<int, 1>{});
  } else if (packs <= 2 * kUsualThreads) {
    launch(std::integral_constant<int, 2>{});
  } else {
    launch(std::integral_constant<int, kMostHeldPacks>{});
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
  const bool aligned = a.cols % kPack == 0 && is_vector_aligned(a.gate, a.in_row_stride, kType) &&
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
