// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "cpu/cpu_kernels.h"
#include "detail/quantize_plan.h"
#include "mxscope/kernels/mx_quantize.h"
#include "reference/float_types.h"

// Bandwidth of the CPU quantiser on one thread beside memcpy of the same tensor, for every
// instruction set that this processor runs. bytes_per_second counts what is read and what is
// written; the tensors are larger than any cache. tests/bench/quantize_table.py makes the table of
// shares of it.
namespace mxscope {
namespace {

using kernels::CpuKernels;
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
    for (std::int64_t i = 0; i < kCols; ++i) {
      kernels::reference::store(dtype, in.data(), i, normal(generator));
    }
    const std::int64_t row_bytes = kCols * kernels::size_of(dtype);
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

void quantize(benchmark::State& state, const CpuKernels* version, DType dtype,
              const QuantizeSpec& spec) {
  Tensors tensors(dtype);
  for ([[maybe_unused]] auto _ : state) {
    version->quantize_rows(kernels::detail::make_plan(spec, kCols), dtype, tensors.in.data(),
                           tensors.out.data(), kRows, kCols, kCols, kCols);
    benchmark::ClobberMemory();
  }
  count_bytes(state, tensors);
}

void add_cases(const std::string& prefix, const CpuKernels* version, DType dtype) {
  const std::pair<const char*, Element> elements[] = {
      {"mxfp8_e4m3", Element::kFp8E4M3}, {"mxfp8_e5m2", Element::kFp8E5M2},
      {"mxfp6_e3m2", Element::kFp6E3M2}, {"mxfp6_e2m3", Element::kFp6E2M3},
      {"mxfp4_e2m1", Element::kFp4E2M1}, {"mxint8", Element::kInt8},
      {"mxint4", Element::kInt4}};
  const std::pair<const char*, ScaleRule> rules[] = {{"rceil", ScaleRule::kRceil},
                                                     {"ceil", ScaleRule::kCeil},
                                                     {"even", ScaleRule::kEven},
                                                     {"mse", ScaleRule::kMse}};
  const auto add = [&](const std::string& name, const QuantizeSpec& spec) {
    const std::string full = prefix + name;
    benchmark::RegisterBenchmark(full.c_str(), quantize, version, dtype, spec)
        ->Unit(benchmark::kMillisecond);
  };
  for (const auto& [name, element] : elements) {
    add(name + std::string("/b32"), {Scheme::kMx, element, 32});
  }
  for (const std::int64_t block : {0, 2, 4, 7, 8, 12, 16, 24, 33, 64, 100, 128, 512}) {
    add("mxfp8_e4m3/b" + std::to_string(block), {Scheme::kMx, Element::kFp8E4M3, block});
  }
  for (const auto& [name, rule] : rules) {
    add(std::string("mxfp8_e4m3/b32/") + name, {Scheme::kMx, Element::kFp8E4M3, 32, rule});
  }
  add("mxfp4_e2m1/b32/mse", {Scheme::kMx, Element::kFp4E2M1, 32, ScaleRule::kMse});
  add("mxfp4_e2m1/b16/mse", {Scheme::kMx, Element::kFp4E2M1, 16, ScaleRule::kMse});
  add("mxfp4_e2m1/b128/mse", {Scheme::kMx, Element::kFp4E2M1, 128, ScaleRule::kMse});
  for (const auto& [name, rounding] :
       {std::pair{"nearest", Rounding::kNearest}, std::pair{"floor", Rounding::kFloor},
        std::pair{"half_down", Rounding::kHalfDown}}) {
    add(std::string("mxfp8_e4m3/b32/floor/") + name,
        {Scheme::kMx, Element::kFp8E4M3, 32, ScaleRule::kFloor, rounding});
  }
  add("fp8_e4m3", {Scheme::kElementCast});
  add("nvfp8emu_e4m3", {Scheme::kPrivateExponent});
  add("bf16", {Scheme::kBf16});
  add("fp16", {Scheme::kFp16});
}

void add_all() {
  const std::pair<const char*, DType> types[] = {
      {"float32", DType::kFloat32}, {"bfloat16", DType::kBFloat16}, {"float16", DType::kFloat16}};
  for (const auto* version = kernels::runnable_cpu_kernels(); *version != nullptr; ++version) {
    for (const auto& [type, dtype] : types) {
      const std::string prefix = std::string((*version)->name) + "/" + type + "/";
      const std::string name = prefix + "memcpy";
      benchmark::RegisterBenchmark(name.c_str(), copy, dtype)->Unit(benchmark::kMillisecond);
      add_cases(prefix, *version, dtype);
    }
  }
}

}  // namespace
}  // namespace mxscope

int main(int argc, char** argv) {
  mxscope::add_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
