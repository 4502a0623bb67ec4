// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mxscope {

// An architecture as data: everything one decoder-only forward pass needs, derived from
// `config.json` by one short file per family (core/src/checkpoint/families). The engine's decoder
// executes it and knows no family by name. Sizes are counts of elements.

enum class NormKind { kRmsNorm, kLayerNorm };

enum class Activation {
  kSilu,
  kRelu,
  kGelu,      // exact, with erf
  kGeluTanh,  // gelu_new, gelu_pytorch_tanh, gelu_fast
};

enum class PositionKind {
  kRope,     // rotary, half-rotation layout (x1 = first half, x2 = second half of the rotary part)
  kLearned,  // table added to the embedding
  kAlibi,    // linear bias on the scores
};

// How the projection weights of the attention are stored.
enum class QkvLayout {
  kSeparate,      // q, k, v are three linears
  kConcatenated,  // one linear, rows are [q; k; v] (phi3 qkv_proj, gpt2 c_attn, mpt Wqkv)
  kPerHead,       // one linear, rows are [q_h; k_h; v_h] for each head h (gpt_neox)
};

struct RopeSpec {
  int64_t rotary_dim = 0;  // rotated features of each head, the rest passes through
  // Inverse frequencies [rotary_dim / 2], after every scaling that does not depend on the length
  // (linear, llama3, yarn); computed in float32 as transformers does.
  std::vector<float> inv_freq;
  // longrope: used instead when the window is longer than `original_max_positions`.
  std::vector<float> inv_freq_long;
  int64_t original_max_positions = 0;  // 0: inv_freq always
  float attention_scaling = 1.0F;      // cos and sin are multiplied by it (yarn, longrope)

  bool operator==(const RopeSpec&) const = default;
};

struct ExpertSpec {
  int64_t count = 0;  // 0: a dense MLP
  int64_t per_token = 0;
  bool renormalise = true;  // divide the chosen routing weights by their sum

  bool operator==(const ExpertSpec&) const = default;
};

// Names of the tensors of a block, relative to the block prefix, without ".weight" / ".bias".
// Empty: the family has no such tensor.
struct BlockNames {
  std::string attention_norm;       // before attention
  std::string post_attention_norm;  // on the attention's output, before the residual (gemma2)
  std::string mlp_norm;       // before the MLP; empty with parallel residual and one norm (phi)
  std::string post_mlp_norm;  // on the MLP's output, before the residual (gemma2)
  std::string q, k, v;        // QkvLayout::kSeparate
  std::string qkv;            // the fused layouts
  std::string o;
  std::string q_norm, k_norm;  // per-head norms of q and k (qwen3)
  std::string gate, up, down;  // gate empty when the MLP is not gated
  std::string gate_up;        // fused gated MLP, rows [gate; up] (phi3); gate and up are empty then
  std::string router;         // experts: [experts, hidden], not a linear in the sense of rules
  std::string expert_prefix;  // experts: "block_sparse_moe.experts.{}." with {} the expert's index;
                              // gate, up and down are relative to it

  bool operator==(const BlockNames&) const = default;
};

struct DecoderSpec {
  std::string model_type;  // as in config.json, e.g. "llama"

  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  int64_t vocab_size = 0;
  int64_t max_positions = 0;  // longest window the positions allow

  NormKind norm = NormKind::kRmsNorm;
  double norm_eps = 1e-5;
  bool norm_unit_offset = false;  // the stored weight is used as 1 + w (gemma2)
  bool final_norm = true;
  bool norm_bias = false;  // every norm has a bias beside its weight (LayerNorm, except mpt)

  Activation activation = Activation::kSilu;
  bool gated = true;
  ExpertSpec experts;

  // h + attention(norm(h)) + mlp(norm'(h)) instead of one after the other.
  bool parallel_residual = false;

  PositionKind position = PositionKind::kRope;
  RopeSpec rope;                     // kRope
  int64_t position_offset = 0;       // kLearned: row of the first position (opt: 2)
  bool positions_from_mask = false;  // kLearned: padded positions repeat the count (opt)
  double alibi_bias_max = 8.0;       // kAlibi
  std::vector<float> alibi_slopes;   // kAlibi, [heads]: score(q, k) gets slope * (k - q)

  // Which linears carry a bias beside their weight.
  bool qkv_bias = false;
  bool o_bias = false;
  bool mlp_bias = false;
  bool head_bias = false;

  QkvLayout qkv_layout = QkvLayout::kSeparate;
  double attention_scale = 1.0;              // scores are q.k times this (gpt_neo: 1)
  bool attention_float32 = false;            // q and k are multiplied in float32 (gpt_neo)
  std::optional<double> attention_soft_cap;  // cap * tanh(score / cap)
  std::optional<double> logit_soft_cap;
  // Keys a position sees at most, itself included, per block; 0: all before it. [layers]
  std::vector<int64_t> attention_window;
  std::optional<double> clip_qkv;  // mpt: q, k, v are clamped to +-this

  double embedding_scale = 1.0;  // gemma2: sqrt(hidden), rounded to the compute type first
  bool tied_head = false;        // the head is the embedding matrix
  bool linear_weights_transposed = false;  // gpt2 Conv1D: stored [in, out]

  std::string base_prefix;  // e.g. "model." or "transformer."; may be missing in the checkpoint
  std::string embedding;    // full names without ".weight", base prefix included
  std::string position_embedding;
  std::string final_norm_name;
  std::string head;          // "lm_head", "embed_out"
  std::string block_prefix;  // "model.layers.{}." with {} the block's index
  BlockNames names;

  // Special tokens of config.json (the first of a list); -1: none, or outside the vocabulary.
  int64_t bos_token = -1;
  int64_t eos_token = -1;
  int64_t pad_token = -1;

  bool operator==(const DecoderSpec&) const = default;
};

}  // namespace mxscope
