// SPDX-License-Identifier: Apache-2.0
#include "evaluate/row_figures.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace mxscope::engine {
namespace {

// Arrays of 4-byte numbers, one behind the other, then those of single bytes.
enum Section {
  kLogpTarget,
  kEntropy,
  kLogSumExp,
  kMaxLogp,
  kKl,
  kChange,
  kArgmax,
  kWords,
  kFinite = kWords,
  kSame,
  kSections
};
constexpr std::int64_t kBytesPerRow = 4 * kWords + (kSections - kWords);

}  // namespace

RowFigures::RowFigures(std::int64_t rows, c10::Device device)
    : rows_(rows),
      memory_(
          at::empty({rows * kBytesPerRow}, at::TensorOptions().dtype(at::kByte).device(device))) {}

std::uint8_t* RowFigures::section(int index, std::int64_t row) const {
  auto* memory = memory_.mutable_data_ptr<std::uint8_t>();
  return index < kWords ? memory + 4 * (index * rows_ + row)
                        : memory + 4 * kWords * rows_ + (index - kWords) * rows_ + row;
}

kernels::TokenStats RowFigures::stats(std::int64_t row) const {
  const auto floats = [&](int index) { return reinterpret_cast<float*>(section(index, row)); };
  return {floats(kLogpTarget),
          floats(kEntropy),
          floats(kLogSumExp),
          floats(kMaxLogp),
          reinterpret_cast<std::int32_t*>(section(kArgmax, row)),
          section(kFinite, row)};
}

kernels::TokenComparison RowFigures::comparison(std::int64_t row) const {
  return {reinterpret_cast<float*>(section(kKl, row)),
          reinterpret_cast<float*>(section(kChange, row)), section(kSame, row)};
}

void RowFigures::compare_with_itself() const {
  memory_.narrow(0, 4 * kKl * rows_, 4 * rows_).zero_();
  memory_.narrow(0, 4 * kChange * rows_, 4 * rows_).zero_();
  memory_.narrow(0, 4 * kWords * rows_ + (kSame - kWords) * rows_, rows_).fill_(1);
}

void RowFigures::to_host() {
  if (memory_.is_cuda()) {
    at::Tensor host =
        at::empty(memory_.sizes(), at::TensorOptions().dtype(at::kByte).pinned_memory(true));
    host.copy_(memory_, /*non_blocking=*/true);
    memory_ = host;
  }
}

NodeFigures reduce_rows(const Panel& panel, const TokenWindows& windows,
                        const std::vector<MicroBatch>& batches,
                        const std::vector<std::vector<RowFigures>>& rows, std::size_t node) {
  NodeFigures out;
  out.windows.resize(static_cast<std::size_t>(panel.windows));
  std::size_t w_in_panel = 0;
  for (std::size_t b = 0; b < batches.size(); ++b) {
    const MicroBatch& batch = batches[b];
    const kernels::TokenStats s = rows[b][node].stats(0);
    const kernels::TokenComparison against = rows[b][node].comparison(0);
    for (std::int64_t w = 0; w < batch.windows(); ++w, ++w_in_panel) {
      const WindowSpan& span =
          windows.windows[static_cast<std::size_t>(panel.first_window) + w_in_panel];
      WindowSums& sums = out.windows[w_in_panel];
      const std::int64_t first = batch.offsets[static_cast<std::size_t>(w)];
      sums.tokens = span.scored();
      sums.weight = span.weight;
      sums.bytes = span.bytes;
      sums.argmax_positions = span.argmax_positions();
      for (std::int64_t p = 0; p < span.length; ++p) {
        const std::int64_t i = first + p;
        sums.argmax_xent_sum -= s.max_logp[i];
        sums.argmax_entropy_sum += s.entropy[i];
        sums.non_finite += s.finite[i] == 0 ? 1 : 0;
        if (p < span.score_begin || p >= span.score_end) {
          continue;
        }
        const double kl = against.kl[i];
        const double change = against.p_target_change[i];
        sums.nll_sum -= s.logp_target[i];
        sums.entropy_sum += s.entropy[i];
        sums.kl_sum += kl;
        sums.kl_max = std::max(sums.kl_max, kl);
        sums.top1_count += against.same_argmax[i];
        sums.p_change_sum += change;
        sums.p_change_sq_sum += change * change;
        if (node != 0) {
          out.histograms.kl.add(kl);
          out.histograms.p_change.add(change);
        }
      }
    }
  }
  return out;
}

}  // namespace mxscope::engine
