// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "models/results_model.h"

// Kinds of columns of the results table, for the model's own files.
namespace mxscope::ui {

inline bool isDelta(int column) {
  return column == ResultsModel::kDeltaPpl || column == ResultsModel::kPercent ||
         column == ResultsModel::kDeltaXent || column == ResultsModel::kDeltaEntropy;
}

inline bool isNumeric(int column) {
  switch (column) {
    case ResultsModel::kPpl:
    case ResultsModel::kXent:
    case ResultsModel::kEntropy:
    case ResultsModel::kKl:
    case ResultsModel::kTop1:
    case ResultsModel::kWeights:
    case ResultsModel::kPeak:
    case ResultsModel::kTime:
    case ResultsModel::kBlock:
      return true;
    default:
      return isDelta(column);
  }
}

}  // namespace mxscope::ui
