// SPDX-License-Identifier: GPL-3.0-or-later
// What the cells, headers and tool tips of the results table say.
#include <QFont>
#include <QLocale>
#include <QPoint>
#include <algorithm>
#include <cmath>

#include "models/results_columns.h"
#include "models/results_model.h"
#include "mxscope/core/stats/student.h"
#include "plots/cards/run_marks.h"
#include "plots/number_text.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {

QVariant ResultsModel::runData(const Row& row, int column, int role) const {
  const Cell& cell = row.cells[size_t(column)];
  switch (role) {
    case Qt::DisplayRole:
      if (column == kRun && row.baseline) {
        return QString(u"★ "_s + cell.text);
      }
      if (column == kRun && m_workspace->isPinned(row.id)) {
        return QString(u"▴ "_s + cell.text);
      }
      return cell.text;
    case Qt::FontRole: {
      QFont font;
      font.setBold(row.baseline);
      font.setItalic(row.running);
      return row.baseline || row.running ? QVariant(font) : QVariant();
    }
    case Qt::TextAlignmentRole:
      return int((isNumeric(column) ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    case Qt::CheckStateRole:
      return column == kRun ? QVariant(m_workspace->isHidden(row.id) ? Qt::Unchecked : Qt::Checked)
                            : QVariant();
    case Qt::ToolTipRole: {
      const Run* run = m_workspace->run(row.id);
      if (run == nullptr) {
        return {};
      }
      return column == kNotes || column == kLayers ? QVariant(cell.text)
                                                   : QVariant(runTooltip(*m_workspace, *run));
    }
    case Qt::AccessibleTextRole:
      return QString(title(column) + u": "_s + (cell.text.isEmpty() ? missingText() : cell.text));
    case kRunIdRole:
      return row.id;
    case kExactRole:
      return isNumeric(column) && std::isfinite(cell.number) ? QVariant(cell.number)
                                                             : QVariant(cell.text);
    case kBarRole:
      if (isDelta(column) && std::isfinite(cell.number)) {
        return QVariantList{cell.number, cell.low, cell.high, m_barScale[size_t(column)],
                            m_barNegative[size_t(column)]};
      }
      return {};
    case kColourRole: {
      const Run* run = m_workspace->run(row.id);
      const SeriesColour colour = run != nullptr ? colourOf(*run) : SeriesColour();
      return column == kRun ? QVariant(QPoint(colour.hue, colour.shade)) : QVariant();
    }
    case kHiddenRole:
      return m_workspace->isHidden(row.id);
    case kBaselineRole:
      return row.baseline;
    case kPinnedRole:
      return m_workspace->isPinned(row.id);
    case kGroupRole:
      return false;
    default:
      return {};
  }
}

QVariant ResultsModel::groupData(const Group& group, int column, int role) const {
  const Cell& cell = group.cells[size_t(column)];
  switch (role) {
    case Qt::DisplayRole:
    case kExactRole:
      return cell.text;
    case Qt::ToolTipRole:
      return tr(
          "Mean over all runs of the group with a 95 % interval over runs; does not depend on "
          "what is shown");
    case Qt::FontRole: {
      QFont font;
      font.setBold(true);
      return font;
    }
    case Qt::TextAlignmentRole:
      return int((isNumeric(column) ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    case kGroupRole:
      return true;
    default:
      return {};
  }
}

QVariant ResultsModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) {
    return {};
  }
  switch (role) {
    case Qt::DisplayRole:
      return title(section);
    case Qt::ToolTipRole:
      return explanation(section);
    case Qt::TextAlignmentRole:
      return int((isNumeric(section) ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    default:
      return {};
  }
}

Qt::ItemFlags ResultsModel::flags(const QModelIndex& index) const {
  if (!index.isValid()) {
    return Qt::NoItemFlags;
  }
  if (m_shown[index.row()].row < 0) {
    return Qt::ItemIsEnabled;
  }
  Qt::ItemFlags flags = Qt::ItemIsEnabled | Qt::ItemIsSelectable | Qt::ItemIsDragEnabled;
  if (index.column() == kRun) {
    flags |= Qt::ItemIsUserCheckable;
  }
  if (index.column() == kTags || index.column() == kNotes) {
    flags |= Qt::ItemIsEditable;
  }
  return flags;
}

bool ResultsModel::setData(const QModelIndex& index, const QVariant& value, int role) {
  const QString id = runId(index.row());
  if (id.isEmpty()) {
    return false;
  }
  if (role == Qt::CheckStateRole && index.column() == kRun) {
    m_workspace->setHidden(id, value.toInt() == Qt::Unchecked);
    return true;
  }
  if (role == Qt::EditRole && index.column() == kTags) {
    QStringList tags;
    for (const QString& tag : value.toString().split(u',')) {
      if (!tag.trimmed().isEmpty() && !tags.contains(tag.trimmed())) {
        tags << tag.trimmed();
      }
    }
    m_workspace->setTags(id, tags);
    return true;
  }
  if (role == Qt::EditRole && index.column() == kNotes) {
    m_workspace->setNotes(id, value.toString());
    return true;
  }
  return false;
}

QList<int> ResultsModel::differingColumns(const QSet<QString>& runIds) const {
  QList<int> rows;
  for (const Shown& shown : m_shown) {
    if (shown.row >= 0 && (runIds.size() < 2 || runIds.contains(m_rows[shown.row].id))) {
      rows << shown.row;
    }
  }
  QList<int> columns;
  for (int column = 0; column < kColumnCount; ++column) {
    const bool differs = std::any_of(rows.begin(), rows.end(), [&](int row) {
      const Cell& a = m_rows[row].cells[size_t(column)];
      const Cell& b = m_rows[rows.first()].cells[size_t(column)];
      return a.text != b.text ||
             (!(std::isnan(a.number) && std::isnan(b.number)) && a.number != b.number);
    });
    if (differs) {
      columns << column;
    }
  }
  return columns;
}

QString ResultsModel::title(int column) {
  switch (column) {
    case kRun:
      return tr("Run");
    case kVariant:
      return tr("Variant");
    case kState:
      return tr("State");
    case kModel:
      return tr("Model");
    case kFormat:
      return tr("Format");
    case kBlock:
      return tr("Block");
    case kLayers:
      return tr("Layers");
    case kPpl:
      return tr("PPL");
    case kDeltaPpl:
      return tr("Δ PPL, 95 %");
    case kPercent:
      return tr("Δ %, 95 %");
    case kXent:
      return tr("Xent");
    case kDeltaXent:
      return tr("Δ Xent, 95 %");
    case kEntropy:
      return tr("Entropy");
    case kDeltaEntropy:
      return tr("Δ entropy, 95 %");
    case kKl:
      return tr("KL");
    case kTop1:
      return tr("Same top %");
    case kWeights:
      return tr("Weights");
    case kPeak:
      return tr("Peak memory");
    case kTime:
      return tr("Time");
    case kExperiment:
      return tr("Experiment");
    case kTags:
      return tr("Tags");
    case kNotes:
      return tr("Notes");
    default:
      return {};
  }
}

QString ResultsModel::explanation(int column) {
  switch (column) {
    case kPpl:
      return tr("Perplexity: exp of the mean cross entropy; lower is better");
    case kDeltaPpl:
      return tr("Perplexity less that of the baseline, paired over windows, 95 % interval");
    case kPercent:
      return tr("Change of perplexity against the baseline in per cent, 95 % interval");
    case kXent:
      return tr("Mean cross entropy in nats; lower is better");
    case kDeltaXent:
      return tr("Cross entropy less that of the baseline in nats, paired, 95 % interval");
    case kEntropy:
      return tr("Mean entropy of the predictions in nats");
    case kDeltaEntropy:
      return tr("Entropy less that of the baseline in nats, paired, 95 % interval");
    case kKl:
      return tr("Mean KL divergence from the baseline in nats");
    case kTop1:
      return tr("Share of positions whose most likely token is the baseline's, per cent");
    case kWeights:
      return tr("Size of all weights under this variant");
    case kPeak:
      return tr("Largest memory of the job on any device");
    case kTime:
      return tr("The run's own share of device time");
    default:
      return title(column);
  }
}

}  // namespace mxscope::ui
