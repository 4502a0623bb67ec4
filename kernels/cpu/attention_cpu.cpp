// SPDX-License-Identifier: Apache-2.0
#include "cpu/cpu_kernels.h"
#include "mxscope/kernels/attention.h"

namespace mxscope::kernels {

void attention_cpu(const AttentionArguments& arguments) noexcept {
  cpu_kernels().attention(arguments);
}

}  // namespace mxscope::kernels
