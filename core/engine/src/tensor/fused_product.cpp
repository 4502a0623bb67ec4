// SPDX-License-Identifier: Apache-2.0
#include "tensor/fused_product.h"

#include <ATen/ATen.h>

#include "tensor/tensors.h"
#if MXSCOPE_HAS_CUDA
#include <c10/cuda/CUDAStream.h>

#include "mxscope/kernels/product.h"
#include "tensor/kernel_status.h"
#endif

namespace mxscope::engine {

#if MXSCOPE_HAS_CUDA

namespace {

bool is_candidate(const at::Tensor& x, const at::Tensor& weight) {
  return x.is_cuda() && x.scalar_type() == weight.scalar_type() &&
         (x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kHalf) && x.stride(1) == 1 &&
         weight.is_contiguous() && x.size(0) > 0;
}

kernels::ProductArguments arguments_of(const at::Tensor& x, const at::Tensor& weight,
                                       const at::Tensor& out) {
  kernels::ProductArguments a;
  a.dtype = kernel_dtype(x.scalar_type());
  a.rows = x.size(0);
  a.in_features = x.size(1);
  a.out_features = a.out_stride = out.size(1);
  a.x_stride = x.stride(0);
  a.x = x.const_data_ptr();
  a.weight = weight.const_data_ptr();
  a.out = out.mutable_data_ptr();
  return a;
}

}  // namespace

at::Tensor rotated_product(const at::Tensor& x, const at::Tensor& weight,
                           const at::Tensor& positions, const at::Tensor& cos,
                           const at::Tensor& sin, std::int64_t columns) {
  if (!is_candidate(x, weight)) {
    return {};
  }
  at::Tensor out = at::empty({x.size(0), weight.size(0)}, x.options());
  kernels::ProductRotation rotation;
  rotation.columns = columns;
  rotation.half = cos.size(1);
  rotation.positions = positions.const_data_ptr<std::int64_t>();
  rotation.cos = cos.const_data_ptr<float>();
  rotation.sin = sin.const_data_ptr<float>();
  const int status = kernels::rotated_product_cuda(arguments_of(x, weight, out), rotation,
                                                   c10::cuda::getCurrentCUDAStream().stream());
  return kernel_ran(status) ? out : at::Tensor();
}

at::Tensor gated_product(const at::Tensor& x, const at::Tensor& weight, Activation activation,
                         const OperandSpec* quantised) {
  if (!is_candidate(x, weight) || weight.size(0) % 2 != 0) {
    return {};
  }
  at::Tensor out = at::empty({x.size(0), weight.size(0) / 2}, x.options());
  const auto spec = quantised != nullptr ? kernel_spec(*quantised) : kernels::QuantizeSpec{};
  const int status = kernels::gated_product_cuda(
      arguments_of(x, weight, out), kernel_activation(activation),
      quantised != nullptr ? &spec : nullptr, c10::cuda::getCurrentCUDAStream().stream());
  return kernel_ran(status) ? out : at::Tensor();
}

#else

at::Tensor rotated_product(const at::Tensor& /*x*/, const at::Tensor& /*weight*/,
                           const at::Tensor& /*positions*/, const at::Tensor& /*cos*/,
                           const at::Tensor& /*sin*/, std::int64_t /*columns*/) {
  return {};
}

at::Tensor gated_product(const at::Tensor& /*x*/, const at::Tensor& /*weight*/,
                         Activation /*activation*/, const OperandSpec* /*quantised*/) {
  return {};
}

#endif

}  // namespace mxscope::engine
