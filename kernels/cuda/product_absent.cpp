// SPDX-License-Identifier: Apache-2.0
#include "mxscope/kernels/product.h"

// Builds for GPUs of other generations have no such kernels; callers take the library's products.
namespace mxscope::kernels {
namespace {

constexpr int kNotSupported = 801;  // cudaErrorNotSupported

}  // namespace

int rotated_product_cuda(const ProductArguments& /*arguments*/, const ProductRotation& /*rotation*/,
                         CUstream_st* /*stream*/) noexcept {
  return kNotSupported;
}

int gated_product_cuda(const ProductArguments& /*arguments*/, GateActivation /*activation*/,
                       const QuantizeSpec* /*quantized*/, CUstream_st* /*stream*/) noexcept {
  return kNotSupported;
}

}  // namespace mxscope::kernels
