// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "decoder/model.h"
#include "mxscope/core/formats/operand_spec.h"
#include "mxscope/core/schedule/state_plan.h"

namespace mxscope::engine {

// Some windows that go through the model as one. Rows of all windows are packed one after the
// other, so windows of unequal length need no padding.
struct MicroBatch {
  std::vector<std::int64_t> offsets;  // [windows + 1], first row of each window
  std::vector<std::int64_t> valid;    // tokens before the padding of each window
  at::Tensor device_offsets;          // offsets as int32 on the device; undefined on the CPU
  at::Tensor ids;                     // [rows] int64
  at::Tensor positions;               // [rows] int64, row of the learned table or of the angles

  [[nodiscard]] std::int64_t windows() const {
    return static_cast<std::int64_t>(offsets.size()) - 1;
  }
  [[nodiscard]] std::int64_t rows() const { return offsets.back(); }
  [[nodiscard]] std::int64_t length(std::int64_t w) const {
    return offsets[static_cast<std::size_t>(w) + 1] - offsets[static_cast<std::size_t>(w)];
  }
};

// The weight a linear has under an operand (0: as loaded); `narrow`: stored in bfloat16, see
// is_narrow. Weights of linears that read the same input may lie one behind the other, and are then
// multiplied as one. Implemented by the cache of quantised weights.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual at::Tensor weight(int linear, int operand, bool narrow) const = 0;
};

// Whether a float32 model multiplies in bfloat16 on a GPU's tensor cores, with float32 sums and
// result: where both operands are quantised to at most eight significant bits, so that bfloat16
// holds them without loss.
[[nodiscard]] bool is_narrow(const Model& model, const std::vector<OperandSpec>& operands,
                             const LinearOps& ops);
// Rows of all in one tensor when they lie one behind the other in memory; else undefined.
[[nodiscard]] at::Tensor joined_rows(const std::vector<at::Tensor>& parts);

// What one execution of a step applies: operations per linear of the step, the table that their
// indices mean, and where quantised weights come from.
struct StepContext {
  const std::vector<int>& linears;    // of the step
  const std::vector<LinearOps>& ops;  // parallel to linears
  const std::vector<OperandSpec>& operands;
  const WeightSource& weights;
  // Nobody reads the incoming state after this, so that its memory may take the result (GPU).
  bool consume = false;
};

// On a GPU the head of a float32 model, by far its largest product, is multiplied on the tensor
// cores too: each operand is the sum of three bfloat16 numbers (8 + 8 + 8 bits), and of the nine
// products of parts the six that float32 can see are summed in one product six times as long, the
// smallest first, so that the accumulator is rounded at its full size for the last sixth only.
// Against float64 its error is twice that of float32's own product (1.0e-6 against 5e-7 of the
// logits' RMS at 768 features). The contract says that it ran.
[[nodiscard]] bool splits_head(const ModelInventory& inventory, at::ScalarType dtype, bool on_gpu);
[[nodiscard]] std::int64_t split_head_bytes(const ModelInventory& inventory);

// Executes a DecoderSpec. Immutable and shared by threads; every call computes on the calling
// thread (CPU) or on its current stream (CUDA).
class Decoder {
 public:
  // `max_length`: longest window that will be evaluated.
  Decoder(std::shared_ptr<const Model> model, std::int64_t max_length);

  [[nodiscard]] const Model& model() const { return *model_; }
  [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }

  // [rows, hidden] in the compute type.
  [[nodiscard]] at::Tensor embed(const MicroBatch& batch) const;
  // The hidden state after `step` (any but the head) from the one before, which is left alone
  // unless context.consume.
  [[nodiscard]] at::Tensor run_step(std::size_t step, const at::Tensor& hidden,
                                    const MicroBatch& batch, const StepContext& context) const;
  // Final norm of some rows [n, hidden].
  [[nodiscard]] at::Tensor final_norm(const at::Tensor& rows) const;
  // Logits [n, vocab] of normed rows, after the logit soft cap.
  [[nodiscard]] at::Tensor logits(const at::Tensor& normed, const StepContext& context) const;

 private:
  struct Apply;
  // Output of attention or MLP; with `residual` that much is added to it.
  at::Tensor attention(const BlockWeights& block, std::int64_t index, const at::Tensor& input,
                       const MicroBatch& batch, Apply& apply, const at::Tensor* residual) const;
  at::Tensor mlp(const BlockWeights& block, const at::Tensor& input, Apply& apply,
                 const at::Tensor* residual) const;
  at::Tensor experts(const BlockWeights& block, const at::Tensor& input, Apply& apply) const;
  // With `quantised` the result comes out in that operand, with `narrow` stored in bfloat16.
  at::Tensor norm(const at::Tensor& x, const NormWeights& weights,
                  const OperandSpec* quantised = nullptr, bool narrow = false) const;
  void rotate(const at::Tensor& x, const MicroBatch& batch) const;  // in place

  [[nodiscard]] at::Tensor head_product(const at::Tensor& normed) const;

  std::shared_ptr<const Model> model_;
  std::vector<Step> steps_;
  at::Tensor head_parts_;           // [vocab, padded to 8][6 hidden] bfloat16, see split_head()
  at::Tensor cos_, sin_;            // [max_length, rotary_dim / 2] float32
  at::Tensor cos_long_, sin_long_;  // longrope
  at::Tensor alibi_slopes_;         // [heads] float32
};

}  // namespace mxscope::engine
