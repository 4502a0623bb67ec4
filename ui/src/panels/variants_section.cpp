// SPDX-License-Identifier: GPL-3.0-or-later
#include <QEvent>
#include <QHeaderView>
#include <QLabel>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>

#include "models/builder_models.h"
#include "panels/builder_sections.h"
#include "panels/choice_delegate.h"
#include "panels/variants_dialog.h"

namespace mxscope::ui {

namespace {

constexpr int kFewestRows = 3, kMostRows = 6;

}  // namespace

VariantsSection::VariantsSection(ExperimentDocument* document, QWidget* parent)
    : Section(tr("Variants"), parent), m_document(document) {
  setObjectName(QStringLiteral("variantsSection"));
  m_model = new VariantTableModel(document, this);
  m_view = new QTableView(this);
  m_view->setObjectName(QStringLiteral("variantTable"));
  m_view->setAccessibleName(tr("Variants: formats and blocks"));
  m_view->setModel(m_model);
  m_view->setShowGrid(false);
  m_view->setWordWrap(false);
  m_view->setTabKeyNavigation(false);
  m_view->setAlternatingRowColors(true);
  m_view->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_view->setSelectionMode(QAbstractItemView::ExtendedSelection);
  m_view->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::EditKeyPressed |
                          QAbstractItemView::SelectedClicked);
  m_view->verticalHeader()->hide();
  m_view->horizontalHeader()->setHighlightSections(false);
  m_view->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  m_view->horizontalHeader()->setStretchLastSection(true);
  m_view->horizontalHeader()->setMinimumSectionSize(20);
  m_view->setProperty("dense", true);
  m_view->viewport()->installEventFilter(this);
  m_view->setItemDelegateForColumn(
      VariantTableModel::kWeights,
      new ChoiceDelegate(formatChoices(tr("unquantised")), false, this));
  m_view->setItemDelegateForColumn(
      VariantTableModel::kActivations,
      new ChoiceDelegate(formatChoices(tr("unquantised")), false, this));
  m_view->setItemDelegateForColumn(VariantTableModel::kBlock,
                                   new ChoiceDelegate(blockChoices(), true, this));
  m_view->setItemDelegateForColumn(VariantTableModel::kScale,
                                   new ChoiceDelegate(scaleChoices(), false, this));
  fitRows(m_view, kFewestRows, kMostRows);
  m_empty = addEmptyText(m_view->viewport(), tr("No variant: only the baseline is run. Press +"));
  setContent(m_view);

  QToolButton* add = addButton(QStringLiteral("add"), tr("Add variants…"));
  add->setObjectName(QStringLiteral("addVariants"));
  QToolButton* copy = addButton(QStringLiteral("copy"), tr("Duplicate the selected variants"));
  copy->setObjectName(QStringLiteral("copyVariants"));
  QToolButton* remove = addButton(QStringLiteral("remove"), tr("Remove the selected variants"));
  remove->setObjectName(QStringLiteral("removeVariants"));
  connect(add, &QToolButton::clicked, this, &VariantsSection::addVariants);
  connect(copy, &QToolButton::clicked, this, [this] {
    const std::vector<int> rows = selectedRows();
    m_document->edit(tr("duplicate variants"), [&rows](mxscope::Experiment& experiment) {
      for (const int row : rows) {
        mxscope::VariantEntry entry = experiment.variants[static_cast<std::size_t>(row)];
        if (!entry.name.empty()) {
          entry.name += " copy";
        }
        experiment.variants.push_back(std::move(entry));
      }
    });
  });
  connect(remove, &QToolButton::clicked, this, [this] {
    std::vector<int> rows = selectedRows();
    std::sort(rows.rbegin(), rows.rend());
    m_document->edit(tr("remove %n variant(s)", nullptr, static_cast<int>(rows.size())),
                     [&rows](mxscope::Experiment& experiment) {
                       for (const int row : rows) {
                         experiment.variants.erase(experiment.variants.begin() + row);
                       }
                     });
  });
  connect(m_view->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
          [this](const QModelIndex& now) {
            if (now.isValid()) {
              m_document->setCurrentVariant(now.row());
            }
          });
  connect(document, &ExperimentDocument::changed, this, &VariantsSection::refresh);
  refresh();
}

std::vector<int> VariantsSection::selectedRows() const {
  std::vector<int> rows;
  for (const QModelIndex& index : m_view->selectionModel()->selectedRows()) {
    rows.push_back(index.row());
  }
  return rows;
}

// The columns share the width of the dock, so that a variant is read without scrolling: each gets
// what its texts need, formats and layers what is left over; the name is shown where there is room
// for it.
void VariantsSection::fitColumns() {
  using M = VariantTableModel;
  const QFontMetrics metrics(m_view->font());
  const auto needs = [&](int column, const QString& sample) {
    const QString title = m_model->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString();
    return std::max(metrics.horizontalAdvance(sample), metrics.horizontalAdvance(title)) + 10;
  };
  const int format = needs(M::kWeights, QStringLiteral("MXFP8 E4M3"));
  const int activation = needs(M::kActivations, QStringLiteral("MXFP8 E4M3"));
  const int block = needs(M::kBlock, QStringLiteral("128"));
  const int scale = needs(M::kScale, tr("floor"));
  const int layers = needs(M::kLayers, tr("Tier B"));
  const int name = needs(M::kName, QStringLiteral("outside only"));
  const int width = m_view->viewport()->width();
  int spare = width - format - activation - block - scale - layers;
  const bool shown = spare >= name;
  m_view->setColumnHidden(M::kName, !shown);
  spare = std::max(0, shown ? spare - name : spare);
  m_view->setColumnWidth(M::kWeights, format + spare / 4);
  m_view->setColumnWidth(M::kActivations, activation + spare / 4);
  m_view->setColumnWidth(M::kBlock, block);
  m_view->setColumnWidth(M::kScale, scale);
  m_view->setColumnWidth(M::kLayers, layers);  // the last that is shown takes what is left
}

bool VariantsSection::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::Resize && watched == m_view->viewport()) {
    fitColumns();
  }
  return Section::eventFilter(watched, event);
}

void VariantsSection::refresh() {
  const auto& variants = m_document->experiment().variants;
  m_empty->setVisible(variants.empty());
  fitColumns();
  QString problem;
  // Problems of selectors stand in the rules section, beside their field.
  for (const mxscope::Issue& issue : m_document->issues()) {
    const QString path = QString::fromStdString(issue.path);
    if (problem.isEmpty() && path.startsWith(QLatin1String("variants")) &&
        !path.contains(QLatin1String(".match")) && !path.contains(QLatin1String(".except"))) {
      problem = QString::fromStdString(issue.message);
    }
  }
  setProblem(problem);
  if (!variants.empty() && !m_view->currentIndex().isValid()) {
    m_view->selectRow(m_document->currentVariant());
  }
}

void VariantsSection::addVariants() {
  VariantsDialog dialog(m_document, this);
  if (dialog.exec() == QDialog::Accepted) {
    const std::vector<mxscope::VariantEntry> made = dialog.variants();
    m_document->edit(tr("add %n variant(s)", nullptr, static_cast<int>(made.size())),
                     [&made](mxscope::Experiment& experiment) {
                       experiment.variants.insert(experiment.variants.end(), made.begin(),
                                                  made.end());
                     });
    const int last = static_cast<int>(m_document->experiment().variants.size()) - 1;
    m_view->selectRow(last);
  }
}

}  // namespace mxscope::ui
