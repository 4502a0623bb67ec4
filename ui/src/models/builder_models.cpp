// SPDX-License-Identifier: GPL-3.0-or-later
#include "models/builder_models.h"

#include <QLocale>
#include <algorithm>

#include "models/queue_model.h"
#include "plots/number_text.h"
#include "theme/theme.h"

namespace mxscope::ui {

namespace {

QString joinedLabels(const std::vector<mxscope::Format>& formats) {
  QStringList labels;
  for (const mxscope::Format format : formats) {
    labels << formatLabel(format);
  }
  return labels.join(QStringLiteral(", "));
}

QString fromView(std::string_view text) {
  return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

}  // namespace

ModelListModel::ModelListModel(ExperimentDocument* document, QObject* parent)
    : QAbstractTableModel(parent),
      m_document(document),
      m_rows(static_cast<int>(document->experiment().models.size())) {
  const auto refresh = [this] {
    const int now = static_cast<int>(m_document->experiment().models.size());
    if (now > m_rows) {
      beginInsertRows({}, m_rows, now - 1);
      m_rows = now;
      endInsertRows();
    } else if (now < m_rows) {
      beginRemoveRows({}, now, m_rows - 1);
      m_rows = now;
      endRemoveRows();
    }
    if (m_rows > 0) {
      Q_EMIT dataChanged(index(0, 0), index(m_rows - 1, kColumnCount - 1));
    }
  };
  connect(document, &ExperimentDocument::changed, this, refresh);
  connect(document, &ExperimentDocument::modelInfoChanged, this, refresh);
}

int ModelListModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : m_rows;
}

int ModelListModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumnCount;
}

QVariant ModelListModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) {
    return {};
  }
  return section == kName ? tr("Model") : tr("Size");
}

QVariant ModelListModel::data(const QModelIndex& index, int role) const {
  const mxscope::Experiment& experiment = m_document->experiment();
  if (!index.isValid() || index.row() >= static_cast<int>(experiment.models.size())) {
    return {};
  }
  const mxscope::ModelEntry& model = experiment.models[static_cast<std::size_t>(index.row())];
  const QString source = QString::fromStdString(model.source);
  const ModelInfo& info = m_document->modelInfo(source);
  if (role == Qt::ForegroundRole && info.state == ModelInfo::State::kFailed) {
    return Theme::instance().tokens().worse;
  }
  if (role == Qt::ForegroundRole && index.column() == kDetails) {
    return Theme::instance().tokens().dim;
  }
  if (role == Qt::ToolTipRole) {
    QString tip = source;
    if (!info.error.isEmpty()) {
      tip += QLatin1Char('\n') + info.error;
    }
    if (!info.unsupported.isEmpty()) {
      tip += QLatin1Char('\n') +
             tr("Not used: %1").arg(info.unsupported.mid(0, 8).join(QStringLiteral(", ")));
    }
    return tip;
  }
  if (role != Qt::DisplayRole && role != Qt::EditRole) {
    return {};
  }
  if (index.column() == kName) {
    return QString::fromStdString(
        mxscope::model_names(experiment)[static_cast<std::size_t>(index.row())]);
  }
  switch (info.state) {
    case ModelInfo::State::kUnknown:
      return QString();
    case ModelInfo::State::kReading:
      return tr("reading…");
    case ModelInfo::State::kFailed:
      return info.error;
    case ModelInfo::State::kReady:
      break;
  }
  QStringList parts = {bytesText(info.bytes), tr("%n layer(s)", nullptr, info.blocks)};
  parts << (model.dtype == mxscope::ModelDtype::kAuto ? info.dtype
                                                      : fromView(mxscope::to_string(model.dtype)));
  return parts.join(QStringLiteral(" · "));
}

VariantTableModel::VariantTableModel(ExperimentDocument* document, QObject* parent)
    : QAbstractTableModel(parent),
      m_document(document),
      m_rows(static_cast<int>(document->experiment().variants.size())) {
  connect(document, &ExperimentDocument::changed, this, [this] {
    const int now = static_cast<int>(m_document->experiment().variants.size());
    if (now > m_rows) {
      beginInsertRows({}, m_rows, now - 1);
      m_rows = now;
      endInsertRows();
    } else if (now < m_rows) {
      beginRemoveRows({}, now, m_rows - 1);
      m_rows = now;
      endRemoveRows();
    }
    if (m_rows > 0) {
      Q_EMIT dataChanged(index(0, 0), index(m_rows - 1, kColumnCount - 1));
    }
  });
}

int VariantTableModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : m_rows;
}

int VariantTableModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumnCount;
}

QVariant VariantTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) {
    return {};
  }
  switch (section) {
    case kWeights:
      return tr("Weights");
    case kActivations:
      return tr("Activations");
    case kBlock:
      return tr("Block");
    case kScale:
      return tr("Scale");
    case kLayers:
      return tr("Layers");
    case kName:
      return tr("Name");
    default:
      return {};
  }
}

Qt::ItemFlags VariantTableModel::flags(const QModelIndex& index) const {
  Qt::ItemFlags flags = QAbstractTableModel::flags(index);
  if (index.isValid() && index.column() != kLayers) {
    flags |= Qt::ItemIsEditable;
  }
  return flags;
}

QVariant VariantTableModel::data(const QModelIndex& index, int role) const {
  const std::vector<mxscope::VariantEntry>& variants = m_document->experiment().variants;
  if (!index.isValid() || index.row() >= static_cast<int>(variants.size())) {
    return {};
  }
  const mxscope::VariantEntry& variant = variants[static_cast<std::size_t>(index.row())];
  const QString path = QStringLiteral("variants[%1]").arg(index.row());
  if (role == Qt::ToolTipRole) {
    const QString problem = m_document->issueAt(path);
    return problem.isEmpty() ? layersText(variant) : problem;
  }
  if (role == Qt::ForegroundRole) {
    return m_document->issueAt(path).isEmpty() ? QVariant()
                                               : QVariant(Theme::instance().tokens().worse);
  }
  if (role != Qt::DisplayRole && role != Qt::EditRole) {
    return {};
  }
  const VariantFormats formats = formatsOf(variant);
  const bool stage = variant.stage != mxscope::Stage::kRules;
  switch (index.column()) {
    case kWeights:
      if (stage && formats.weights.empty()) {
        return fromView(mxscope::to_string(variant.stage));
      }
      if (role == Qt::EditRole) {
        return formats.weight ? static_cast<int>(*formats.weight) : -1;
      }
      return joinedLabels(formats.weights);
    case kActivations:
      if (role == Qt::EditRole) {
        return formats.activation ? static_cast<int>(*formats.activation) : -1;
      }
      if (formats.activation && *formats.activation == mxscope::Format::kNone) {
        return tr("unquantised");
      }
      return formats.activation
                 ? formatLabel(*formats.activation)
                 : (variant.tier || formats.weights.empty() ? joinedLabels(formats.weights)
                                                            : tr("mixed"));
    case kBlock: {
      if (role == Qt::EditRole) {
        return formats.block ? static_cast<int>(*formats.block) : -1;
      }
      QStringList blocks;
      for (const std::int64_t block : formats.blocks) {
        blocks << (block == 0 ? tr("row") : QString::number(block));
      }
      return blocks.join(QStringLiteral(", "));
    }
    case kScale:
      if (role == Qt::EditRole) {
        return formats.scale ? static_cast<int>(*formats.scale) : -1;
      }
      return formats.scale ? fromView(mxscope::to_string(*formats.scale)) : QString();
    case kLayers:
      return layersText(variant);
    case kName:
      return QString::fromStdString(variant.name);
    default:
      return {};
  }
}

bool VariantTableModel::setData(const QModelIndex& index, const QVariant& value, int role) {
  if (role != Qt::EditRole || !index.isValid()) {
    return false;
  }
  const auto row = static_cast<std::size_t>(index.row());
  const VariantFormats before = formatsOf(m_document->experiment().variants[row]);
  const auto change = [&](const QString& text,
                          const std::function<void(mxscope::VariantEntry&)>& apply) {
    m_document->edit(
        text, [row, &apply](mxscope::Experiment& experiment) { apply(experiment.variants[row]); });
  };
  const auto blockText = [](std::int64_t block) {
    return block == 0 ? tr("row") : QString::number(block);
  };
  switch (index.column()) {
    case kWeights: {
      const auto format = static_cast<mxscope::Format>(value.toInt());
      change(tr("change weight format to %1").arg(formatLabel(format)),
             [format](mxscope::VariantEntry& variant) { setWeightFormat(variant, format); });
      return true;
    }
    case kActivations: {
      const auto format = static_cast<mxscope::Format>(value.toInt());
      change(tr("change activation format to %1").arg(formatLabel(format)),
             [format](mxscope::VariantEntry& variant) { setActivationFormat(variant, format); });
      return true;
    }
    case kBlock: {
      const std::int64_t block = value.toLongLong();
      change(before.block
                 ? tr("change block size %1 → %2").arg(blockText(*before.block), blockText(block))
                 : tr("change block size to %1").arg(blockText(block)),
             [block](mxscope::VariantEntry& variant) { setBlock(variant, block); });
      return true;
    }
    case kScale: {
      const auto scale = static_cast<mxscope::ScaleRule>(value.toInt());
      change(tr("change scale rule to %1").arg(fromView(mxscope::to_string(scale))),
             [scale](mxscope::VariantEntry& variant) { setScale(variant, scale); });
      return true;
    }
    case kName:
      change(tr("rename variant"), [name = value.toString().trimmed().toStdString()](
                                       mxscope::VariantEntry& variant) { variant.name = name; });
      return true;
    default:
      return false;
  }
}

}  // namespace mxscope::ui
