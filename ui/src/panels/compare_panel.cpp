// SPDX-License-Identifier: GPL-3.0-or-later
#include "panels/compare_panel.h"

#include <QApplication>
#include <QCheckBox>
#include <QClipboard>
#include <QFont>
#include <QHeaderView>
#include <QLabel>
#include <QPlainTextEdit>
#include <QResizeEvent>
#include <QShortcut>
#include <QTableView>
#include <QTimer>
#include <QVBoxLayout>
#include <nlohmann/json.hpp>

#include "models/paired_delta.h"
#include "plots/cards/run_marks.h"
#include "plots/number_text.h"
#include "plots/plot_types.h"
#include "theme/theme.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

using Fields = QList<QPair<QString, QString>>;

// Leaves of a JSON object as "a.b": text; lists in one line.
void flatten(const nlohmann::ordered_json& json, const QString& prefix, Fields& out) {
  for (const auto& [key, value] : json.items()) {
    const QString name = prefix.isEmpty() ? QString::fromStdString(key)
                                          : QString(prefix + u'.' + QString::fromStdString(key));
    if (value.is_object()) {
      flatten(value, name, out);
    } else if (value.is_string()) {
      out.append({name, QString::fromStdString(value.get<std::string>())});
    } else {
      out.append({name, QString::fromStdString(
                            value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace))});
    }
  }
}

QString withInterval(std::optional<double> value, const std::optional<mxscope::Interval>& interval,
                     const QString& unit = {}) {
  if (!value) {
    return missingText();
  }
  std::optional<double> half;
  if (interval) {
    half = ((*interval)[1] - (*interval)[0]) / 2;
  }
  return QString(intervalText(*value, half) + unit);
}

Fields fieldsOf(const Workspace& workspace, const Run& run) {
  const auto tr = [](const char* text) { return ComparePanel::tr(text); };
  const auto number = [](std::optional<double> v, int digits) {
    return v ? shortText(*v, digits, false, 6) : missingText();
  };
  Fields f;
  const Job* job = workspace.job(run.jobId);
  const Run* base = workspace.baselineFor(run.jobId);
  f.append({tr("Model"), run.model});
  f.append({tr("Variant"), runLabel(run)});
  f.append({tr("State"), displayName(run.state)});
  if (!run.error.isEmpty()) {
    f.append({tr("Reason"), run.error});
  }
  f.append({tr("Weights"), formatName(run.weightFormat)});
  f.append({tr("Activations"), formatName(run.activationFormat)});
  f.append({tr("Block"), run.block ? QString::number(*run.block) : missingText()});
  f.append({tr("Layers"), run.layersText.isEmpty() ? missingText() : run.layersText});
  f.append({tr("Linears quantised"), QString::number(run.layers)});
  f.append({tr("Perplexity"), number(run.metrics.ppl, 7)});
  const auto delta = workspace.deltaOf(run.id);
  const QString guard = guardText(workspace, run);
  if (delta) {
    f.append({tr("Δ PPL"), withInterval(delta->ppl, delta->ppl_ci95)});
    f.append({tr("Δ PPL %"), withInterval(delta->ppl_percent, delta->ppl_percent_ci95, u" %"_s)});
    f.append({tr("Δ Xent (nats)"), withInterval(delta->nll, delta->nll_ci95)});
    f.append({tr("Δ entropy (nats)"), withInterval(delta->entropy, delta->entropy_ci95)});
  } else {
    const QString text = base == &run ? tr("baseline") : guard.isEmpty() ? missingText() : guard;
    for (const char* name : {"Δ PPL", "Δ PPL %", "Δ Xent (nats)", "Δ entropy (nats)"}) {
      f.append({QString::fromUtf8(name), text});
    }
  }
  f.append({tr("Xent (nats)"), number(run.metrics.nll, 7)});
  f.append({tr("Entropy (nats)"), number(run.metrics.entropy, 7)});
  const bool own = base != nullptr && base->baseline && base->jobId == run.jobId;
  f.append({tr("KL (nats)"), own ? number(run.metrics.kl, 5) : missingText()});
  f.append({tr("Same top token"), own && run.metrics.top1
                                      ? QString(fixedText(*run.metrics.top1 * 100, 2) + u" %"_s)
                                      : missingText()});
  f.append({tr("Bits per value"), number(run.bitsPerValue, 4)});
  f.append({tr("Size of weights"), run.weightBytes ? bytesText(*run.weightBytes) : missingText()});
  f.append({tr("Time"), run.seconds ? durationText(*run.seconds) : missingText()});
  if (job != nullptr) {
    f.append({tr("Experiment"), job->name});
    f.append({tr("Protocol"), job->protocol});
    f.append({tr("Context"), QString::number(job->context)});
    f.append({tr("Stride"), QString::number(job->stride)});
    f.append({tr("Windows"), QString::number(job->windowsTotal)});
    f.append({tr("Tokens"), fixedText(double(job->tokensTotal), 0)});
    f.append({tr("Data"), job->dataName});
    f.append({tr("Data hash"), job->dataHash});
    f.append({tr("Tokenizer hash"), job->tokenizerHash});
    f.append({tr("Devices"), job->devices.join(u", "_s)});
    f.append({tr("Placement"), job->placement});
  }
  f.append({tr("Config hash"), run.configHash});
  f.append({tr("Tags"), run.tags.join(u", "_s)});
  if (run.record) {
    flatten(run.record->contract, u"contract"_s, f);
  }
  return f;
}

}  // namespace

CompareModel::CompareModel(Workspace* workspace, QObject* parent)
    : QAbstractTableModel(parent), m_workspace(workspace) {}

void CompareModel::setRuns(const QStringList& runIds) {
  m_runs = runIds;
  rebuild();
}

void CompareModel::setOnlyDiffering(bool on) {
  if (m_onlyDiffering != on) {
    m_onlyDiffering = on;
    rebuild();
  }
}

void CompareModel::rebuild() {
  beginResetModel();
  m_all.clear();
  m_titles.clear();
  QHash<QString, qsizetype> at;
  for (qsizetype i = 0; i < m_runs.size(); ++i) {
    const Run* run = m_workspace->run(m_runs[i]);
    if (run == nullptr) {
      m_titles << QString();
      continue;
    }
    const bool base = m_workspace->baselineFor(run->jobId) == run;
    m_titles << QString((base ? u"★ "_s : QString()) + runNumber(*run));
    for (const auto& [name, value] : fieldsOf(*m_workspace, *run)) {
      auto found = at.constFind(name);
      if (found == at.constEnd()) {
        found = at.insert(name, m_all.size());
        m_all.append({name, QStringList(), false});
      }
      QStringList& values = m_all[*found].values;
      while (values.size() < i) {
        values << missingText();
      }
      values << value;
    }
  }
  m_fields.clear();
  for (Field& field : m_all) {
    while (field.values.size() < m_runs.size()) {
      field.values << missingText();
    }
    field.differs = std::any_of(field.values.begin(), field.values.end(),
                                [&field](const QString& v) { return v != field.values.first(); });
    if (field.differs || m_runs.size() < 2 || !m_onlyDiffering) {
      m_fields.append(field);
    }
  }
  endResetModel();
}

int CompareModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : int(m_fields.size());
}

int CompareModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : int(m_runs.size()) + 1;
}

QVariant CompareModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) {
    return {};
  }
  const Field& field = m_fields[index.row()];
  const QString text = index.column() == 0 ? field.name : field.values.value(index.column() - 1);
  switch (role) {
    case Qt::DisplayRole:
    case Qt::ToolTipRole:
      return text.isEmpty() ? missingText() : text;
    case Qt::FontRole: {
      QFont font;
      font.setBold(true);
      const bool strong = field.differs && !m_onlyDiffering && index.column() > 0;
      return strong ? QVariant(font) : QVariant();
    }
    default:
      return {};
  }
}

QVariant CompareModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) {
    return {};
  }
  if (role == Qt::DisplayRole) {
    return section == 0 ? tr("Field") : m_titles.value(section - 1);
  }
  if (role == Qt::ToolTipRole && section > 0) {
    const Run* run = m_workspace->run(m_runs.value(section - 1));
    return run != nullptr ? runTooltip(*m_workspace, *run) : QString();
  }
  return role == Qt::TextAlignmentRole ? QVariant(int(Qt::AlignLeft | Qt::AlignVCenter))
                                       : QVariant();
}

QString CompareModel::toTsv() const {
  PlotTable table;
  table.headers = QStringList{tr("Field")} + m_titles;
  for (const Field& field : m_fields) {
    QVariantList row{field.name};
    for (const QString& value : field.values) {
      row << value;
    }
    table.rows << row;
  }
  return table.toTsv();
}

ComparePanel::ComparePanel(Workspace* workspace, QWidget* parent)
    : QWidget(parent), m_workspace(workspace), m_model(new CompareModel(workspace, this)) {
  setObjectName(u"comparePanel"_s);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(8, 6, 8, 6);
  layout->setSpacing(6);
  m_headline = new QLabel(this);
  m_headline->setProperty("role", u"heading"_s);
  m_headline->setWordWrap(true);
  m_summary = new QLabel(this);
  m_summary->setWordWrap(true);
  m_summary->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_onlyDiffering = new QCheckBox(tr("Only what di&ffers"), this);
  m_onlyDiffering->setChecked(true);
  m_view = new QTableView(this);
  m_view->setObjectName(u"compareView"_s);
  m_view->setModel(m_model);
  m_view->setShowGrid(false);
  m_view->setAlternatingRowColors(true);
  m_view->setTabKeyNavigation(false);
  m_view->setWordWrap(false);
  m_view->setTextElideMode(Qt::ElideMiddle);
  m_view->setSelectionMode(QAbstractItemView::ContiguousSelection);
  m_view->verticalHeader()->hide();
  const auto fitRows = [this] {
    m_view->verticalHeader()->setDefaultSectionSize(Theme::instance().rowHeight());
  };
  connect(&Theme::instance(), &Theme::changed, m_view, fitRows);
  fitRows();
  m_view->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
  m_view->setAccessibleName(tr("Fields of the selected runs"));
  m_notesLabel = new QLabel(tr("&Notes"), this);
  m_notesLabel->setProperty("role", u"heading"_s);
  m_notes = new QPlainTextEdit(this);
  m_notes->setAccessibleName(tr("Notes of the run"));
  m_notes->setTabChangesFocus(true);
  m_notes->setPlaceholderText(tr("What to remember about this run"));
  m_notes->setMaximumHeight(96);
  m_notesLabel->setBuddy(m_notes);
  for (QWidget* widget : std::initializer_list<QWidget*>{m_headline, m_summary, m_onlyDiffering}) {
    layout->addWidget(widget);
  }
  layout->addWidget(m_view, 1);
  layout->addWidget(m_notesLabel);
  layout->addWidget(m_notes);
  layout->addStretch(0);

  auto* copy = new QShortcut(QKeySequence::Copy, m_view);
  copy->setContext(Qt::WidgetShortcut);
  connect(copy, &QShortcut::activated, this, [this] {
    QApplication::clipboard()->setText(m_model->toTsv());
    Q_EMIT message(tr("Copied the table of differences"));
  });
  connect(m_onlyDiffering, &QCheckBox::toggled, this, [this](bool on) {
    m_model->setOnlyDiffering(on);
    m_view->resizeColumnToContents(0);
  });
  // Notes are one undo step a pause, not one a letter.
  auto* pause = new QTimer(this);
  pause->setSingleShot(true);
  pause->setInterval(800);
  const auto store = [this] {
    const Run* run = m_workspace->run(m_noteRun);
    if (run != nullptr && run->notes != m_notes->toPlainText()) {
      m_workspace->setNotes(m_noteRun, m_notes->toPlainText());
    }
  };
  connect(m_notes, &QPlainTextEdit::textChanged, pause, qOverload<>(&QTimer::start));
  connect(pause, &QTimer::timeout, this, store);
  connect(workspace, &Workspace::selectionChanged, this, [this, pause, store] {
    pause->stop();
    store();
    update();
  });
  connect(workspace, &Workspace::baselineChanged, this, &ComparePanel::update);
  connect(workspace, &Workspace::wasReset, this, &ComparePanel::update);
  connect(workspace, &Workspace::runsRemoved, this, &ComparePanel::update);
  connect(workspace, &Workspace::runsChanged, this, [this](const QStringList& runs) {
    for (const QString& id : runs) {
      if (m_workspace->selection().contains(id)) {
        update();
        return;
      }
    }
  });
  update();
}

void ComparePanel::update() {
  QStringList runs;
  for (const QString& id : m_workspace->runIds()) {
    if (m_workspace->selection().contains(id)) {
      const Run* run = m_workspace->run(id);
      if (m_workspace->baselineFor(run->jobId) == run) {
        runs.prepend(id);
      } else {
        runs << id;
      }
    }
  }
  const bool one = runs.size() == 1;
  const bool several = runs.size() > 1;
  m_onlyDiffering->setVisible(several);
  m_view->setVisible(one || several);
  m_notes->setVisible(one);
  m_notesLabel->setVisible(one);
  m_summary->setVisible(!several);
  if (runs.isEmpty()) {
    m_headline->setText(tr("Nothing selected"));
    m_summary->setProperty("role", u"dim"_s);
    m_summary->setText(
        tr("Select a run in the table or in a plot to see its details; select two "
           "or more to compare them side by side."));
    m_noteRun.clear();
  } else if (one) {
    const Run& run = *m_workspace->run(runs.first());
    m_headline->setText(tr("Run %1 — %2").arg(runNumber(run), runLabel(run)));
    QStringList lines{run.model};
    if (run.metrics.ppl) {
      QString text = tr("PPL %1").arg(shortText(*run.metrics.ppl, 5));
      if (const auto delta = m_workspace->deltaOf(run.id); delta && delta->ppl) {
        text += u" (" + withInterval(delta->ppl, delta->ppl_ci95) + u')';
      }
      lines << text;
    }
    m_summary->setProperty("role", QString());
    m_summary->setText(lines.join(u'\n'));
    if (m_noteRun != run.id || !m_notes->hasFocus()) {
      m_noteRun = run.id;
      if (m_notes->toPlainText() != run.notes) {
        const QSignalBlocker blocker(m_notes);
        m_notes->setPlainText(run.notes);
      }
    }
  } else {
    m_headline->setText(tr("%1 runs side by side").arg(runs.size()));
    m_noteRun.clear();
  }
  // Off while columns change: the one that was last would keep the width that it was stretched to.
  m_view->horizontalHeader()->setStretchLastSection(false);
  m_model->setRuns(runs);
  m_view->resizeColumnToContents(0);
  constexpr int kNarrowest = 70, kWidest = 220;
  if (one) {
    const int room = std::max(kNarrowest, m_view->viewport()->width() - kNarrowest);
    m_view->setColumnWidth(0, std::min(m_view->columnWidth(0), room));
  }
  for (int column = 1; column < m_model->columnCount(); ++column) {
    m_view->resizeColumnToContents(column);
    // One run takes what is left beside its field names, so that nothing scrolls; what is longer
    // has a tool tip.
    m_view->setColumnWidth(
        column, one ? kNarrowest : std::clamp(m_view->columnWidth(column), kNarrowest, kWidest));
  }
  m_view->horizontalHeader()->setStretchLastSection(one);
}

// A splitter asks for this alone and knows nothing of heights for a width: what wraps would be cut.
QSize ComparePanel::minimumSizeHint() const {
  const QSize least = layout()->totalMinimumSize();
  const int high = layout()->totalMinimumHeightForWidth(std::max(width(), least.width()));
  return {least.width(), std::max(least.height(), high)};
}

void ComparePanel::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  if (event->size().width() != event->oldSize().width()) {
    updateGeometry();  // the least height is another one
  }
}

}  // namespace mxscope::ui
