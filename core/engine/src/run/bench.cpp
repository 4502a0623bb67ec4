// SPDX-License-Identifier: Apache-2.0
#include "mxscope/engine/bench.h"

#include <ATen/ATen.h>
#include <c10/core/Event.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <numeric>
#include <random>

#include "decoder/model.h"
#include "evaluate/lockstep.h"
#include "evaluate/row_figures.h"
#include "mxscope/core/base/error.h"
#include "mxscope/core/base/input.h"
#include "mxscope/core/checkpoint/model_config.h"
#include "run/device_guard.h"
#include "run/memory_plan.h"
#include "run/prepare.h"
#include "tensor/streams.h"
#include "tensor/tensors.h"

namespace mxscope::engine {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kRepeats = 15;
constexpr int kWarmUp = 3;
// Rows of the matrices on which kernels are timed: larger than any cache.
constexpr std::int64_t kGpuRows = 16384;
constexpr std::int64_t kCpuRows = 2048;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return {n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2, values.front(),
          values.back()};
}

class Bench {
 public:
  Bench(const BenchRequest& request, const std::function<bool(const std::string&)>& progress)
      : request_(request), progress_(progress) {}

  BenchReport run() {
    prepare();
    const DeviceGuard guard(job_.devices.front());
    load();
    time_first();
    std::vector<double> baseline = time_panels({plan_of({})}, "baseline").front();
    add_step("baseline", peak());
    for (std::size_t v = 1; v < job_.variants.size(); ++v) {
      const std::string& name = job_.variants[v].variant.name;
      const auto times = time_panels({plan_of({}), plan_of({v})}, name);
      std::vector<double> own(times[1].size());
      std::transform(times[1].begin(), times[1].end(), times[0].begin(), own.begin(),
                     std::minus<>());
      baseline.insert(baseline.end(), times[0].begin(), times[0].end());
      add_step(name, peak());
      report_.steps.back().step = spread_of(std::move(own));
    }
    report_.steps.front().step = spread_of(std::move(baseline));
    compare_steps();
    time_products();
    time_kernels();
    return report_;
  }

 private:
  void say(const std::string& what) const {
    if (progress_ && !progress_(what)) {
      throw Error(ErrorCode::kCancelled, "the benchmark was cancelled");
    }
  }

  void prepare() {
    Experiment experiment = request_.variants;
    experiment.devices.mode = request_.device == "auto" ? DeviceMode::kAuto : DeviceMode::kList;
    experiment.devices.list = {request_.device};
    job_.devices = {resolve_devices(experiment).front()};
    const bool is_config = request_.model.extension() == ".json";
    if (is_config) {
      const std::string file = request_.model.string();
      const nlohmann::json config = read_json_file(request_.model);
      const DecoderSpec spec = decoder_spec_from_config(config, file);
      job_.inventory = plan_inventory(spec, TensorType::kBF16);
      job_.model_name = request_.model.parent_path().filename().string();
    } else {
      const OpenedModel opened = open_model(request_.model.string(), {}, "main");
      job_.checkpoint = opened.checkpoint;
      job_.inventory = opened.inventory;
      job_.model_name = request_.model.filename().string();
    }
    random_ = is_config || request_.random_weights;
    const std::optional<ModelDtype> dtype = parse_model_dtype(request_.dtype);
    if (!dtype) {
      throw Error(ErrorCode::kInvalidInput, "dtype is '" + request_.dtype +
                                                "'; accepted are auto, float32, bfloat16 and "
                                                "float16");
    }
    job_.dtype = compute_dtype(*dtype, job_.inventory);
    job_.linears = linear_infos(job_.inventory);
    const DecoderSpec& spec = job_.inventory.spec;
    if (spec.max_positions > 0 && request_.context > spec.max_positions) {
      throw Error(ErrorCode::kInvalidInput, "context is " + std::to_string(request_.context) +
                                                "; the model takes up to " +
                                                std::to_string(spec.max_positions));
    }
    choose_batches(job_, request_.batch, request_.context);
    add_variants(job_, experiment, true);

    std::mt19937_64 generator(1);
    const std::int64_t windows = request_.batch * request_.steps;
    job_.windows.max_length = static_cast<std::int32_t>(request_.context);
    for (std::int64_t w = 0; w < windows; ++w) {
      WindowSpan span;
      span.offset = static_cast<std::size_t>(w * request_.context);
      span.length = span.valid = static_cast<std::int32_t>(request_.context);
      span.score_end = span.length - 1;
      job_.windows.windows.push_back(span);
      for (std::int64_t t = 0; t < request_.context; ++t) {
        job_.windows.ids.push_back(
            static_cast<std::int32_t>(generator() % static_cast<std::uint64_t>(spec.vocab_size)));
      }
    }
    report_.model = job_.model_name;
    report_.dtype = job_.dtype;
    report_.parameters = job_.inventory.parameters;
    for (const DeviceInfo& info : list_devices()) {
      if (info.id == job_.devices.front()) {
        report_.device = info.name;
      }
    }
  }

  void load() {
    say(random_ ? "random weights" : "reading weights");
    // The needs of the fullest plan say whether it can run at all.
    plan_ = plan_memory(job_, request_.variants, PlacementMode::kReplicate, 0,
                        free_bytes(job_.devices));
    const auto begin = Clock::now();
    const c10::Device device = torch_device(job_.devices.front());
    model_ = random_ ? random_model(job_.inventory, dtype_of(job_.dtype), device)
                     : load_model(job_.checkpoint, job_.inventory, dtype_of(job_.dtype), device,
                                  [&](std::int64_t) { return true; });
    synchronise();
    report_.load_seconds = seconds_since(begin);
    if (!random_) {
      report_.load_bytes_per_second =
          static_cast<double>(job_.inventory.total_bytes) / report_.load_seconds;
    }
    decoder_ = std::make_shared<const Decoder>(model_, request_.context);
    if (!job_.on_gpu()) {
      pool_ = std::make_unique<ThreadPool>(plan_.threads);
    }
  }

  void synchronise() const {
    if (job_.on_gpu()) {
      c10::Event event(c10::DeviceType::CUDA);
      event.record(stream());
      event.synchronize();
    }
  }
  [[nodiscard]] c10::Stream stream() const {
    return current_stream(torch_device(job_.devices.front()));
  }

  // Milliseconds of the work's repetitions.
  Spread time(const std::function<void()>& work, int repeats = kRepeats) const {
    std::vector<double> times;
    for (int i = 0; i < kWarmUp + repeats; ++i) {
      double ms = 0;
      if (job_.on_gpu()) {
        c10::Event begin(c10::DeviceType::CUDA, c10::EventFlag::BACKEND_DEFAULT);
        c10::Event end(c10::DeviceType::CUDA, c10::EventFlag::BACKEND_DEFAULT);
        begin.record(stream());
        work();
        end.record(stream());
        end.synchronize();
        ms = begin.elapsedTime(end);
      } else {
        const auto start = Clock::now();
        work();
        ms = 1e3 * seconds_since(start);
      }
      if (i >= kWarmUp) {
        times.push_back(ms);
      }
    }
    return spread_of(std::move(times));
  }

  [[nodiscard]] at::TensorOptions options() const {
    return at::TensorOptions().dtype(model_->dtype).device(model_->device);
  }

  StatePlan plan_of(const std::vector<std::size_t>& variants) const {
    std::vector<std::vector<LinearOps>> ops{job_.ops.front()};
    for (std::size_t v : variants) {
      ops.push_back(job_.ops[v]);
    }
    return plan_states(step_linears(job_.inventory), ops, true);
  }

  std::shared_ptr<Stage> stage() const {
    return std::make_shared<Stage>(job_.devices.front(), decoder_, 0, job_.plan.steps.size(),
                                   job_.operands, plan_.stages.front().cache_bytes, pool_.get(),
                                   nullptr);
  }

  [[nodiscard]] Panel panel(std::int64_t steps) const {
    return {0, 0, steps, 0, steps * request_.batch};
  }

  // Milliseconds of a step of each plan, over panels that take turns: a GPU that has grown warm is
  // slower by more than what variants differ by. On a GPU it is the device's own time, and the next
  // panel is handed over while one runs.
  std::vector<std::vector<double>> time_panels(const std::vector<StatePlan>& plans,
                                               const std::string& name) {
    resets_.emplace(job_.devices);
    std::vector<std::unique_ptr<Lockstep>> locksteps;
    for (const StatePlan& plan : plans) {
      const LockstepSettings settings{request_.batch, job_.head_chunk,
                                      static_cast<std::int64_t>(plan.node_of_variant.size())};
      locksteps.push_back(std::make_unique<Lockstep>(std::vector{stage()}, plan, job_.operands,
                                                     job_.windows, settings, pool_.get()));
    }
    const std::size_t count = plans.size();
    const std::size_t panels = count * static_cast<std::size_t>(request_.panels + 1);
    JobControl control;
    const auto start = [&](std::size_t i) {
      say(name);
      return locksteps[i % count]->start(panel(request_.steps), control, [](std::int64_t) {});
    };
    const auto steps = static_cast<double>(request_.steps);
    std::vector<std::vector<double>> times(count);
    auto begin = Clock::now();
    auto flight = start(0);
    for (std::size_t i = 0; i < panels; ++i) {
      const bool overlaps = job_.on_gpu() && i + 1 < panels;
      auto next = overlaps ? start(i + 1) : nullptr;
      const std::vector<double> shares = locksteps[i % count]->finish(*flight).seconds;
      if (i >= count) {  // the first panel of each warms up
        times[i % count].push_back(1e3 / steps *
                                   (job_.on_gpu()
                                        ? std::accumulate(shares.begin(), shares.end(), 0.0)
                                        : seconds_since(begin)));
      }
      begin = Clock::now();
      flight = !overlaps && i + 1 < panels ? start(i + 1) : std::move(next);
    }
    return times;
  }

  std::int64_t peak() {
    const std::int64_t bytes = resets_->peaks().front().second;
    resets_.reset();
    return bytes;
  }

  void add_step(const std::string& name, std::int64_t peak_bytes) {
    BenchReport::Step row;
    row.name = name;
    row.peak_bytes = peak_bytes;
    report_.steps.push_back(std::move(row));
  }

  void compare_steps() {
    for (BenchReport::Step& row : report_.steps) {
      row.tokens_per_second =
          static_cast<double>(request_.batch * request_.context) / (row.step.median / 1e3);
      row.of_baseline = row.step.median / report_.steps.front().step.median;
    }
  }

  void time_first() {
    say("first figures");
    const auto begin = Clock::now();
    const StatePlan plan = plan_of({});
    Lockstep lockstep({stage()}, plan, job_.operands, job_.windows,
                      {request_.batch, job_.head_chunk, 1}, pool_.get());
    JobControl control;
    auto flight = lockstep.start(panel(1), control, [](std::int64_t) {});
    (void)lockstep.finish(*flight);
    report_.first_seconds = seconds_since(begin);
  }

  // All linears of a step, one after the other, unquantised: the floor of a step.
  void time_products() {
    say("matrix products alone");
    const std::int64_t rows = request_.batch * request_.context;
    std::int64_t widest = 0;
    for (const Linear& linear : job_.inventory.linears) {
      widest = std::max(widest, linear.in_features);
    }
    const at::Tensor x = at::randn({rows, widest}, options());
    const ExpertSpec& experts = job_.inventory.spec.experts;
    report_.products = time(
        [&] {
          for (std::size_t i = 0; i < job_.inventory.linears.size(); ++i) {
            const Linear& linear = job_.inventory.linears[i];
            const at::Tensor& weight = model_->linears[i].weight;
            std::int64_t count = rows;
            if (linear.role == Role::kExpert) {
              count = std::max<std::int64_t>(1, rows * experts.per_token / experts.count);
            }
            const at::Tensor in = x.flatten()
                                      .narrow(0, 0, count * linear.in_features)
                                      .view({count, linear.in_features});
            const std::int64_t chunk = linear.role == Role::kHead ? job_.head_chunk : count;
            for (std::int64_t r = 0; r < count; r += chunk) {
              (void)at::linear(in.narrow(0, r, std::min(chunk, count - r)), weight);
            }
          }
        },
        job_.on_gpu() ? kRepeats : 3);
    for (BenchReport::Step& step : report_.steps) {
      step.of_products = step.step.median / report_.products.median;
    }
  }

  void add_kernel(const std::string& name, const at::Tensor& shape, const Spread& spread,
                  std::int64_t bytes) {
    BenchReport::Kernel row;
    row.name = name;
    row.shape = std::to_string(shape.size(0)) + " x " + std::to_string(shape.size(1));
    row.time = spread;
    row.bytes_per_second = static_cast<double>(bytes) / (spread.median / 1e3);
    row.of_copy = row.bytes_per_second / report_.copy_bytes_per_second;
    report_.kernels.push_back(std::move(row));
  }

  void time_kernels() {
    const std::int64_t rows = job_.on_gpu() ? kGpuRows : kCpuRows;
    const at::Tensor x = at::randn({rows, 14336}, options());
    const at::Tensor out = at::empty_like(x);
    // Of the same numbers, and at the clock that the work before has left: both move the figure.
    say("device copy");
    const Spread copy = time([&] { out.copy_(x); });
    report_.copy_bytes_per_second = 2 * static_cast<double>(x.nbytes()) / (copy.median / 1e3);
    for (std::size_t i = 1; i < job_.operands.size(); ++i) {
      const std::string name = "quantise " + job_.operands[i].description();
      say(name);
      add_kernel(name, x, time([&] { quantise_to(x, out, job_.operands[i]); }),
                 static_cast<std::int64_t>(2 * x.nbytes()));
    }
    say("token statistics");
    const at::Tensor logits =
        at::randn({job_.head_chunk, job_.inventory.spec.vocab_size}, options());
    const at::Tensor other = logits + 0.01;
    const at::Tensor targets =
        at::zeros({job_.head_chunk}, at::TensorOptions().dtype(at::kLong).device(model_->device));
    const RowFigures base(job_.head_chunk, model_->device);
    const RowFigures against(job_.head_chunk, model_->device);
    const auto* wanted = targets.const_data_ptr<std::int64_t>();
    add_kernel("token statistics, baseline", logits,
               time([&] { token_stats(logits, wanted, base.stats(0)); }),
               static_cast<std::int64_t>(logits.nbytes()));
    add_kernel("token statistics, variant", logits, time([&] {
                 token_stats_against(logits, base.stats(0), other, wanted, against.stats(0),
                                     against.comparison(0));
               }),
               static_cast<std::int64_t>(2 * logits.nbytes()));
  }

  const BenchRequest& request_;
  const std::function<bool(const std::string&)>& progress_;
  BenchReport report_;
  PreparedJob job_;
  MemoryPlan plan_;
  bool random_ = false;
  std::shared_ptr<const Model> model_;
  std::shared_ptr<const Decoder> decoder_;
  std::unique_ptr<ThreadPool> pool_;
  std::optional<PeakMemory> resets_;
};

}  // namespace

BenchReport run_bench(const BenchRequest& request,
                      const std::function<bool(const std::string&)>& progress) {
  try {
    return Bench(request, progress).run();
  } catch (...) {
    rethrow_as_error(request.device);
  }
}

}  // namespace mxscope::engine
