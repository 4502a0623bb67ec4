// SPDX-License-Identifier: Apache-2.0
#include "mxscope/engine/quantize_file.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <new>
#include <system_error>
#include <thread>

#include "mxscope/core/base/error.h"
#include "mxscope/core/base/input.h"
#include "mxscope/core/checkpoint/safetensors.h"
#include "mxscope/core/formats/suggest.h"
#include "tensor/tensors.h"

namespace mxscope::engine {
namespace {

// Rows whose figures are summed together. The pieces are added in order, so that the report does
// not depend on the number of threads.
constexpr std::int64_t kPieceValues = std::int64_t{1} << 20;

kernels::DType dtype_of(const TensorInfo& info, const std::string& file) {
  switch (info.type) {
    case TensorType::kF32:
      return kernels::DType::kFloat32;
    case TensorType::kF16:
      return kernels::DType::kFloat16;
    case TensorType::kBF16:
      return kernels::DType::kBFloat16;
    default:
      throw Error(ErrorCode::kInvalidInput, "tensor " + in_quotes(info.name) + " of '" + file +
                                                "' has type " + std::string(to_string(info.type)) +
                                                "; F32, F16 or BF16 can be quantised.");
  }
}

const TensorInfo& find_tensor(const SafetensorsFile& file, const std::string& name) {
  if (const TensorInfo* info = file.find(name)) {
    return *info;
  }
  std::vector<std::string_view> names;
  for (const TensorInfo& info : file.tensors()) {
    names.push_back(info.name);
  }
  throw Error(ErrorCode::kNotFound, "'" + file.path().string() + "' holds no tensor " +
                                        in_quotes(name) + "." + suggestion(name, names));
}

kernels::QuantizeStats measure(const kernels::QuantizeSpec& spec, kernels::DType dtype,
                               const std::byte* data, std::int64_t rows, std::int64_t cols,
                               int threads) {
  const std::int64_t piece =
      std::max<std::int64_t>(1, kPieceValues / std::max<std::int64_t>(cols, 1));
  const std::int64_t pieces = (rows + piece - 1) / piece;
  std::vector<kernels::QuantizeStats> parts(static_cast<std::size_t>(pieces));
  std::atomic<std::int64_t> next{0};
  std::atomic<bool> no_memory{false};
  const auto work = [&] {
    for (std::int64_t at = next.fetch_add(1); at < pieces; at = next.fetch_add(1)) {
      const std::int64_t first = at * piece;
      try {
        parts[static_cast<std::size_t>(at)] =
            kernels::quantize_stats(spec, dtype, data + first * cols * kernels::size_of(dtype),
                                    std::min(piece, rows - first), cols, cols);
      } catch (const std::bad_alloc&) {
        no_memory = true;
      }
    }
  };
  std::vector<std::jthread> helpers;
  for (int i = 1; i < threads && i < pieces; ++i) {
    try {
      helpers.emplace_back(work);
    } catch (const std::system_error&) {
      break;  // the threads that exist do the work
    }
  }
  work();
  helpers.clear();
  if (no_memory) {
    throw std::bad_alloc();
  }
  kernels::QuantizeStats total;
  for (const kernels::QuantizeStats& part : parts) {
    total += part;
  }
  return total;
}

}  // namespace

QuantizeReport quantize_file(const std::filesystem::path& input, const std::string& tensor,
                             const OperandSpec& operand, const std::filesystem::path& output,
                             int threads) {
  const kernels::QuantizeSpec spec = kernel_spec(operand);
  const SafetensorsFile file = SafetensorsFile::open(input);
  const TensorInfo& info = find_tensor(file, tensor);
  const kernels::DType dtype = dtype_of(info, input.string());
  const std::int64_t values = info.elements();
  const std::int64_t cols = info.shape.empty() ? 1 : info.shape.back();
  const std::int64_t rows = cols > 0 ? values / cols : 0;

  // The file does not align its tensors; the kernels want whole elements.
  const std::span<const std::byte> bytes = file.data(info);
  std::vector<std::byte> out(bytes.begin(), bytes.end());
  kernels::QuantizeStats stats;
  if (values > 0) {
    stats = measure(spec, dtype, out.data(), rows, cols, threads);
    kernels::quantize_cpu_parallel(spec, dtype, out.data(), out.data(), rows, cols, cols, cols,
                                   threads);
  }
  write_safetensors(output, std::vector<TensorToWrite>{{info.name, info.type, info.shape, out}},
                    {{"contract", operand.description()}});

  QuantizeReport report;
  report.shape = info.shape;
  report.dtype = to_string(info.type);
  report.values = values;
  report.blocks = stats.blocks;
  report.saturated_blocks = stats.saturated_blocks;
  report.nonfinite_blocks = stats.nonfinite_blocks;
  if (stats.signal > 0 && stats.noise > 0) {
    report.sqnr_db = 10 * std::log10(stats.signal / stats.noise);
  }
  if (values > 0 && stats.nonfinite_blocks == 0) {
    report.rmse = std::sqrt(stats.noise / static_cast<double>(values));
  }
  return report;
}

}  // namespace mxscope::engine
