// SPDX-License-Identifier: GPL-3.0-or-later
#include "models/layer_tree_model.h"

#include <algorithm>

#include "theme/theme.h"

namespace mxscope::ui {

namespace {

// "model.layers.3" of "model.layers.3.mlp.down_proj" for block 3: up to the part that is the index.
QString groupName(const mxscope::LinearInfo& linear) {
  if (linear.block < 0) {
    return {};
  }
  const QStringList parts = QString::fromStdString(linear.name).split(QLatin1Char('.'));
  const qsizetype at = parts.indexOf(QString::number(linear.block));
  return at < 0 ? LayerTreeModel::tr("block %1").arg(linear.block)
                : parts.mid(0, at + 1).join(QLatin1Char('.'));
}

QString label(const mxscope::OperandSpec& operand) { return formatLabel(operand.format); }

}  // namespace

LayerTreeModel::LayerTreeModel(ExperimentDocument* document, QObject* parent)
    : QAbstractItemModel(parent), m_document(document) {
  connect(document, &ExperimentDocument::changed, this, &LayerTreeModel::refresh);
  connect(document, &ExperimentDocument::currentVariantChanged, this, &LayerTreeModel::refresh);
  connect(document, &ExperimentDocument::currentModelChanged, this, &LayerTreeModel::refresh);
  connect(document, &ExperimentDocument::modelInfoChanged, this, &LayerTreeModel::refresh);
  refresh();
}

void LayerTreeModel::rebuild() {
  beginResetModel();
  m_linears = m_document->currentModelInfo().linears;
  m_groups.clear();
  for (std::size_t i = 0; i < m_linears.size(); ++i) {
    const QString name = groupName(m_linears[i]);
    auto found = std::find_if(m_groups.begin(), m_groups.end(), [&name](const Group& group) {
      return !name.isEmpty() && group.name == name;
    });
    if (found == m_groups.end()) {
      m_groups.push_back({name, {}});
      found = m_groups.end() - 1;
    }
    found->linears.push_back(i);
  }
  m_quantised.assign(m_linears.size(), false);
  m_manual.assign(m_linears.size(), false);
  m_gets.assign(m_linears.size(), QString());
  endResetModel();
}

void LayerTreeModel::refresh() {
  if (m_linears != m_document->currentModelInfo().linears) {
    rebuild();
  }
  const std::optional<mxscope::MatchReport> report = m_document->currentMatches();
  const auto at = static_cast<std::size_t>(m_document->currentVariant());
  const mxscope::VariantEntry* variant = at < m_document->experiment().variants.size()
                                             ? &m_document->experiment().variants[at]
                                             : nullptr;
  const bool wholeStage = variant && variant->stage != mxscope::Stage::kRules;
  std::size_t manualRules = 0;
  if (variant && variant->rules) {
    while (manualRules < variant->rules->size() &&
           isManualRule((*variant->rules)[manualRules], m_linears)) {
      ++manualRules;
    }
  }
  m_manualCount = 0;
  for (std::size_t i = 0; i < m_linears.size(); ++i) {
    const mxscope::LinearDecision* decision =
        report && i < report->linears.size() ? &report->linears[i] : nullptr;
    m_quantised[i] = decision && (decision->quantised() || (wholeStage && decision->rule >= 0));
    m_manual[i] =
        decision && decision->rule >= 0 && static_cast<std::size_t>(decision->rule) < manualRules;
    m_manualCount += m_manual[i] ? 1 : 0;
    QString gets = tr("as it is");
    if (decision && decision->quantised()) {
      gets = label(decision->weight);
      if (!(decision->activation == decision->weight)) {
        gets += tr(" · act. %1").arg(label(decision->activation));
      }
    } else if (m_quantised[i] && variant) {
      const std::string_view stage = mxscope::to_string(variant->stage);
      gets = QString::fromUtf8(stage.data(), static_cast<qsizetype>(stage.size()));
    }
    m_gets[i] = m_manual[i] ? gets + tr(" (manual)") : gets;
  }
  const int rows = static_cast<int>(m_groups.size());
  if (rows > 0) {
    Q_EMIT dataChanged(createIndex(0, 0, quintptr(0)),
                       createIndex(rows - 1, kColumnCount - 1, quintptr(0)));
    for (int row = 0; row < rows; ++row) {
      const QModelIndex group = index(row, 0, {});
      const int children = rowCount(group);
      if (children > 0) {
        Q_EMIT dataChanged(index(0, 0, group), index(children - 1, kColumnCount - 1, group));
      }
    }
  }
}

// Internal ids: 0 is a top-level row, n is a child of top-level row n - 1.
QModelIndex LayerTreeModel::index(int row, int column, const QModelIndex& parent) const {
  if (row < 0 || column < 0 || column >= kColumnCount || row >= rowCount(parent)) {
    return {};
  }
  return createIndex(row, column,
                     parent.isValid() ? static_cast<quintptr>(parent.row()) + 1 : quintptr(0));
}

QModelIndex LayerTreeModel::parent(const QModelIndex& index) const {
  if (!index.isValid() || index.internalId() == 0) {
    return {};
  }
  return createIndex(static_cast<int>(index.internalId()) - 1, 0, quintptr(0));
}

int LayerTreeModel::rowCount(const QModelIndex& parent) const {
  if (!parent.isValid()) {
    return static_cast<int>(m_groups.size());
  }
  if (parent.internalId() != 0 || parent.column() != 0) {
    return 0;
  }
  const Group& group = m_groups[static_cast<std::size_t>(parent.row())];
  return group.name.isEmpty() ? 0 : static_cast<int>(group.linears.size());
}

int LayerTreeModel::columnCount(const QModelIndex& parent) const {
  Q_UNUSED(parent)
  return kColumnCount;
}

QVariant LayerTreeModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) {
    return {};
  }
  return section == kLayer ? tr("Layer") : tr("Gets");
}

Qt::ItemFlags LayerTreeModel::flags(const QModelIndex& index) const {
  if (!index.isValid()) {
    return Qt::NoItemFlags;
  }
  Qt::ItemFlags flags = Qt::ItemIsEnabled | Qt::ItemIsSelectable;
  if (index.column() == kLayer) {
    flags |= Qt::ItemIsUserCheckable;
  }
  return flags;
}

Qt::CheckState LayerTreeModel::stateOf(const Group& group) const {
  const auto on =
      static_cast<std::size_t>(std::count_if(group.linears.begin(), group.linears.end(),
                                             [this](std::size_t i) { return m_quantised[i]; }));
  return on == 0 ? Qt::Unchecked : on == group.linears.size() ? Qt::Checked : Qt::PartiallyChecked;
}

QVariant LayerTreeModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) {
    return {};
  }
  const bool top = index.internalId() == 0;
  const Group& group =
      m_groups[top ? static_cast<std::size_t>(index.row()) : index.internalId() - 1];
  const bool alone = top && group.name.isEmpty();
  if (top && !alone) {
    switch (role) {
      case Qt::CheckStateRole:
        return index.column() == kLayer ? QVariant(stateOf(group)) : QVariant();
      case Qt::DisplayRole: {
        if (index.column() == kLayer) {
          return group.name;
        }
        QString gets;
        for (const std::size_t i : group.linears) {
          if (!gets.isEmpty() && gets != m_gets[i]) {
            return tr("mixed");
          }
          gets = m_gets[i];
        }
        return gets;
      }
      case kManualRole:
        return std::any_of(group.linears.begin(), group.linears.end(),
                           [this](std::size_t i) { return m_manual[i]; });
      case Qt::ForegroundRole:
        return index.column() == kGets && stateOf(group) == Qt::Unchecked
                   ? QVariant(Theme::instance().tokens().dim)
                   : QVariant();
      default:
        return {};
    }
  }
  const std::size_t i = group.linears[alone ? 0 : static_cast<std::size_t>(index.row())];
  const QString name = QString::fromStdString(m_linears[i].name);
  switch (role) {
    case Qt::CheckStateRole:
      return index.column() == kLayer ? QVariant(m_quantised[i] ? Qt::Checked : Qt::Unchecked)
                                      : QVariant();
    case Qt::DisplayRole:
      if (index.column() == kGets) {
        return m_gets[i];
      }
      return alone || !name.startsWith(group.name + QLatin1Char('.'))
                 ? name
                 : name.mid(group.name.size() + 1);
    case Qt::ToolTipRole:
      return QStringLiteral("%1\n%2 × %3")
          .arg(name)
          .arg(m_linears[i].out_features)
          .arg(m_linears[i].in_features);
    case Qt::ForegroundRole:
      return index.column() == kGets && !m_quantised[i] ? QVariant(Theme::instance().tokens().dim)
                                                        : QVariant();
    case kManualRole:
      return bool(m_manual[i]);
    case kNameRole:
      return name;
    default:
      return {};
  }
}

bool LayerTreeModel::setData(const QModelIndex& index, const QVariant& value, int role) {
  if (role != Qt::CheckStateRole || !index.isValid() || index.column() != kLayer ||
      m_document->experiment().variants.empty()) {
    return false;
  }
  const bool top = index.internalId() == 0;
  const Group& group =
      m_groups[top ? static_cast<std::size_t>(index.row()) : index.internalId() - 1];
  std::vector<std::string> names;
  for (std::size_t k = 0; k < group.linears.size(); ++k) {
    if (top || static_cast<int>(k) == index.row()) {
      names.push_back(m_linears[group.linears[k]].name);
    }
  }
  const bool quantise = static_cast<Qt::CheckState>(value.toInt()) != Qt::Unchecked;
  const std::vector<int> shared = m_document->sharingVariants();
  const std::vector<mxscope::LinearInfo> linears = m_linears;
  const QString what = names.size() == 1 ? QString::fromStdString(names.front()) : group.name;
  m_document->edit(quantise ? tr("quantise %1").arg(what) : tr("keep %1 as it is").arg(what),
                   [&](mxscope::Experiment& experiment) {
                     for (const int at : shared) {
                       setManual(experiment.variants[static_cast<std::size_t>(at)], names, quantise,
                                 linears);
                     }
                   });
  return true;
}

QModelIndex LayerTreeModel::find(const QString& linear) const {
  const std::string name = linear.toStdString();
  for (std::size_t g = 0; g < m_groups.size(); ++g) {
    for (std::size_t k = 0; k < m_groups[g].linears.size(); ++k) {
      if (m_linears[m_groups[g].linears[k]].name == name) {
        const QModelIndex group = index(static_cast<int>(g), 0, {});
        return m_groups[g].name.isEmpty() ? group : index(static_cast<int>(k), 0, group);
      }
    }
  }
  return {};
}

std::pair<int, int> LayerTreeModel::counts() const {
  return {static_cast<int>(std::count(m_quantised.begin(), m_quantised.end(), true)),
          static_cast<int>(m_quantised.size())};
}

void LayerTreeModel::removeManual() {
  const std::vector<int> shared = m_document->sharingVariants();
  const std::vector<mxscope::LinearInfo> linears = m_linears;
  m_document->edit(tr("remove manual overrides"), [&](mxscope::Experiment& experiment) {
    for (const int at : shared) {
      mxscope::ui::removeManual(experiment.variants[static_cast<std::size_t>(at)], linears);
    }
  });
}

}  // namespace mxscope::ui
