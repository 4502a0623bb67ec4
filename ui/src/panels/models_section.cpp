// SPDX-License-Identifier: GPL-3.0-or-later
#include <QComboBox>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>

#include "bridge/model_inspector.h"
#include "models/builder_models.h"
#include "panels/builder_sections.h"
#include "theme/icons.h"

namespace mxscope::ui {

ModelsSection::ModelsSection(ExperimentDocument* document, ModelInspector* inspector,
                             QWidget* parent)
    : Section(tr("Models"), parent), m_document(document), m_inspector(inspector) {
  setObjectName(QStringLiteral("modelsSection"));
  auto* content = new QWidget(this);
  auto* layout = new QVBoxLayout(content);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(4);
  m_model = new ModelListModel(document, this);
  m_view = new QTableView(content);
  m_view->setObjectName(QStringLiteral("modelList"));
  m_view->setAccessibleName(tr("Models of the experiment"));
  m_view->setModel(m_model);
  m_view->setShowGrid(false);
  m_view->setWordWrap(false);
  m_view->setTabKeyNavigation(false);
  m_view->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_view->setSelectionMode(QAbstractItemView::SingleSelection);
  m_view->horizontalHeader()->hide();
  m_view->verticalHeader()->hide();
  m_view->horizontalHeader()->setSectionResizeMode(0, QHeaderView::ResizeToContents);
  m_view->horizontalHeader()->setStretchLastSection(true);
  fitRows(m_view, 2, 4);
  m_empty = addEmptyText(m_view->viewport(), tr("Add a model: drop a folder or press +"));
  layout->addWidget(m_view);

  auto* line = new QHBoxLayout;
  line->setSpacing(4);
  m_source = new QLineEdit(content);
  m_source->setObjectName(QStringLiteral("modelSource"));
  m_source->setPlaceholderText(tr("Folder or hub id"));
  m_source->setAccessibleName(tr("Folder or hub id of a model to add"));
  m_source->setToolTip(
      tr("A folder with config.json and safetensors files, or a hub id, e.g. "
         "openai-community/gpt2; Enter adds it"));
  line->addWidget(m_source, 1);
  m_dtype = new QComboBox(content);
  m_dtype->setObjectName(QStringLiteral("modelDtype"));
  m_dtype->setAccessibleName(tr("Compute type of the selected model"));
  m_dtype->setToolTip(tr("Type that weights are held and computed in; auto: as stored"));
  for (const std::string_view name : mxscope::model_dtype_names()) {
    m_dtype->addItem(QString::fromUtf8(name.data(), static_cast<qsizetype>(name.size())));
  }
  m_dtype->setMinimumWidth(96);
  m_dtype->setMaximumWidth(110);
  m_source->setMinimumWidth(80);
  line->addWidget(m_dtype);
  layout->addLayout(line);
  setContent(content);

  QToolButton* folder = addButton(QStringLiteral("folder"), tr("Add a model folder…"));
  folder->setObjectName(QStringLiteral("addModelFolder"));
  QToolButton* add = addButton(QStringLiteral("add"), tr("Add the model named below"));
  add->setObjectName(QStringLiteral("addModel"));
  QToolButton* remove = addButton(QStringLiteral("remove"), tr("Remove the selected model"));
  remove->setObjectName(QStringLiteral("removeModel"));

  const auto addTyped = [this] {
    const QString source = m_source->text().trimmed();
    if (source.isEmpty()) {
      addFolder();
    } else {
      m_source->clear();
      addModel(source);
    }
  };
  connect(m_source, &QLineEdit::returnPressed, this, addTyped);
  connect(add, &QToolButton::clicked, this, addTyped);
  connect(folder, &QToolButton::clicked, this, &ModelsSection::addFolder);
  connect(remove, &QToolButton::clicked, this, [this] {
    const int row = m_view->currentIndex().row();
    if (row >= 0) {
      m_document->edit(tr("remove model"), [row](mxscope::Experiment& experiment) {
        experiment.models.erase(experiment.models.begin() + row);
      });
    }
  });
  connect(m_view->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
          [this](const QModelIndex& now) {
            if (now.isValid()) {
              m_document->setCurrentModel(now.row());
            }
          });
  connect(m_view, &QTableView::doubleClicked, this, [this](const QModelIndex& index) {
    const mxscope::Experiment& experiment = m_document->experiment();
    m_inspector->inspectAgain(
        QString::fromStdString(experiment.models[static_cast<std::size_t>(index.row())].source));
  });
  connect(m_dtype, &QComboBox::activated, this, [this](int index) {
    const auto row = static_cast<std::size_t>(m_document->currentModel());
    if (row < m_document->experiment().models.size()) {
      m_document->edit(tr("change compute type to %1").arg(m_dtype->itemText(index)),
                       [row, index](mxscope::Experiment& experiment) {
                         experiment.models[row].dtype = static_cast<mxscope::ModelDtype>(index);
                       });
    }
  });
  connect(document, &ExperimentDocument::changed, this, &ModelsSection::refresh);
  connect(document, &ExperimentDocument::modelInfoChanged, this, &ModelsSection::refresh);
  connect(document, &ExperimentDocument::currentModelChanged, this, &ModelsSection::refresh);
  refresh();
}

void ModelsSection::focusInput() { m_source->setFocus(Qt::ShortcutFocusReason); }

void ModelsSection::addModel(const QString& typed) {
  QString source = typed;
  if (QFileInfo(source).isFile()) {
    source = QFileInfo(source).absolutePath();
  }
  // A folder below the experiment's own is written relative to it, so that both can move.
  const QDir base(m_document->baseDir());
  if (QFileInfo(source).isAbsolute() && !m_document->filePath().isEmpty()) {
    const QString relative = base.relativeFilePath(source);
    if (!relative.startsWith(QLatin1String(".."))) {
      source = relative;
    }
  }
  for (const mxscope::ModelEntry& model : m_document->experiment().models) {
    if (QString::fromStdString(model.source) == source) {
      setProblem(tr("%1 is in the list already.").arg(source), true);
      return;
    }
  }
  m_document->edit(tr("add model %1").arg(QFileInfo(source).fileName()),
                   [&source](mxscope::Experiment& experiment) {
                     experiment.models.emplace_back().source = source.toStdString();
                   });
  m_document->setCurrentModel(static_cast<int>(m_document->experiment().models.size()) - 1);
}

void ModelsSection::addFolder() {
  const QString folder =
      QFileDialog::getExistingDirectory(this, tr("Model folder"), m_document->baseDir());
  if (!folder.isEmpty()) {
    addModel(folder);
  }
}

void ModelsSection::refresh() {
  const mxscope::Experiment& experiment = m_document->experiment();
  m_empty->setVisible(experiment.models.empty());
  const auto row = static_cast<std::size_t>(m_document->currentModel());
  const bool any = row < experiment.models.size();
  m_dtype->setEnabled(any);
  m_dtype->setCurrentIndex(any ? static_cast<int>(experiment.models[row].dtype) : 0);
  if (any && m_view->currentIndex().row() != static_cast<int>(row)) {
    m_view->selectRow(static_cast<int>(row));
  }
  QString problem =
      experiment.models.empty() ? QString() : m_document->issueAt(QStringLiteral("models"));
  for (const mxscope::ModelEntry& model : experiment.models) {
    const ModelInfo& info = m_document->modelInfo(QString::fromStdString(model.source));
    if (problem.isEmpty() && info.state == ModelInfo::State::kFailed) {
      problem = tr("Not a model that can be read: %1").arg(info.error);
    }
  }
  setProblem(problem);
}

}  // namespace mxscope::ui
