// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "mxscope/core/checkpoint/decoder_spec.h"

namespace mxscope {

// The architecture that a Hugging Face `config.json` describes, equal to what transformers 5.17
// builds from it. Both generations of keys are read (`rope_theta`, `rope_scaling`, `torch_dtype`;
// `rope_parameters`, `dtype`); where both stand and disagree, the config is refused. `file` stands
// in messages. Throws Error kInvalidInput for a value that makes no sense and kUnsupported for a
// model type or option that is not implemented, naming file and field. Any thread.
[[nodiscard]] DecoderSpec decoder_spec_from_config(const nlohmann::json& config,
                                                   const std::string& file);

// The model types that are understood, sorted, e.g. "llama".
[[nodiscard]] std::vector<std::string_view> supported_model_types();

}  // namespace mxscope
