// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <optional>
#include <vector>

#include "mxscope/core/experiment/experiment.h"
#include "mxscope/core/experiment/variants.h"

namespace mxscope::ui {

// Identity of a run as far as the window can tell before the engine has read model and text:
// SHA-256 of model source, revision, dtype and tokenizer, data, protocol, micro-batch and numeric
// contract. Names, notes, tags and devices do not count. The engine's config_hash says more, but
// exists only once a run is done.
struct KeyedVariant {
  QString key;
  mxscope::ResolvedVariant resolved;
  // The entry of the experiment that makes just this variant; empty: it comes from the sweep.
  std::optional<mxscope::VariantEntry> entry;
};

// `experiment` has one model and no errors. `linears` may be null: then a sweep is left out.
[[nodiscard]] std::vector<KeyedVariant> keyedVariants(
    const mxscope::Experiment& experiment, const QString& baseDir,
    const std::vector<mxscope::LinearInfo>* linears);
[[nodiscard]] QString baselineKey(const mxscope::Experiment& experiment, const QString& baseDir);

}  // namespace mxscope::ui
