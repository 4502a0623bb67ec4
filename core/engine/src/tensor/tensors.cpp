// SPDX-License-Identifier: Apache-2.0
#include "tensor/tensors.h"

#include <ATen/ATen.h>

#include "mxscope/core/base/error.h"
#if MXSCOPE_HAS_CUDA
#include <c10/cuda/CUDAStream.h>

#include "mxscope/kernels/mx_quantize_cuda.h"
#endif

namespace mxscope::engine {

kernels::DType kernel_dtype(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
      return kernels::DType::kFloat32;
    case at::kBFloat16:
      return kernels::DType::kBFloat16;
    case at::kHalf:
      return kernels::DType::kFloat16;
    default:
      throw Error(ErrorCode::kInternal,
                  std::string("no kernel computes in type ") + c10::toString(dtype));
  }
}

std::string dtype_name(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
      return "float32";
    case at::kBFloat16:
      return "bfloat16";
    case at::kHalf:
      return "float16";
    default:
      return c10::toString(dtype);
  }
}

at::ScalarType dtype_of(const std::string& name) {
  if (name == "float32") {
    return at::kFloat;
  }
  if (name == "bfloat16") {
    return at::kBFloat16;
  }
  if (name == "float16") {
    return at::kHalf;
  }
  throw Error(ErrorCode::kInvalidInput,
              "dtype is '" + name + "'; accepted are auto, float32, bfloat16 and float16");
}

kernels::QuantizeSpec kernel_spec(const OperandSpec& operand) {
  using kernels::Element;
  using kernels::Scheme;
  kernels::QuantizeSpec spec;
  spec.block = operand.block;
  spec.scale = static_cast<kernels::ScaleRule>(operand.scale);
  spec.rounding = static_cast<kernels::Rounding>(operand.rounding);
  static_assert(static_cast<int>(ScaleRule::kMse) == static_cast<int>(kernels::ScaleRule::kMse));
  static_assert(static_cast<int>(Rounding::kHalfDown) ==
                static_cast<int>(kernels::Rounding::kHalfDown));
  const auto mx = [&](Element element) {
    spec.scheme = Scheme::kMx;
    spec.element = element;
    return spec;
  };
  const auto other = [&](Scheme scheme, Element element) {
    spec.scheme = scheme;
    spec.element = element;
    spec.block = 1;
    return spec;
  };
  switch (operand.format) {
    case Format::kMxfp8E4m3:
      return mx(Element::kFp8E4M3);
    case Format::kMxfp8E5m2:
      return mx(Element::kFp8E5M2);
    case Format::kMxfp6E3m2:
      return mx(Element::kFp6E3M2);
    case Format::kMxfp6E2m3:
      return mx(Element::kFp6E2M3);
    case Format::kMxfp4E2m1:
      return mx(Element::kFp4E2M1);
    case Format::kMxint8:
      return mx(Element::kInt8);
    case Format::kMxint4:
      return mx(Element::kInt4);
    case Format::kFp8E4m3:
      return other(Scheme::kElementCast, Element::kFp8E4M3);
    case Format::kFp8E5m2:
      return other(Scheme::kElementCast, Element::kFp8E5M2);
    case Format::kNvfp8emuE4m3:
      return other(Scheme::kPrivateExponent, Element::kFp8E4M3);
    case Format::kNvfp8emuE5m2:
      return other(Scheme::kPrivateExponent, Element::kFp8E5M2);
    case Format::kBf16:
      return other(Scheme::kBf16, Element::kFp8E4M3);
    case Format::kFp16:
      return other(Scheme::kFp16, Element::kFp8E4M3);
    default:
      throw Error(ErrorCode::kUnsupported,
                  "format '" + std::string(to_string(operand.format)) +
                      "' is not computed by this engine; `mxscope formats` lists those that are");
  }
}

void quantise_to(const at::Tensor& in, const at::Tensor& out, const OperandSpec& operand) {
  const kernels::QuantizeSpec spec = kernel_spec(operand);
  const std::int64_t cols = in.size(-1);
  if (cols == 0 || in.numel() == 0) {
    return;
  }
  const std::int64_t rows = in.numel() / cols;
  const kernels::DType dtype = kernel_dtype(in.scalar_type());
  if (in.is_cuda()) {
#if MXSCOPE_HAS_CUDA
    const int status =
        kernels::quantize_cuda(spec, dtype, in.const_data_ptr(), out.mutable_data_ptr(), rows, cols,
                               cols, cols, c10::cuda::getCurrentCUDAStream().stream());
    if (status != 0) {
      throw Error(ErrorCode::kDevice, std::string("the quantiser failed on the GPU: ") +
                                          kernels::cuda_error_text(status));
    }
    return;
#endif
  }
  kernels::quantize_cpu(spec, dtype, in.const_data_ptr(), out.mutable_data_ptr(), rows, cols, cols,
                        cols);
}

at::Tensor quantise(const at::Tensor& x, const OperandSpec& operand) {
  const at::Tensor in = x.contiguous();
  at::Tensor out = at::empty_like(in);
  quantise_to(in, out, operand);
  return out;
}

void quantise_(at::Tensor& x, const OperandSpec& operand) {
  x = x.contiguous();
  quantise_to(x, x, operand);
}

at::Tensor apply_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                      NormKind kind, double eps, bool unit_offset) {
  if (kind == NormKind::kLayerNorm) {
    return at::layer_norm(x, {x.size(-1)}, weight, bias, eps);
  }
  at::Tensor wide = x.to(at::kFloat);
  wide = wide * at::rsqrt(wide.square().mean(-1, /*keepdim=*/true).add_(eps));
  if (unit_offset) {
    // gemma multiplies before it rounds to the compute type, llama after.
    return wide.mul_(weight).to(x.scalar_type());
  }
  return x.scalar_type() == at::kFloat ? wide.mul_(weight) : wide.to(x.scalar_type()).mul_(weight);
}

}  // namespace mxscope::engine
