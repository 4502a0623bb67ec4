// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mxscope/core/checkpoint/decoder_spec.h"
#include "mxscope/kernels/norm_quantize.h"

// What calls of fused kernels share.
namespace mxscope::engine {

// Whether the kernel took the call. One that does not take the shape says so and writes nothing;
// separate operations do then. Throws Error kDevice where the GPU failed. In builds with CUDA only.
[[nodiscard]] bool kernel_ran(int status);

[[nodiscard]] kernels::GateActivation kernel_activation(Activation activation);

}  // namespace mxscope::engine
