// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "mxscope/core/formats/operand_spec.h"

namespace mxscope::engine {

// What quantisation did to one tensor.
struct QuantizeReport {
  std::vector<std::int64_t> shape;
  std::string dtype;  // of the file, "BF16"
  std::int64_t values = 0;
  std::int64_t blocks = 0;            // plain casts: one per value
  std::int64_t saturated_blocks = 0;  // block maximum / scale above the largest element
  std::int64_t nonfinite_blocks = 0;  // hold a NaN or an infinity, and became NaN
  std::optional<double> sqnr_db;      // empty where nothing changed or nothing is finite
  std::optional<double> rmse;         // empty where a block is not finite
};

// Fake-quantises tensor `tensor` of the safetensors file `input` along its last axis and writes it
// under the same name, shape and type (F32, F16 or BF16) to `output`, which then holds this tensor
// alone. `threads` >= 1; the bits do not depend on it. Throws Error kNotFound (file, tensor),
// kInvalidInput (type), kUnsupported (format), kIo.
QuantizeReport quantize_file(const std::filesystem::path& input, const std::string& tensor,
                             const OperandSpec& operand, const std::filesystem::path& output,
                             int threads);

}  // namespace mxscope::engine
