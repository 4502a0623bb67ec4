// SPDX-License-Identifier: Apache-2.0
#include "tensor/linear_product.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>
#include <string_view>

namespace mxscope::engine {
namespace {

// From this many features on either side oneDNN's float32 products overtake those of the library
// that at::linear calls (MKL), whose kernels for processors of other makers are not their best:
// 105 against 95 GFLOP/s on a core with AVX-512, 106 against 87 for a head of 32,000.
constexpr std::int64_t kOneDnnFeatures = 128;

using Pointwise = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                             std::string_view, c10::List<std::optional<at::Scalar>>,
                             std::optional<std::string_view>);

// LibTorch's oneDNN product has no C++ declaration; it is there where LibTorch was built with it.
const std::optional<c10::TypedOperatorHandle<Pointwise>>& onednn_linear() {
  static const std::optional<c10::TypedOperatorHandle<Pointwise>> found =
      []() -> std::optional<c10::TypedOperatorHandle<Pointwise>> {
    const auto schema = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
    if (!schema || !at::globalContext().userEnabledMkldnn()) {
      return std::nullopt;
    }
    return schema->typed<Pointwise>();
  }();
  return found;
}

}  // namespace

at::Tensor linear_product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (x.is_cpu() && x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat &&
      x.is_contiguous() && weight.is_contiguous() && x.numel() > 0 &&
      std::min(weight.size(0), weight.size(1)) >= kOneDnnFeatures) {
    if (const auto& product = onednn_linear()) {
      const std::optional<at::Tensor> added =
          bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt;
      return product->call(x, weight, added, "none", c10::List<std::optional<at::Scalar>>(), "");
    }
  }
  return at::linear(x, weight, bias);
}

}  // namespace mxscope::engine
