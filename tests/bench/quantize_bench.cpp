// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "mxscope/kernels/mx_quantize.h"

// Bandwidth of the CPU quantiser on one thread beside memcpy of the same tensor. bytes_per_second
// counts what is read and what is written; the tensors are larger than any cache.
namespace mxscope {
namespace {

using kernels::DType;
using kernels::Element;
using kernels::QuantizeSpec;
using kernels::Rounding;
using kernels::ScaleRule;
using kernels::Scheme;

constexpr std::int64_t kRows = 4096;
constexpr std::int64_t kCols = 8192;

struct Tensors {
  std::vector<char> in;
  std::vector<char> out;

  explicit Tensors(DType dtype)
      : in(static_cast<std::size_t>(kRows * kCols * kernels::size_of(dtype))), out(in.size(), 1) {
    std::mt19937_64 generator(1);
    std::normal_distribution<float> normal;
    std::vector<float> row(kCols);
    for (float& number : row) {
      number = normal(generator);
    }
    const std::int64_t row_bytes = kCols * kernels::size_of(dtype);
    for (std::int64_t i = 0; i < kCols; ++i) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, &row[static_cast<std::size_t>(i)], sizeof(bits));
      // float16 keeps the sign, an exponent near that of 1 and the mantissa's head.
      const std::uint32_t half =
          dtype == DType::kBFloat16
              ? bits >> 16
              : ((bits >> 16) & 0x8000U) | (0x3800U + ((bits >> 13) & 0xFFFU));
      std::memcpy(in.data() + i * kernels::size_of(dtype), dtype == DType::kFloat32 ? &bits : &half,
                  static_cast<std::size_t>(kernels::size_of(dtype)));
    }
    for (std::int64_t i = 1; i < kRows; ++i) {
      std::memcpy(in.data() + i * row_bytes, in.data(), static_cast<std::size_t>(row_bytes));
    }
  }
};

void count_bytes(benchmark::State& state, const Tensors& tensors) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * 2 *
                          static_cast<std::int64_t>(tensors.in.size()));
}

void copy(benchmark::State& state, DType dtype) {
  Tensors tensors(dtype);
  for ([[maybe_unused]] auto _ : state) {
    std::memcpy(tensors.out.data(), tensors.in.data(), tensors.in.size());
    benchmark::ClobberMemory();
  }
  count_bytes(state, tensors);
}

void quantize(benchmark::State& state, DType dtype, const QuantizeSpec& spec) {
  Tensors tensors(dtype);
  for ([[maybe_unused]] auto _ : state) {
    kernels::quantize_cpu(spec, dtype, tensors.in.data(), tensors.out.data(), kRows, kCols, kCols,
                          kCols);
    benchmark::ClobberMemory();
  }
  count_bytes(state, tensors);
}

void add(const std::string& name, DType dtype, const QuantizeSpec& spec) {
  benchmark::RegisterBenchmark(name.c_str(), quantize, dtype, spec)->Unit(benchmark::kMillisecond);
}

void add_all() {
  const std::pair<const char*, DType> types[] = {
      {"float32", DType::kFloat32}, {"bfloat16", DType::kBFloat16}, {"float16", DType::kFloat16}};
  const std::pair<const char*, Element> elements[] = {
      {"mxfp8_e4m3", Element::kFp8E4M3}, {"mxfp8_e5m2", Element::kFp8E5M2},
      {"mxfp6_e3m2", Element::kFp6E3M2}, {"mxfp6_e2m3", Element::kFp6E2M3},
      {"mxfp4_e2m1", Element::kFp4E2M1}, {"mxint8", Element::kInt8},
      {"mxint4", Element::kInt4}};
  const std::pair<const char*, ScaleRule> rules[] = {{"rceil", ScaleRule::kRceil},
                                                     {"ceil", ScaleRule::kCeil},
                                                     {"even", ScaleRule::kEven},
                                                     {"mse", ScaleRule::kMse}};
  for (const auto& [type_name, dtype] : types) {
    const std::string prefix = std::string(type_name) + "/";
    benchmark::RegisterBenchmark((prefix + "memcpy").c_str(), copy, dtype)
        ->Unit(benchmark::kMillisecond);
    for (const auto& [name, element] : elements) {
      add(prefix + name + "/b32", dtype, {Scheme::kMx, element, 32});
    }
    for (const std::int64_t block : {0, 8, 16, 24, 64, 128}) {
      add(prefix + "mxfp8_e4m3/b" + std::to_string(block), dtype,
          {Scheme::kMx, Element::kFp8E4M3, block});
    }
    for (const auto& [name, rule] : rules) {
      add(prefix + "mxfp8_e4m3/b32/" + name, dtype, {Scheme::kMx, Element::kFp8E4M3, 32, rule});
    }
    add(prefix + "mxfp8_e4m3/b32/floor/nearest", dtype,
        {Scheme::kMx, Element::kFp8E4M3, 32, ScaleRule::kFloor, Rounding::kNearest});
    add(prefix + "fp8_e4m3", dtype, {Scheme::kElementCast});
    add(prefix + "nvfp8emu_e4m3", dtype, {Scheme::kPrivateExponent});
    add(prefix + "bf16", dtype, {Scheme::kBf16});
    add(prefix + "fp16", dtype, {Scheme::kFp16});
  }
}

}  // namespace
}  // namespace mxscope

int main(int argc, char** argv) {
  mxscope::add_all();
  benchmark::Initialize(&argc, argv);
  benchmark::AddCustomContext("instruction_set", mxscope::kernels::cpu_instruction_set());
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
