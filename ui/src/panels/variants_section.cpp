// SPDX-License-Identifier: GPL-3.0-or-later
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

constexpr int kRowHeight = 24;
constexpr int kShownRows = 4;

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
  m_view->verticalHeader()->setDefaultSectionSize(kRowHeight);
  m_view->horizontalHeader()->setHighlightSections(false);
  m_view->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  m_view->horizontalHeader()->setStretchLastSection(true);
  m_view->setColumnWidth(VariantTableModel::kWeights, 98);
  m_view->setColumnWidth(VariantTableModel::kActivations, 98);
  m_view->setColumnWidth(VariantTableModel::kBlock, 48);
  m_view->setColumnWidth(VariantTableModel::kScale, 52);
  m_view->setColumnWidth(VariantTableModel::kLayers, 100);
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
  m_view->setMinimumHeight(kShownRows * kRowHeight + 34);
  m_view->setMaximumHeight(kShownRows * kRowHeight + 48);
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

void VariantsSection::refresh() {
  const auto& variants = m_document->experiment().variants;
  m_empty->setVisible(variants.empty());
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
