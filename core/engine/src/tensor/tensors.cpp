// SPDX-License-Identifier: Apache-2.0
#include "tensor/tensors.h"

#include <ATen/ATen.h>

#include "mxscope/core/base/error.h"
#include "mxscope/kernels/norm_quantize.h"
#include "mxscope/kernels/rotary.h"
#include "tensor/kernel_status.h"
#if MXSCOPE_HAS_CUDA
#include <c10/cuda/CUDAStream.h>

#include "mxscope/kernels/mx_quantize_cuda.h"
#include "mxscope/kernels/token_stats_cuda.h"
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
    const auto stream = c10::cuda::getCurrentCUDAStream().stream();
    const int status =
        out.scalar_type() == in.scalar_type()
            ? kernels::quantize_cuda(spec, dtype, in.const_data_ptr(), out.mutable_data_ptr(), rows,
                                     cols, cols, cols, stream)
            : kernels::quantize_to_bf16_cuda(spec, in.const_data_ptr<float>(),
                                             out.mutable_data_ptr(), rows, cols, cols, cols,
                                             stream);
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

bool fits_bf16(const OperandSpec& operand) { return kernels::fits_bf16(kernel_spec(operand)); }

at::Tensor quantise(const at::Tensor& x, const OperandSpec& operand, bool narrow) {
  const at::Tensor in = x.contiguous();
  at::Tensor out = at::empty_like(in, narrow ? at::kBFloat16 : in.scalar_type());
  quantise_to(in, out, operand);
  return out;
}

void quantise_(at::Tensor& x, const OperandSpec& operand) {
  x = x.contiguous();
  quantise_to(x, x, operand);
}

#if MXSCOPE_HAS_CUDA
bool kernel_ran(int status) {
  constexpr int kNotSupported = 801;  // cudaErrorNotSupported
  if (status != 0 && status != kNotSupported) {
    throw Error(ErrorCode::kDevice, std::string("a fused kernel failed on the GPU: ") +
                                        kernels::cuda_error_text(status));
  }
  return status == 0;
}
#endif

kernels::GateActivation kernel_activation(Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return kernels::GateActivation::kSilu;
    case Activation::kRelu:
      return kernels::GateActivation::kRelu;
    case Activation::kGelu:
      return kernels::GateActivation::kGelu;
    case Activation::kGeluTanh:
      return kernels::GateActivation::kGeluTanh;
  }
  throw Error(ErrorCode::kInternal, "unknown activation");
}

namespace {

at::Tensor activate(const at::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return at::silu(x);
    case Activation::kRelu:
      return at::relu(x);
    case Activation::kGelu:
      return at::gelu(x);
    case Activation::kGeluTanh:
      return at::gelu(x, "tanh");
  }
  throw Error(ErrorCode::kInternal, "unknown activation");
}

at::Tensor quantised_or_plain(at::Tensor x, const OperandSpec* operand, bool narrow) {
  if (operand != nullptr && narrow) {
    return quantise(x, *operand, narrow);
  }
  if (operand != nullptr) {
    quantise_(x, *operand);
  }
  return x;
}

}  // namespace

at::Tensor apply_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                      NormKind kind, double eps, bool unit_offset, const OperandSpec* quantised,
                      bool narrow) {
#if MXSCOPE_HAS_CUDA
  // The unit offset is already part of the weight, in float32, which the kernel does not take.
  if (x.is_cuda() && !unit_offset) {
    const at::Tensor in = x.contiguous();
    at::Tensor out = at::empty_like(in, narrow ? at::kBFloat16 : in.scalar_type());
    kernels::NormArguments a;
    a.quantized_as_bf16 = narrow;
    a.norm = kind == NormKind::kLayerNorm ? kernels::Norm::kLayer : kernels::Norm::kRms;
    a.epsilon = static_cast<float>(eps);
    a.dtype = kernel_dtype(x.scalar_type());
    a.cols = a.row_stride = x.size(-1);
    a.rows = x.numel() / a.cols;
    a.x = in.const_data_ptr();
    a.weight = weight.const_data_ptr();
    a.bias = bias.defined() ? bias.const_data_ptr() : nullptr;
    (quantised != nullptr ? a.quantized : a.plain) = out.mutable_data_ptr();
    const auto spec = quantised != nullptr ? kernel_spec(*quantised) : kernels::QuantizeSpec{};
    if (kernel_ran(
            kernels::norm_quantize_cuda(a, spec, c10::cuda::getCurrentCUDAStream().stream()))) {
      return out;
    }
  }
#endif
  if (x.is_cpu() && x.scalar_type() == at::kFloat && x.numel() > 0) {
    const at::Tensor in = x.contiguous();
    at::Tensor out = at::empty_like(in);
    kernels::NormArguments a;
    a.norm = kind == NormKind::kLayerNorm ? kernels::Norm::kLayer : kernels::Norm::kRms;
    a.epsilon = static_cast<float>(eps);
    a.cols = a.row_stride = x.size(-1);
    a.rows = x.numel() / a.cols;
    a.x = in.const_data_ptr();
    a.weight = weight.defined() ? weight.const_data_ptr() : nullptr;
    a.bias = bias.defined() ? bias.const_data_ptr() : nullptr;
    a.plain = out.mutable_data_ptr();
    if (kernels::norm_cpu(a)) {
      return quantised_or_plain(std::move(out), quantised, narrow);
    }
  }
  if (kind == NormKind::kLayerNorm) {
    return quantised_or_plain(at::layer_norm(x, {x.size(-1)}, weight, bias, eps), quantised,
                              narrow);
  }
  at::Tensor wide = x.to(at::kFloat);
  wide = wide * at::rsqrt(wide.square().mean(-1, /*keepdim=*/true).add_(eps));
  // gemma multiplies before it rounds to the compute type, llama after.
  at::Tensor out = unit_offset || x.scalar_type() == at::kFloat
                       ? wide.mul_(weight).to(x.scalar_type())
                       : wide.to(x.scalar_type()).mul_(weight);
  return quantised_or_plain(std::move(out), quantised, narrow);
}

at::Tensor apply_gate(const at::Tensor& gate, const at::Tensor& up, Activation activation,
                      const OperandSpec* quantised, bool narrow) {
#if MXSCOPE_HAS_CUDA
  if (gate.is_cuda() && gate.stride(1) == 1 && gate.numel() > 0 &&
      (!up.defined() || (up.stride(1) == 1 && up.stride(0) == gate.stride(0)))) {
    at::Tensor out =
        at::empty(gate.sizes(), narrow ? gate.options().dtype(at::kBFloat16) : gate.options());
    kernels::GateArguments a;
    a.quantized_as_bf16 = narrow;
    a.activation = kernel_activation(activation);
    a.dtype = kernel_dtype(gate.scalar_type());
    a.rows = gate.size(0);
    a.cols = a.out_row_stride = gate.size(1);
    a.in_row_stride = gate.stride(0);
    a.gate = gate.const_data_ptr();
    a.up = up.defined() ? up.const_data_ptr() : nullptr;
    (quantised != nullptr ? a.quantized : a.plain) = out.mutable_data_ptr();
    const auto spec = quantised != nullptr ? kernel_spec(*quantised) : kernels::QuantizeSpec{};
    if (kernel_ran(
            kernels::gate_quantize_cuda(a, spec, c10::cuda::getCurrentCUDAStream().stream()))) {
      return out;
    }
  }
#endif
  if (gate.is_cpu() && gate.scalar_type() == at::kFloat && gate.numel() > 0 &&
      gate.stride(1) == 1 &&
      (!up.defined() || (up.stride(1) == 1 && up.stride(0) == gate.stride(0)))) {
    at::Tensor out = at::empty(gate.sizes(), gate.options());
    kernels::GateArguments a;
    a.activation = kernel_activation(activation);
    a.rows = gate.size(0);
    a.cols = a.out_row_stride = gate.size(1);
    a.in_row_stride = gate.stride(0);
    a.gate = gate.const_data_ptr();
    a.up = up.defined() ? up.const_data_ptr() : nullptr;
    a.plain = out.mutable_data_ptr();
    if (kernels::gate_cpu(a)) {
      return quantised_or_plain(std::move(out), quantised, narrow);
    }
  }
  at::Tensor out = activate(gate, activation);
  if (up.defined()) {
    out.mul_(up);
  }
  return quantised_or_plain(std::move(out), quantised, narrow);
}

namespace {

kernels::LogitsView view_of(const at::Tensor& logits) {
  return {logits.const_data_ptr(), kernel_dtype(logits.scalar_type()), logits.size(0),
          logits.size(1), logits.stride(0)};
}

#if MXSCOPE_HAS_CUDA
void check_stats(int status) {
  if (status != 0) {
    throw Error(ErrorCode::kDevice, std::string("token statistics failed on the GPU: ") +
                                        kernels::cuda_error_text(status));
  }
}
#endif

}  // namespace

void token_stats(const at::Tensor& logits, const std::int64_t* targets,
                 const kernels::TokenStats& out) {
#if MXSCOPE_HAS_CUDA
  if (logits.is_cuda()) {
    check_stats(kernels::token_stats_cuda(view_of(logits), targets, out,
                                          c10::cuda::getCurrentCUDAStream().stream()));
    return;
  }
#endif
  kernels::token_stats_cpu(view_of(logits), targets, out);
}

void token_stats_against(const at::Tensor& baseline, const kernels::TokenStats& baseline_stats,
                         const at::Tensor& logits, const std::int64_t* targets,
                         const kernels::TokenStats& out, const kernels::TokenComparison& against) {
#if MXSCOPE_HAS_CUDA
  if (logits.is_cuda()) {
    check_stats(kernels::token_stats_against_cuda(view_of(baseline), baseline_stats,
                                                  view_of(logits), targets, out, against,
                                                  c10::cuda::getCurrentCUDAStream().stream()));
    return;
  }
#endif
  kernels::token_stats_against_cpu(view_of(baseline), baseline_stats, view_of(logits), targets, out,
                                   against);
}

void rotate_heads(const at::Tensor& x, const at::Tensor& positions, const at::Tensor& cos,
                  const at::Tensor& sin) {
  const kernels::RotaryView view{
      x.mutable_data_ptr(), kernel_dtype(x.scalar_type()), x.size(0), x.size(1), x.stride(0),
      x.stride(1)};
  const auto* rows = positions.const_data_ptr<std::int64_t>();
  const auto* c = cos.const_data_ptr<float>();
  const auto* s = sin.const_data_ptr<float>();
  if (x.is_cuda()) {
#if MXSCOPE_HAS_CUDA
    const int status = kernels::rotate_cuda(view, rows, c, s, cos.size(1),
                                            c10::cuda::getCurrentCUDAStream().stream());
    if (status != 0) {
      throw Error(ErrorCode::kDevice, std::string("the rotary embedding failed on the GPU: ") +
                                          kernels::cuda_error_text(status));
    }
#endif
    return;
  }
  kernels::rotate_cpu(view, rows, c, s, cos.size(1));
}

}  // namespace mxscope::engine
