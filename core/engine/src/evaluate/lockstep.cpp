// SPDX-License-Identifier: Apache-2.0
#include "evaluate/lockstep.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>

#include "mxscope/core/base/error.h"
#include "mxscope/kernels/token_stats.h"
#include "tensor/tensors.h"
#if MXSCOPE_HAS_CUDA
#include <c10/cuda/CUDAStream.h>

#include "mxscope/kernels/mx_quantize_cuda.h"
#include "mxscope/kernels/token_stats_cuda.h"
#endif

namespace mxscope::engine {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

kernels::LogitsView view_of(const at::Tensor& logits) {
  return {logits.const_data_ptr(), kernel_dtype(logits.scalar_type()), logits.size(0),
          logits.size(1), logits.stride(0)};
}

}  // namespace

// All tensors [rows of the micro-batch] on the device that computed them.
struct Lockstep::Rows {
  at::Tensor logp_target, entropy, logsumexp, max_logp;  // float32
  at::Tensor argmax;                                     // int32
  at::Tensor finite, same_argmax;                        // uint8
  at::Tensor kl, p_target_change;                        // float32

  Rows() = default;
  Rows(std::int64_t rows, c10::Device device) {
    const auto make = [&](at::ScalarType type) {
      return at::empty({rows}, at::TensorOptions().dtype(type).device(device));
    };
    for (at::Tensor* t : {&logp_target, &entropy, &logsumexp, &max_logp, &kl, &p_target_change}) {
      *t = make(at::kFloat);
    }
    argmax = make(at::kInt);
    finite = make(at::kByte);
    same_argmax = make(at::kByte);
  }

  [[nodiscard]] kernels::TokenStats stats(std::int64_t row) const {
    return {logp_target.mutable_data_ptr<float>() + row,
            entropy.mutable_data_ptr<float>() + row,
            logsumexp.mutable_data_ptr<float>() + row,
            max_logp.mutable_data_ptr<float>() + row,
            argmax.mutable_data_ptr<std::int32_t>() + row,
            finite.mutable_data_ptr<std::uint8_t>() + row};
  }
  [[nodiscard]] kernels::TokenComparison comparison(std::int64_t row) const {
    return {kl.mutable_data_ptr<float>() + row, p_target_change.mutable_data_ptr<float>() + row,
            same_argmax.mutable_data_ptr<std::uint8_t>() + row};
  }
  void to_host() {
    for (at::Tensor* t : {&logp_target, &entropy, &logsumexp, &max_logp, &argmax, &finite,
                          &same_argmax, &kl, &p_target_change}) {
      *t = t->cpu();
    }
  }
};

Lockstep::Lockstep(std::shared_ptr<const Decoder> decoder, const StatePlan& plan,
                   const std::vector<OperandSpec>& operands, const TokenWindows& windows,
                   LockstepSettings settings, ThreadPool* pool)
    : decoder_(std::move(decoder)),
      plan_(plan),
      operands_(operands),
      windows_(windows),
      settings_(settings),
      pool_(pool),
      cache_(std::shared_ptr<const Model>(decoder_, &decoder_->model()), operands,
             settings.cache_bytes, pool) {}

MicroBatch Lockstep::micro_batch(std::int64_t index, std::int64_t last_window) const {
  const DecoderSpec& spec = decoder_->model().spec();
  MicroBatch batch;
  batch.offsets.push_back(0);
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> positions;
  const std::int64_t begin = index * settings_.batch;
  const std::int64_t end = std::min(last_window, begin + settings_.batch);
  for (std::int64_t w = begin; w < end; ++w) {
    const auto row = windows_.row(static_cast<std::size_t>(w));
    const WindowSpan& span = windows_.windows[static_cast<std::size_t>(w)];
    for (std::size_t p = 0; p < row.size(); ++p) {
      ids.push_back(row[p]);
      const auto position = static_cast<std::int64_t>(p);
      // OPT numbers positions by its mask: padding falls back to the number before the first.
      positions.push_back(spec.positions_from_mask && position >= span.valid
                              ? spec.position_offset - 1
                              : position + spec.position_offset);
    }
    batch.offsets.push_back(static_cast<std::int64_t>(ids.size()));
    batch.valid.push_back(span.valid);
  }
  const auto tensor = [&](std::vector<std::int64_t>& values) {
    return at::from_blob(values.data(), {static_cast<std::int64_t>(values.size())}, at::kLong)
        .clone()
        .to(decoder_->model().device);
  };
  batch.ids = tensor(ids);
  batch.positions = tensor(positions);
  return batch;
}

void Lockstep::for_each(std::int64_t count, const std::function<void(std::int64_t)>& task) {
  if (pool_ != nullptr) {
    pool_->for_each(count, task);
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    task(i);
  }
}

PanelFigures Lockstep::run(const Panel& panel, JobControl& control,
                           const std::function<void(std::int64_t)>& advance) {
  const auto begin = Clock::now();
  const std::int64_t last_window = panel.first_window + panel.windows;
  const auto count = static_cast<std::size_t>(panel.batches);
  std::vector<MicroBatch> batches;
  batches.reserve(count);
  for (std::int64_t b = 0; b < panel.batches; ++b) {
    batches.push_back(micro_batch(panel.first_batch + b, last_window));
  }
  PanelFigures figures;
  figures.seconds.assign(static_cast<std::size_t>(settings_.variants), 0.0);
  std::mutex seconds_mutex;
  // A node's time is shared by its variants; several threads make one device.
  const double device_share = pool_ != nullptr ? 1.0 / pool_->threads() : 1.0;
  const auto charge = [&](const StateNode& node, double seconds) {
    const std::lock_guard lock(seconds_mutex);
    for (int v : node.variants) {
      figures.seconds[static_cast<std::size_t>(v)] +=
          seconds * device_share / static_cast<double>(node.variants.size());
    }
  };

  // states[node][micro-batch]
  using States = std::vector<std::vector<at::Tensor>>;
  States states(1, std::vector<at::Tensor>(count));
  for_each(panel.batches, [&](std::int64_t b) {
    states[0][static_cast<std::size_t>(b)] = decoder_->embed(batches[static_cast<std::size_t>(b)]);
  });

  for (std::size_t s = 0; s + 1 < plan_.steps.size(); ++s) {
    if (!control.checkpoint()) {
      throw Error(ErrorCode::kCancelled, "the job was cancelled");
    }
    const StepPlan& step = plan_.steps[s];
    cache_.prepare(step);
    const auto nodes = static_cast<std::int64_t>(step.nodes.size());
    States next(step.nodes.size(), std::vector<at::Tensor>(count));
    // A state is dropped for a micro-batch when its last child has been computed.
    std::vector<std::atomic<int>> children(states.size() * count);
    for (const StateNode& node : step.nodes) {
      for (std::size_t b = 0; b < count; ++b) {
        ++children[static_cast<std::size_t>(node.parent) * count + b];
      }
    }
    for_each(panel.batches * nodes, [&](std::int64_t task) {
      const auto b = static_cast<std::size_t>(task / nodes);
      const auto n = static_cast<std::size_t>(task % nodes);
      const StateNode& node = step.nodes[n];
      const auto parent = static_cast<std::size_t>(node.parent);
      const auto start = Clock::now();
      next[n][b] = decoder_->run_step(
          s, states[parent][b], batches[b],
          {step.linears, step.configs[static_cast<std::size_t>(node.config)], operands_, cache_});
      if (--children[parent * count + b] == 0) {
        states[parent][b].reset();
      }
      charge(node, seconds_since(start));
      advance(1);
    });
    cache_.release(step);
    states = std::move(next);
  }

  if (!control.checkpoint()) {
    throw Error(ErrorCode::kCancelled, "the job was cancelled");
  }
  const StepPlan& last = plan_.steps.back();
  cache_.prepare(last);
  std::vector<std::vector<Rows>> rows(count);
  std::vector<at::Tensor> targets(count);
  struct Chunk {
    std::size_t batch;
    std::int64_t begin, end;
  };
  std::vector<Chunk> chunks;
  for (std::size_t b = 0; b < count; ++b) {
    const MicroBatch& batch = batches[b];
    for (std::size_t n = 0; n < last.nodes.size(); ++n) {
      rows[b].emplace_back(batch.rows(), decoder_->model().device);
    }
    std::vector<std::int64_t> wanted(static_cast<std::size_t>(batch.rows()), -1);
    for (std::int64_t w = 0; w < batch.windows(); ++w) {
      const auto window = static_cast<std::size_t>(
          (panel.first_batch + static_cast<std::int64_t>(b)) * settings_.batch + w);
      const WindowSpan& span = windows_.windows[window];
      const auto ids = windows_.row(window);
      for (std::int32_t p = span.score_begin; p < span.score_end; ++p) {
        wanted[static_cast<std::size_t>(batch.offsets[static_cast<std::size_t>(w)] + p)] =
            ids[static_cast<std::size_t>(p) + 1];
      }
    }
    targets[b] = at::from_blob(wanted.data(), {batch.rows()}, at::kLong)
                     .clone()
                     .to(decoder_->model().device);
    for (std::int64_t r = 0; r < batch.rows(); r += settings_.head_chunk) {
      chunks.push_back({b, r, std::min(batch.rows(), r + settings_.head_chunk)});
    }
  }
  for_each(static_cast<std::int64_t>(chunks.size()), [&](std::int64_t c) {
    const Chunk& chunk = chunks[static_cast<std::size_t>(c)];
    const auto start = Clock::now();
    std::vector<at::Tensor> inputs;
    for (const auto& state : states) {
      inputs.push_back(state[chunk.batch].narrow(0, chunk.begin, chunk.end - chunk.begin));
    }
    head(chunk.begin, chunk.end, inputs, targets[chunk.batch], rows[chunk.batch]);
    const double share = seconds_since(start) / static_cast<double>(last.nodes.size());
    for (const StateNode& node : last.nodes) {
      charge(node, share);
    }
    if (chunk.end == batches[chunk.batch].rows()) {
      advance(static_cast<std::int64_t>(last.nodes.size()));
    }
  });
  cache_.release(last);
  reduce(panel, batches, rows, figures);
  if (pool_ == nullptr) {
    // The host only enqueues on a GPU, so its clock says nothing about single steps: the panel's
    // time is divided by the number of step executions each variant asked for.
    const double total = seconds_since(begin);
    std::vector<double> units(figures.seconds.size(), 0.0);
    double all = 0;
    for (const StepPlan& step : plan_.steps) {
      for (const StateNode& node : step.nodes) {
        all += 1;
        for (int v : node.variants) {
          units[static_cast<std::size_t>(v)] += 1.0 / static_cast<double>(node.variants.size());
        }
      }
    }
    for (std::size_t v = 0; v < units.size(); ++v) {
      figures.seconds[v] = total * units[v] / all;
    }
  }
  return figures;
}

void Lockstep::head(std::int64_t begin, std::int64_t end, const std::vector<at::Tensor>& states,
                    const at::Tensor& targets, std::vector<Rows>& rows) const {
  const StepPlan& last = plan_.steps.back();
  std::vector<at::Tensor> normed(states.size());
  at::Tensor baseline;
  const std::int64_t* wanted = targets.const_data_ptr<std::int64_t>() + begin;
  for (std::size_t n = 0; n < last.nodes.size(); ++n) {
    const StateNode& node = last.nodes[n];
    at::Tensor& input = normed[static_cast<std::size_t>(node.parent)];
    if (!input.defined()) {
      input = decoder_->final_norm(states[static_cast<std::size_t>(node.parent)]);
    }
    const at::Tensor logits = decoder_->logits(
        input,
        {last.linears, last.configs[static_cast<std::size_t>(node.config)], operands_, cache_});
    // Variant 0 is the baseline and comes first, so node 0 holds its logits.
    if (n == 0) {
      baseline = logits;
    }
    const auto stats = rows[n].stats(begin);
    const auto against = rows[n].comparison(begin);
    if (logits.is_cuda()) {
#if MXSCOPE_HAS_CUDA
      const auto stream = c10::cuda::getCurrentCUDAStream().stream();
      int status = 0;
      if (n == 0) {
        status = kernels::token_stats_cuda(view_of(logits), wanted, stats, stream);
      } else {
        status = kernels::token_stats_against_cuda(view_of(baseline), rows[0].stats(begin),
                                                   view_of(logits), wanted, stats, against, stream);
      }
      if (status != 0) {
        throw Error(ErrorCode::kDevice, std::string("token statistics failed on the GPU: ") +
                                            kernels::cuda_error_text(status));
      }
#endif
    } else if (n == 0) {
      kernels::token_stats_cpu(view_of(logits), wanted, stats);
    } else {
      kernels::token_stats_against_cpu(view_of(baseline), rows[0].stats(begin), view_of(logits),
                                       wanted, stats, against);
    }
  }
  // The baseline against itself is exact by definition.
  rows[0].kl.narrow(0, begin, end - begin).zero_();
  rows[0].p_target_change.narrow(0, begin, end - begin).zero_();
  rows[0].same_argmax.narrow(0, begin, end - begin).fill_(1);
}

void Lockstep::reduce(const Panel& panel, const std::vector<MicroBatch>& batches,
                      std::vector<std::vector<Rows>>& rows, PanelFigures& figures) {
  const std::size_t nodes = plan_.steps.back().nodes.size();
  figures.nodes.resize(nodes);
  for (NodeFigures& node : figures.nodes) {
    node.windows.resize(static_cast<std::size_t>(panel.windows));
  }
  for (auto& batch : rows) {
    for (Rows& r : batch) {
      r.to_host();
    }
  }
  const auto node_task = [&](std::int64_t index) {
    const auto n = static_cast<std::size_t>(index);
    NodeFigures& out = figures.nodes[n];
    std::size_t w_in_panel = 0;
    for (std::size_t b = 0; b < batches.size(); ++b) {
      const MicroBatch& batch = batches[b];
      const Rows& r = rows[b][n];
      const float* logp = r.logp_target.const_data_ptr<float>();
      const float* entropy = r.entropy.const_data_ptr<float>();
      const float* max_logp = r.max_logp.const_data_ptr<float>();
      const float* kl = r.kl.const_data_ptr<float>();
      const float* change = r.p_target_change.const_data_ptr<float>();
      const std::uint8_t* same = r.same_argmax.const_data_ptr<std::uint8_t>();
      const std::uint8_t* finite = r.finite.const_data_ptr<std::uint8_t>();
      for (std::int64_t w = 0; w < batch.windows(); ++w, ++w_in_panel) {
        const WindowSpan& span =
            windows_.windows[static_cast<std::size_t>(panel.first_window) + w_in_panel];
        WindowSums& sums = out.windows[w_in_panel];
        const std::int64_t first = batch.offsets[static_cast<std::size_t>(w)];
        sums.tokens = span.scored();
        sums.weight = span.weight;
        sums.bytes = span.bytes;
        sums.argmax_positions = span.argmax_positions();
        for (std::int64_t p = 0; p < span.length; ++p) {
          const std::int64_t i = first + p;
          sums.argmax_xent_sum -= max_logp[i];
          sums.argmax_entropy_sum += entropy[i];
          sums.non_finite += finite[i] == 0 ? 1 : 0;
          if (p < span.score_begin || p >= span.score_end) {
            continue;
          }
          sums.nll_sum -= logp[i];
          sums.entropy_sum += entropy[i];
          sums.kl_sum += kl[i];
          sums.kl_max = std::max(sums.kl_max, static_cast<double>(kl[i]));
          sums.top1_count += same[i];
          sums.p_change_sum += change[i];
          sums.p_change_sq_sum += static_cast<double>(change[i]) * change[i];
          if (n != 0) {
            out.histograms.kl.add(kl[i]);
            out.histograms.p_change.add(change[i]);
          }
        }
      }
    }
  };
  for_each(static_cast<std::int64_t>(nodes), node_task);
}

}  // namespace mxscope::engine
