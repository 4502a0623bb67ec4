// SPDX-License-Identifier: GPL-3.0-or-later
#include "models/run_keys.h"

#include <QCryptographicHash>
#include <QDir>
#include <QFileInfo>

#include "mxscope/core/base/error.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "mxscope/core/results/config_hash.h"

namespace mxscope::ui {

namespace {

// A path relative to the file names the same thing from anywhere; a hub id stays as it is.
std::string absolute(const std::string& source, const QString& baseDir) {
  const QFileInfo info(QDir(baseDir), QString::fromStdString(source));
  return info.exists() ? info.absoluteFilePath().toStdString() : source;
}

nlohmann::ordered_json identity(const mxscope::Experiment& experiment, const QString& baseDir) {
  mxscope::Experiment bare;
  bare.models = experiment.models;
  for (mxscope::ModelEntry& model : bare.models) {
    model.name.clear();
    model.source = absolute(model.source, baseDir);
    model.max_memory_gib.reset();
    model.placement.reset();
  }
  bare.data = experiment.data;
  for (std::string& source : bare.data.sources) {
    source = absolute(source, baseDir);
  }
  bare.protocol = experiment.protocol;
  bare.compute.batch = experiment.compute.batch;
  return mxscope::to_json(bare);
}

QString hash(nlohmann::ordered_json identity, const nlohmann::ordered_json& contract) {
  identity["contract"] = contract;
  const QByteArray text = QByteArray::fromStdString(mxscope::canonical_json(identity));
  return QString::fromLatin1(QCryptographicHash::hash(text, QCryptographicHash::Sha256).toHex());
}

}  // namespace

std::vector<KeyedVariant> keyedVariants(const mxscope::Experiment& experiment,
                                        const QString& baseDir,
                                        const std::vector<mxscope::LinearInfo>* linears) {
  std::vector<KeyedVariant> keyed;
  const nlohmann::ordered_json base = identity(experiment, baseDir);
  mxscope::Experiment single = experiment;
  single.sweep.reset();
  try {
    for (const mxscope::VariantEntry& entry : experiment.variants) {
      std::vector<mxscope::VariantEntry> parts = {entry};
      if (entry.formats.size() > 1) {
        parts.clear();
        for (const mxscope::Format format : entry.formats) {
          parts.push_back(entry);
          parts.back().formats = {format};
          parts.back().formats_listed = true;
        }
      }
      for (const mxscope::VariantEntry& part : parts) {
        const std::size_t count = std::max<std::size_t>(1, part.blocks.size());
        for (std::size_t b = 0; b < count; ++b) {
          mxscope::VariantEntry one = part;
          if (part.blocks.size() > 1) {
            one.blocks = {part.blocks[b]};
            one.blocks_listed = true;
          }
          single.variants = {one};
          for (mxscope::ResolvedVariant& resolved : mxscope::expand_variants(single)) {
            keyed.push_back({hash(base, resolved.contract()), std::move(resolved), one});
          }
        }
      }
    }
    if (experiment.sweep && linears && !linears->empty()) {
      single.variants.clear();
      single.sweep = experiment.sweep;
      for (mxscope::ResolvedVariant& resolved : mxscope::expand_variants(single, linears)) {
        keyed.push_back({hash(base, resolved.contract()), std::move(resolved), std::nullopt});
      }
    }
  } catch (const mxscope::Error&) {
    keyed.clear();
  }
  return keyed;
}

QString baselineKey(const mxscope::Experiment& experiment, const QString& baseDir) {
  return hash(identity(experiment, baseDir), nlohmann::ordered_json::object());
}

}  // namespace mxscope::ui
