// SPDX-License-Identifier: Apache-2.0
#include "families.h"

namespace mxscope::families {

DecoderSpec qwen2(const ConfigReader& config) {
  DecoderSpec spec = llama_like(config, {});
  spec.qkv_bias = true;
  read_qwen_windows(spec, config);
  return spec;
}

}  // namespace mxscope::families
