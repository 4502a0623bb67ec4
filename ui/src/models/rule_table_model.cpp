// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>

#include "models/builder_models.h"
#include "mxscope/core/experiment/rules.h"
#include "theme/theme.h"

namespace mxscope::ui {

namespace {

QString patternText(const mxscope::RuleEntry& rule) {
  QStringList parts;
  for (const std::string& selector : rule.match) {
    parts << QString::fromStdString(selector);
  }
  for (const std::string& selector : rule.except) {
    parts << QLatin1Char('!') + QString::fromStdString(selector);
  }
  return parts.join(QLatin1Char(' '));
}

// Blanks part the selectors of one rule; "!" in front leaves linears to later rules. A regular
// expression takes the whole text, since it may hold blanks.
void setPattern(mxscope::RuleEntry* rule, const QString& text) {
  rule->match.clear();
  rule->except.clear();
  if (text.startsWith(QLatin1String("re:"))) {
    rule->match.push_back(text.toStdString());
    return;
  }
  for (const QString& word : text.split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
    if (word.startsWith(QLatin1Char('!')) && word.size() > 1) {
      rule->except.push_back(word.mid(1).toStdString());
    } else {
      rule->match.push_back(word.toStdString());
    }
  }
}

}  // namespace

RuleTableModel::RuleTableModel(ExperimentDocument* document, QObject* parent)
    : QAbstractTableModel(parent), m_document(document) {
  connect(document, &ExperimentDocument::changed, this, &RuleTableModel::refresh);
  connect(document, &ExperimentDocument::currentVariantChanged, this, &RuleTableModel::refresh);
  connect(document, &ExperimentDocument::currentModelChanged, this, &RuleTableModel::refresh);
  connect(document, &ExperimentDocument::modelInfoChanged, this, &RuleTableModel::refresh);
  refresh();
}

std::vector<mxscope::RuleEntry> RuleTableModel::rules() const {
  const auto at = static_cast<std::size_t>(m_document->currentVariant());
  if (at >= m_document->experiment().variants.size()) {
    return {};
  }
  mxscope::VariantEntry variant = m_document->experiment().variants[at];
  makeRules(variant);
  return *variant.rules;
}

void RuleTableModel::refresh() {
  const std::vector<mxscope::RuleEntry> now = rules();
  const int before = rowCount(), after = static_cast<int>(now.size());
  if (after > before) {
    beginInsertRows({}, before, after - 1);
    m_rules = now;
    m_report = m_document->currentMatches();
    endInsertRows();
  } else if (after < before) {
    beginRemoveRows({}, after, before - 1);
    m_rules = now;
    m_report = m_document->currentMatches();
    endRemoveRows();
  } else {
    m_rules = now;
    m_report = m_document->currentMatches();
  }
  if (after > 0) {
    Q_EMIT dataChanged(index(0, 0), index(after - 1, kColumnCount - 1));
  }
}

int RuleTableModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_rules.size());
}

int RuleTableModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumnCount;
}

QVariant RuleTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) {
    return {};
  }
  return section == kPattern ? tr("Pattern") : section == kGets ? tr("Gets") : tr("Matches");
}

Qt::ItemFlags RuleTableModel::flags(const QModelIndex& index) const {
  Qt::ItemFlags flags = QAbstractTableModel::flags(index);
  if (index.isValid() && index.column() != kMatches) {
    flags |= Qt::ItemIsEditable;
  }
  return flags;
}

QVariant RuleTableModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) {
    return {};
  }
  const auto row = static_cast<std::size_t>(index.row());
  const mxscope::RuleEntry& rule = m_rules[row];
  const std::vector<mxscope::LinearInfo>& linears = m_document->currentModelInfo().linears;
  QString problem;
  for (const std::vector<std::string>* list : {&rule.match, &rule.except}) {
    for (const std::string& selector : *list) {
      if (problem.isEmpty()) {
        problem = QString::fromStdString(mxscope::check_selector(selector));
      }
    }
  }
  if (rule.match.empty()) {
    problem = tr("A rule needs a pattern.");
  }
  const bool counted = m_report && row < m_report->matched.size() && !linears.empty();
  const bool nothing = counted && m_report->matched[row] == 0;
  switch (role) {
    case kProblemRole:
      return problem;
    case Qt::ForegroundRole:
      if (!problem.isEmpty()) {
        return Theme::instance().tokens().worse;
      }
      return nothing ? QVariant(Theme::instance().tokens().warning) : QVariant();
    case Qt::ToolTipRole:
      if (!problem.isEmpty()) {
        return problem;
      }
      if (counted && m_report->decided[row] != m_report->matched[row]) {
        return tr("%1 matched, %2 of them decided by rules above")
            .arg(m_report->matched[row])
            .arg(m_report->matched[row] - m_report->decided[row]);
      }
      return patternText(rule);
    case Qt::TextAlignmentRole:
      return static_cast<int>(index.column() == kMatches ? Qt::AlignRight | Qt::AlignVCenter
                                                         : Qt::AlignLeft | Qt::AlignVCenter);
    case Qt::DisplayRole:
    case Qt::EditRole:
      break;
    default:
      return {};
  }
  switch (index.column()) {
    case kPattern: {
      if (role == Qt::DisplayRole && isManualRule(rule, linears)) {
        return tr("%n layer(s) (manual)", nullptr, static_cast<int>(rule.match.size()));
      }
      return patternText(rule);
    }
    case kGets:
      if (role == Qt::EditRole) {
        return keepsLayers(rule) ? 1 : 0;
      }
      return keepsLayers(rule) ? tr("keep as it is") : tr("variant");
    case kMatches:
      if (!counted) {
        return problem.isEmpty() ? QStringLiteral("–") : QStringLiteral("!");
      }
      return static_cast<qlonglong>(m_report->matched[row]);
    default:
      return {};
  }
}

void RuleTableModel::edit(const QString& text,
                          const std::function<void(mxscope::VariantEntry&)>& change) {
  const std::vector<int> shared = m_document->sharingVariants();
  m_document->edit(text, [&](mxscope::Experiment& experiment) {
    if (experiment.variants.empty()) {
      mxscope::VariantEntry& first = experiment.variants.emplace_back();
      first.rules.emplace();
      change(first);
      return;
    }
    for (const int at : shared) {
      mxscope::VariantEntry& variant = experiment.variants[static_cast<std::size_t>(at)];
      makeRules(variant);
      change(variant);
    }
  });
}

bool RuleTableModel::setData(const QModelIndex& index, const QVariant& value, int role) {
  if (role != Qt::EditRole || !index.isValid()) {
    return false;
  }
  const auto row = static_cast<std::size_t>(index.row());
  if (index.column() == kPattern) {
    const QString pattern = value.toString().trimmed();
    edit(tr("change rule to %1").arg(pattern), [row, &pattern](mxscope::VariantEntry& variant) {
      setPattern(&(*variant.rules)[row], pattern);
    });
    return true;
  }
  if (index.column() == kGets) {
    const bool keep = value.toInt() == 1;
    edit(keep ? tr("keep layers of a rule") : tr("quantise layers of a rule"),
         [row, keep](mxscope::VariantEntry& variant) {
           mxscope::RuleEntry& rule = (*variant.rules)[row];
           if (keep) {
             rule.weight.reset();
             rule.activation.reset();
             rule.output.reset();
           } else {
             setOperandsLike(variant, rule);
           }
         });
    return true;
  }
  return false;
}

void RuleTableModel::addRule(const QString& pattern) {
  edit(tr("add rule %1").arg(pattern), [&pattern](mxscope::VariantEntry& variant) {
    mxscope::RuleEntry rule;
    setPattern(&rule, pattern);
    setOperandsLike(variant, rule);
    variant.rules->push_back(rule);
  });
}

void RuleTableModel::removeRule(int row) {
  if (row >= 0 && row < rowCount()) {
    edit(tr("remove rule"), [row](mxscope::VariantEntry& variant) {
      variant.rules->erase(variant.rules->begin() + row);
    });
  }
}

void RuleTableModel::moveRule(int row, int offset) {
  const int target = row + offset;
  if (row >= 0 && target >= 0 && row < rowCount() && target < rowCount()) {
    edit(tr("move rule"), [row, target](mxscope::VariantEntry& variant) {
      std::swap((*variant.rules)[static_cast<std::size_t>(row)],
                (*variant.rules)[static_cast<std::size_t>(target)]);
    });
  }
}

}  // namespace mxscope::ui
