// SPDX-License-Identifier: Apache-2.0
#include "evaluate/lockstep.h"

#include <ATen/ATen.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>

#include "mxscope/core/base/error.h"
#include "run/device_guard.h"
#include "tensor/streams.h"
#include "tensor/tensors.h"
#include "tensor/trace.h"

namespace mxscope::engine {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Numbers made on the host, as a tensor of the device. Pinned, so that the host need not wait for
// the GPU to get to the copy.
template <class Number>
at::Tensor on_device(const std::vector<Number>& numbers, at::ScalarType type, c10::Device device) {
  const auto count = static_cast<std::int64_t>(numbers.size());
  at::Tensor host =
      at::empty({count}, at::TensorOptions().dtype(type).pinned_memory(device.is_cuda()));
  std::copy(numbers.begin(), numbers.end(), host.mutable_data_ptr<Number>());
  return host.to(device, /*non_blocking=*/true);
}

// Times of one stage on its device.
struct Span {
  c10::Event begin;
  c10::Event end;
  explicit Span(c10::DeviceType type)
      : begin(type, c10::EventFlag::BACKEND_DEFAULT), end(type, c10::EventFlag::BACKEND_DEFAULT) {}
};

}  // namespace

struct Lockstep::InFlight {
  Panel panel;
  std::vector<MicroBatch> batches;
  std::vector<std::vector<at::Tensor>> states;  // [node of the last step run][micro-batch]
  std::vector<std::vector<RowFigures>> rows;    // [micro-batch][node of the head]
  std::vector<Span> spans;                      // GPU: one per stage
  std::optional<c10::Event> arrived;            // GPU: the states are on the next stage's device
  std::mutex seconds_mutex;
  std::vector<double> seconds;  // CPU: per variant

  // A node's time is shared by its variants.
  void charge(const StateNode& node, double spent) {
    const std::lock_guard lock(seconds_mutex);
    for (int v : node.variants) {
      seconds[static_cast<std::size_t>(v)] += spent / static_cast<double>(node.variants.size());
    }
  }
};

Lockstep::Lockstep(std::vector<std::shared_ptr<Stage>> stages, const StatePlan& plan,
                   const std::vector<OperandSpec>& operands, const TokenWindows& windows,
                   LockstepSettings settings, ThreadPool* pool)
    : stages_(std::move(stages)),
      plan_(plan),
      operands_(operands),
      windows_(windows),
      settings_(settings),
      pool_(pool) {
  for (std::size_t i = 0; pool_ == nullptr && i + 1 < stages_.size(); ++i) {
    passages_.push_back({side_stream(stages_[i]->decoder->model().device),
                         side_stream(stages_[i + 1]->decoder->model().device)});
  }
}

MicroBatch Lockstep::micro_batch(std::int64_t index, std::int64_t last_window) const {
  const Model& model = stages_.front()->decoder->model();
  const DecoderSpec& spec = model.spec();
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
  batch.ids = on_device(ids, at::kLong, model.device);
  batch.positions = on_device(positions, at::kLong, model.device);
  if (model.device.is_cuda()) {
    const std::vector<std::int32_t> offsets(batch.offsets.begin(), batch.offsets.end());
    batch.device_offsets = on_device(offsets, at::kInt, model.device);
  }
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

std::shared_ptr<Lockstep::InFlight> Lockstep::start(
    const Panel& panel, JobControl& control, const std::function<void(std::int64_t)>& advance) {
  auto flight = std::make_shared<InFlight>();
  flight->panel = panel;
  flight->seconds.assign(static_cast<std::size_t>(settings_.variants), 0.0);
  auto place = std::make_unique<WaitingLine::Place>(stages_.front()->line);
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    Stage& stage = *stages_[i];
    place->wait();
    const DeviceGuard guard(stage.device);
    run_stage(stage, *flight, control, advance);
    if (i + 1 < stages_.size()) {
      place = std::make_unique<WaitingLine::Place>(stages_[i + 1]->line);
      hand_over(i, *flight);
    }
  }
  flight->states.clear();
  return flight;
}

void Lockstep::run_stage(Stage& stage, InFlight& flight, JobControl& control,
                         const std::function<void(std::int64_t)>& advance) {
  const c10::Device device = stage.decoder->model().device;
  const Panel& panel = flight.panel;
  const TraceRange trace("panel from micro-batch", static_cast<std::size_t>(panel.first_batch));
  const auto count = static_cast<std::size_t>(panel.batches);
  if (pool_ == nullptr) {
    if (flight.arrived) {
      flight.arrived->block(current_stream(device));
    }
    flight.spans.emplace_back(device.type());
    flight.spans.back().begin.record(current_stream(device));
  }
  if (stage.first_step == 0) {
    for (std::int64_t b = 0; b < panel.batches; ++b) {
      flight.batches.push_back(
          micro_batch(panel.first_batch + b, panel.first_window + panel.windows));
    }
    flight.states.assign(1, std::vector<at::Tensor>(count));
    for_each(panel.batches, [&](std::int64_t b) {
      const auto i = static_cast<std::size_t>(b);
      flight.states[0][i] = stage.decoder->embed(flight.batches[i]);
    });
  }
  for (std::size_t s = stage.first_step; s < stage.end_step; ++s) {
    if (!control.checkpoint()) {
      throw Error(ErrorCode::kCancelled, "the job was cancelled");
    }
    stage.cache.prepare(s, plan_.steps[s]);
    // The copies of the step behind, and from the head on those of the next panel's first one.
    const std::size_t ahead = s + 1 < stage.end_step ? s + 1 : stage.first_step;
    if (ahead != s) {
      stage.cache.prepare_ahead(ahead, plan_.steps[ahead]);
    }
    if (s + 1 < plan_.steps.size()) {
      run_step(stage, s, flight, advance);
    } else {
      run_head(stage, flight, advance);
    }
    stage.cache.release(s, plan_.steps[s]);
  }
  if (stage.end_step == plan_.steps.size()) {
    for (auto& batch : flight.rows) {
      for (RowFigures& rows : batch) {
        rows.to_host();
      }
    }
  }
  if (pool_ == nullptr) {
    flight.spans.back().end.record(current_stream(device));
  }
}

// On the devices' own streams each copy would wait for the panels that other workers have handed to
// them meanwhile, and either device for the other.
void Lockstep::hand_over(std::size_t from, InFlight& flight) const {
  if (passages_.empty()) {
    return;
  }
  const Passage& passage = passages_[from];
  const c10::Device target = passage.arrivals.device();
  const c10::Stream computing = current_stream(target);
  flight.spans.back().end.block(passage.departures);
  const c10::MultiStreamGuard guard({passage.departures, passage.arrivals});
  const auto move = [&](at::Tensor& tensor) {
    tensor.record_stream(passage.departures);
    tensor = tensor.to(target, /*non_blocking=*/true);
    tensor.record_stream(computing);
  };
  for (MicroBatch& batch : flight.batches) {
    move(batch.positions);
    move(batch.device_offsets);
  }
  for (auto& state : flight.states) {
    for (at::Tensor& hidden : state) {
      move(hidden);
    }
  }
  flight.arrived.emplace(target.type());
  flight.arrived->record(passage.arrivals);
}

void Lockstep::run_step(Stage& stage, std::size_t s, InFlight& flight,
                        const std::function<void(std::int64_t)>& advance) {
  const TraceRange trace("step", s);
  const StepPlan& step = plan_.steps[s];
  const auto count = static_cast<std::size_t>(flight.panel.batches);
  const auto nodes = static_cast<std::int64_t>(step.nodes.size());
  // Several threads make one device.
  const double device_share = pool_ != nullptr ? 1.0 / pool_->threads() : 1.0;
  std::vector<std::vector<at::Tensor>> next(step.nodes.size(), std::vector<at::Tensor>(count));
  // A state is dropped for a micro-batch when its last child has been computed.
  std::vector<std::atomic<int>> children(flight.states.size() * count);
  for (const StateNode& node : step.nodes) {
    for (std::size_t b = 0; b < count; ++b) {
      ++children[static_cast<std::size_t>(node.parent) * count + b];
    }
  }
  for_each(flight.panel.batches * nodes, [&](std::int64_t task) {
    const auto b = static_cast<std::size_t>(task / nodes);
    const auto n = static_cast<std::size_t>(task % nodes);
    const StateNode& node = step.nodes[n];
    const auto parent = static_cast<std::size_t>(node.parent);
    std::atomic<int>& readers = children[parent * count + b];
    const auto start = Clock::now();
    next[n][b] = stage.decoder->run_step(
        s, flight.states[parent][b], flight.batches[b],
        {step.linears, step.configs[static_cast<std::size_t>(node.config)], operands_, stage.cache,
         /*consume=*/pool_ == nullptr && readers == 1});
    if (--readers == 0) {
      flight.states[parent][b].reset();
    }
    flight.charge(node, seconds_since(start) * device_share);
    advance(1);
  });
  flight.states = std::move(next);
}

at::Tensor Lockstep::targets_of(const Panel& panel, std::size_t b, const MicroBatch& batch,
                                c10::Device device) const {
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
  return on_device(wanted, at::kLong, device);
}

void Lockstep::run_head(Stage& stage, InFlight& flight,
                        const std::function<void(std::int64_t)>& advance) {
  const TraceRange trace("head");
  const StepPlan& last = plan_.steps.back();
  const c10::Device device = stage.decoder->model().device;
  const double device_share = pool_ != nullptr ? 1.0 / pool_->threads() : 1.0;
  struct Chunk {
    std::size_t batch;
    std::int64_t begin, end;
  };
  std::vector<at::Tensor> targets;
  std::vector<Chunk> chunks;
  for (std::size_t b = 0; b < flight.batches.size(); ++b) {
    const std::int64_t rows = flight.batches[b].rows();
    flight.rows.emplace_back();
    for (std::size_t n = 0; n < last.nodes.size(); ++n) {
      flight.rows[b].emplace_back(rows, device);
    }
    flight.rows[b].front().compare_with_itself();
    targets.push_back(targets_of(flight.panel, b, flight.batches[b], device));
    for (std::int64_t r = 0; r < rows; r += settings_.head_chunk) {
      chunks.push_back({b, r, std::min(rows, r + settings_.head_chunk)});
    }
  }
  for_each(static_cast<std::int64_t>(chunks.size()), [&](std::int64_t c) {
    const Chunk& chunk = chunks[static_cast<std::size_t>(c)];
    const auto start = Clock::now();
    std::vector<at::Tensor> inputs;
    for (const auto& state : flight.states) {
      inputs.push_back(state[chunk.batch].narrow(0, chunk.begin, chunk.end - chunk.begin));
    }
    head_chunk(stage, chunk.begin, inputs, targets[chunk.batch], flight.rows[chunk.batch]);
    const double share =
        seconds_since(start) * device_share / static_cast<double>(last.nodes.size());
    for (const StateNode& node : last.nodes) {
      flight.charge(node, share);
    }
    if (chunk.end == flight.batches[chunk.batch].rows()) {
      advance(static_cast<std::int64_t>(last.nodes.size()));
    }
  });
}

void Lockstep::head_chunk(Stage& stage, std::int64_t begin, const std::vector<at::Tensor>& states,
                          const at::Tensor& targets, const std::vector<RowFigures>& rows) const {
  const StepPlan& last = plan_.steps.back();
  std::vector<at::Tensor> normed(states.size());
  at::Tensor baseline;
  const std::int64_t* wanted = targets.const_data_ptr<std::int64_t>() + begin;
  for (std::size_t n = 0; n < last.nodes.size(); ++n) {
    const StateNode& node = last.nodes[n];
    at::Tensor& input = normed[static_cast<std::size_t>(node.parent)];
    if (!input.defined()) {
      input = stage.decoder->final_norm(states[static_cast<std::size_t>(node.parent)]);
    }
    const at::Tensor logits = stage.decoder->logits(
        input, {last.linears, last.configs[static_cast<std::size_t>(node.config)], operands_,
                stage.cache});
    // Variant 0 is the baseline and comes first, so node 0 holds its logits.
    if (n == 0) {
      baseline = logits;
      token_stats(logits, wanted, rows[0].stats(begin));
    } else {
      token_stats_against(baseline, rows[0].stats(begin), logits, wanted, rows[n].stats(begin),
                          rows[n].comparison(begin));
    }
  }
}

bool Lockstep::is_ready(const InFlight& panel) {
  return panel.spans.empty() || panel.spans.back().end.query();
}

PanelFigures Lockstep::finish(InFlight& flight) {
  if (!flight.spans.empty()) {
    flight.spans.back().end.synchronize();
  }
  for (const auto& stage : stages_) {
    stage->cache.check_finite();
  }
  PanelFigures figures;
  figures.seconds = std::move(flight.seconds);
  figures.nodes.resize(plan_.steps.back().nodes.size());
  for_each(static_cast<std::int64_t>(figures.nodes.size()), [&](std::int64_t n) {
    const auto node = static_cast<std::size_t>(n);
    figures.nodes[node] = reduce_rows(flight.panel, windows_, flight.batches, flight.rows, node);
  });
  if (flight.spans.empty()) {
    return figures;
  }
  // The host only tells a GPU what to do, so its clock says nothing about single steps: a stage's
  // time is divided by the number of step executions each variant asked for.
  figures.seconds.assign(figures.seconds.size(), 0.0);
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    const double total = flight.spans[i].begin.elapsedTime(flight.spans[i].end) / 1e3;
    double all = 0;
    for (std::size_t s = stages_[i]->first_step; s < stages_[i]->end_step; ++s) {
      all += static_cast<double>(plan_.steps[s].nodes.size());
    }
    for (std::size_t s = stages_[i]->first_step; s < stages_[i]->end_step; ++s) {
      for (const StateNode& node : plan_.steps[s].nodes) {
        for (int v : node.variants) {
          figures.seconds[static_cast<std::size_t>(v)] +=
              total / all / static_cast<double>(node.variants.size());
        }
      }
    }
  }
  return figures;
}

}  // namespace mxscope::engine
