// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "mxscope/kernels/mx_quantize_cuda.h"
#include "mxscope/kernels/norm_quantize.h"
#include "mxscope/kernels/token_stats_cuda.h"

// Bandwidth of the CUDA quantiser beside a device-to-device copy of the same tensor: medians of
// CUDA event times, bytes read plus bytes written. Prints one table.
namespace mxscope {
namespace {

using kernels::DType;
using kernels::Element;
using kernels::QuantizeSpec;
using kernels::Rounding;
using kernels::ScaleRule;
using kernels::Scheme;

constexpr std::int64_t kRows = 16384;
constexpr std::int64_t kCols = 14336;
constexpr int kWarmUp = 3;
constexpr int kRepeats = 15;

void check(int error) {
  if (error != 0) {
    std::fprintf(stderr, "%s\n", kernels::cuda_error_text(error));
    std::exit(1);
  }
}

double median_ms(const std::function<void()>& run) {
  cudaEvent_t begin = nullptr;
  cudaEvent_t end = nullptr;
  check(cudaEventCreate(&begin));
  check(cudaEventCreate(&end));
  std::vector<float> times;
  for (int i = 0; i < kWarmUp + kRepeats; ++i) {
    check(cudaEventRecord(begin));
    run();
    check(cudaEventRecord(end));
    check(cudaEventSynchronize(end));
    float ms = 0;
    check(cudaEventElapsedTime(&ms, begin, end));
    if (i >= kWarmUp) {
      times.push_back(ms);
    }
  }
  check(cudaEventDestroy(begin));
  check(cudaEventDestroy(end));
  std::nth_element(times.begin(), times.begin() + kRepeats / 2, times.end());
  return times[kRepeats / 2];
}

struct Buffers {
  void* in = nullptr;
  void* out = nullptr;
  std::size_t bytes = 0;

  explicit Buffers(DType dtype)
      : bytes(static_cast<std::size_t>(kRows * kCols * kernels::size_of(dtype))) {
    check(cudaMalloc(&in, bytes));
    check(cudaMalloc(&out, bytes));
    std::mt19937_64 generator(1);
    std::normal_distribution<float> normal;
    std::vector<float> sample(1 << 20);
    for (float& number : sample) {
      number = normal(generator);
    }
    // Rounded on the device by the quantiser itself where the tensor is a 16-bit one.
    const std::size_t sample_bytes = sample.size() * sizeof(float);
    std::vector<std::uint16_t> halves;
    const void* source = sample.data();
    std::size_t source_bytes = sample_bytes;
    if (dtype != DType::kFloat32) {
      for (const float number : sample) {
        std::uint32_t bits = 0;
        std::copy_n(reinterpret_cast<const char*>(&number), sizeof(bits),
                    reinterpret_cast<char*>(&bits));
        halves.push_back(static_cast<std::uint16_t>(dtype == DType::kBFloat16
                                                        ? bits >> 16
                                                        : ((bits >> 16) & 0x8000U) |
                                                              (0x3800U + ((bits >> 13) & 0xFFFU))));
      }
      source = halves.data();
      source_bytes = halves.size() * sizeof(std::uint16_t);
    }
    for (std::size_t at = 0; at < bytes; at += source_bytes) {
      check(cudaMemcpy(static_cast<char*>(in) + at, source, std::min(source_bytes, bytes - at),
                       cudaMemcpyHostToDevice));
    }
  }
  ~Buffers() {
    cudaFree(in);
    cudaFree(out);
  }
  Buffers(const Buffers&) = delete;
  Buffers& operator=(const Buffers&) = delete;
};

void print_quantizer(const char* type_name, DType dtype) {
  Buffers buffers(dtype);
  const double gigabytes = 2.0 * static_cast<double>(buffers.bytes) / 1e9;
  const double copy_ms = median_ms([&] {
    check(cudaMemcpyAsync(buffers.out, buffers.in, buffers.bytes, cudaMemcpyDeviceToDevice));
  });
  std::printf("%s [%lld, %lld]: copy %.3f ms, %.0f GB/s\n", type_name,
              static_cast<long long>(kRows), static_cast<long long>(kCols), copy_ms,
              gigabytes / copy_ms * 1e3);
  const auto report = [&](const std::string& name, const QuantizeSpec& spec) {
    const double ms = median_ms([&] {
      check(kernels::quantize_cuda(spec, dtype, buffers.in, buffers.out, kRows, kCols, kCols, kCols,
                                   nullptr));
    });
    std::printf("  %-34s %8.3f ms %7.0f GB/s  %.2f of the copy\n", name.c_str(), ms,
                gigabytes / ms * 1e3, copy_ms / ms);
  };
  const std::pair<const char*, Element> elements[] = {
      {"mxfp8_e4m3", Element::kFp8E4M3}, {"mxfp8_e5m2", Element::kFp8E5M2},
      {"mxfp6_e3m2", Element::kFp6E3M2}, {"mxfp6_e2m3", Element::kFp6E2M3},
      {"mxfp4_e2m1", Element::kFp4E2M1}, {"mxint8", Element::kInt8},
      {"mxint4", Element::kInt4}};
  for (const auto& [name, element] : elements) {
    report(std::string(name) + "/32", {Scheme::kMx, element, 32});
  }
  for (const std::int64_t block : {8, 16, 64, 128, 24, 0}) {
    report("mxfp4_e2m1/" + std::to_string(block), {Scheme::kMx, Element::kFp4E2M1, block});
  }
  const std::pair<const char*, ScaleRule> rules[] = {{"rceil", ScaleRule::kRceil},
                                                     {"ceil", ScaleRule::kCeil},
                                                     {"even", ScaleRule::kEven},
                                                     {"mse", ScaleRule::kMse}};
  for (const auto& [name, rule] : rules) {
    report(std::string("mxfp4_e2m1/32 ") + name, {Scheme::kMx, Element::kFp4E2M1, 32, rule});
  }
  report("mxfp4_e2m1/32 nearest",
         {Scheme::kMx, Element::kFp4E2M1, 32, ScaleRule::kFloor, Rounding::kNearest});
  report("fp8_e4m3", {Scheme::kElementCast});
  report("nvfp8emu_e4m3", {Scheme::kPrivateExponent});
  report("bf16", {Scheme::kBf16});
  report("fp16", {Scheme::kFp16});
}

void print_token_stats(const char* type_name, DType dtype) {
  constexpr std::int64_t kVocab = 128256;
  Buffers buffers(dtype);
  const std::int64_t rows = kRows * kCols / 2 / kVocab;
  const kernels::LogitsView baseline{buffers.in, dtype, rows, kVocab, kVocab};
  const kernels::LogitsView variant{
      static_cast<char*>(buffers.in) + rows * kVocab * kernels::size_of(dtype), dtype, rows, kVocab,
      kVocab};
  void* memory = nullptr;
  const auto count = static_cast<std::size_t>(rows);
  check(cudaMalloc(&memory, count * 64));
  check(cudaMemset(memory, 0, count * 64));
  auto* targets = static_cast<std::int64_t*>(memory);
  auto* floats = reinterpret_cast<float*>(targets + rows);
  auto* flags = reinterpret_cast<std::uint8_t*>(floats + 8 * rows);
  const kernels::TokenStats stats{floats,
                                  floats + rows,
                                  floats + 2 * rows,
                                  floats + 3 * rows,
                                  reinterpret_cast<std::int32_t*>(floats + 4 * rows),
                                  flags};
  const kernels::TokenComparison against{floats + 5 * rows, floats + 6 * rows, flags + rows};
  const double row_gigabytes = static_cast<double>(rows * kVocab * kernels::size_of(dtype)) / 1e9;
  const double alone =
      median_ms([&] { check(kernels::token_stats_cuda(baseline, targets, stats, nullptr)); });
  const double both = median_ms([&] {
    check(kernels::token_stats_against_cuda(baseline, stats, variant, targets, stats, against,
                                            nullptr));
  });
  std::printf(
      "token statistics, %s [%lld, %lld]: baseline %.3f ms, %.0f GB/s; variant %.3f ms, %.0f "
      "GB/s\n",
      type_name, static_cast<long long>(rows), static_cast<long long>(kVocab), alone,
      row_gigabytes / alone * 1e3, both, 2 * row_gigabytes / both * 1e3);
  cudaFree(memory);
}

// Norms of the rows of a usual micro-batch, plain and quantised.
void print_norms(const char* type_name, DType dtype) {
  constexpr std::int64_t kNormRows = 4096;
  Buffers buffers(dtype);
  for (const std::int64_t cols : {768, 2048, 4096, 8192}) {
    const std::size_t bytes = static_cast<std::size_t>(kNormRows * cols * kernels::size_of(dtype));
    // Different rows each time, so that they come from memory and not from its cache.
    const std::size_t places = buffers.bytes / bytes;
    std::size_t place = 0;
    const auto next = [&](void* matrix) { return static_cast<char*>(matrix) + place * bytes; };
    const double copy_ms = median_ms([&] {
      place = (place + 1) % places;
      check(cudaMemcpyAsync(next(buffers.out), next(buffers.in), bytes, cudaMemcpyDeviceToDevice));
    });
    const auto norm_ms = [&](bool quantised) {
      return median_ms([&] {
        place = (place + 1) % places;
        kernels::NormArguments a;
        a.dtype = dtype;
        a.rows = kNormRows;
        a.cols = a.row_stride = cols;
        a.x = next(buffers.in);
        a.weight = buffers.in;
        (quantised ? a.quantized : a.plain) = next(buffers.out);
        check(kernels::norm_quantize_cuda(
            a, {Scheme::kMx, Element::kFp8E4M3, 32, ScaleRule::kFloor}, nullptr));
      });
    };
    const double plain_ms = norm_ms(false);
    const double quantised_ms = norm_ms(true);
    std::printf("norm, %s [%lld, %lld]: copy %.4f ms; plain %.4f ms, %.2f; quantised %.4f, %.2f\n",
                type_name, static_cast<long long>(kNormRows), static_cast<long long>(cols), copy_ms,
                plain_ms, copy_ms / plain_ms, quantised_ms, copy_ms / quantised_ms);
  }
}

}  // namespace
}  // namespace mxscope

int main() {
  using mxscope::kernels::DType;
  cudaDeviceProp device{};
  mxscope::check(cudaGetDeviceProperties(&device, 0));
  std::printf("%s, compute capability %d.%d\n", device.name, device.major, device.minor);
  mxscope::print_quantizer("bfloat16", DType::kBFloat16);
  mxscope::print_quantizer("float32", DType::kFloat32);
  mxscope::print_quantizer("float16", DType::kFloat16);
  mxscope::print_token_stats("bfloat16", DType::kBFloat16);
  mxscope::print_token_stats("float32", DType::kFloat32);
  mxscope::print_norms("bfloat16", DType::kBFloat16);
  mxscope::print_norms("float32", DType::kFloat32);
  return 0;
}
