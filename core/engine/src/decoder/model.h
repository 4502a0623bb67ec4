// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mxscope/core/checkpoint/inventory.h"
#include "mxscope/core/checkpoint/safetensors.h"

namespace mxscope::engine {

// One weight matrix product as the decoder uses it.
struct LinearWeights {
  at::Tensor weight;  // [out, in], compute type, row-major
  at::Tensor bias;    // [out] or undefined
};

struct NormWeights {
  at::Tensor weight;  // [features]; the unit offset of gemma2 is already added, in float32
  at::Tensor bias;    // or undefined
};

// Indices into ModelInventory::linears; -1 where the family has no such linear.
struct ExpertLinears {
  int gate = -1, up = -1, down = -1;
};
struct BlockLinears {
  int q = -1, k = -1, v = -1, qkv = -1, o = -1;
  int gate = -1, up = -1, gate_up = -1, down = -1;
  std::vector<ExpertLinears> experts;
};

struct BlockWeights {
  NormWeights attention_norm, post_attention_norm, mlp_norm, post_mlp_norm;
  NormWeights q_norm, k_norm;
  at::Tensor router;  // [experts, hidden]
  BlockLinears linears;
};

// A checkpoint on one device in one compute type. Immutable after load; any thread may read it.
struct Model {
  ModelInventory inventory;
  std::shared_ptr<const Checkpoint> checkpoint;  // keeps mapped weights alive
  at::ScalarType dtype = at::kFloat;
  c10::Device device{c10::kCPU};

  std::vector<LinearWeights> linears;  // parallel to inventory.linears
  std::vector<BlockWeights> blocks;
  NormWeights final_norm;
  at::Tensor embedding;           // [vocab, hidden]
  at::Tensor position_embedding;  // or undefined
  int head = -1;                  // index of the head in linears

  std::int64_t weights_bytes = 0;   // of all tensors in the compute type
  std::int64_t resident_bytes = 0;  // of those that are not mapped from the file

  [[nodiscard]] const DecoderSpec& spec() const { return inventory.spec; }
};

// Which part of a model a device holds.
struct ModelPart {
  std::int64_t first_block = 0;
  std::int64_t end_block = -1;  // -1: to the last
  bool embedding = true;
  bool head = true;            // with the final norm
  std::vector<bool> streamed;  // per linear: weight left out, see WeightStream; empty: none

  [[nodiscard]] bool holds_block(std::int64_t block) const {
    return block >= first_block && (end_block < 0 || block < end_block);
  }
  // Its weight; biases of streamed linears stay on the device.
  [[nodiscard]] bool holds(const Linear& linear) const {
    return linear.block < 0 ? head : holds_block(linear.block);
  }
};

// Reads the checkpoint's tensors, each byte once. On the CPU, weights that are stored in the
// compute type stay mapped; all others are converted or copied. On a GPU, linears that read the
// same input (q, k and v; gate and up) are placed one behind the other. `on_bytes(done)` is told of
// progress in bytes of the checkpoint; returning false cancels. Throws Error naming tensor and file
// for weights that are not finite.
std::shared_ptr<const Model> load_model(std::shared_ptr<const Checkpoint> checkpoint,
                                        const ModelInventory& inventory, at::ScalarType dtype,
                                        c10::Device device,
                                        const std::function<bool(std::int64_t)>& on_bytes,
                                        const ModelPart& part = {});

// The type that a tensor is stored in; throws Error kUnsupported for one that no weight may have.
[[nodiscard]] at::ScalarType stored_scalar_type(const TensorInfo& info);
// The error of a tensor that holds a NaN or an infinity.
[[noreturn]] void throw_not_finite(const Checkpoint& checkpoint, const TensorInfo& info);

// The same shapes with random numbers (normal, standard deviation 0.02; norms 1, biases 0), for
// benchmarks.
std::shared_ptr<const Model> random_model(const ModelInventory& inventory, at::ScalarType dtype,
                                          c10::Device device);

// The steps a block is cut into for the sharing of states: attention and MLP apart, or one step
// where both read the same input. The last entry is the head. [steps][linears of the step]
enum class StepKind { kAttention, kMlp, kParallel, kHead };
struct Step {
  StepKind kind = StepKind::kAttention;
  int block = -1;
  std::vector<int> linears;
};
std::vector<Step> decoder_steps(const ModelInventory& inventory);

// Indices of each block's linears by part.
std::vector<BlockLinears> block_linears(const ModelInventory& inventory);

}  // namespace mxscope::engine
