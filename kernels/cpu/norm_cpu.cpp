// SPDX-License-Identifier: Apache-2.0
#include "cpu/cpu_kernels.h"
#include "mxscope/kernels/norm_quantize.h"

namespace mxscope::kernels {

bool norm_cpu(const NormArguments& arguments) noexcept {
  if (arguments.dtype != DType::kFloat32 || arguments.norm == Norm::kRmsUnitOffset ||
      arguments.residual != nullptr || arguments.sum != nullptr || arguments.plain == nullptr) {
    return false;
  }
  cpu_kernels().norm(arguments);
  return true;
}

bool gate_cpu(const GateArguments& arguments) noexcept {
  if (arguments.dtype != DType::kFloat32 || arguments.plain == nullptr ||
      arguments.activation != GateActivation::kSilu) {
    return false;
  }
  cpu_kernels().silu(arguments);
  return true;
}

}  // namespace mxscope::kernels
