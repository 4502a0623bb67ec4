// SPDX-License-Identifier: GPL-3.0-or-later
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QSortFilterProxyModel>
#include <QStyledItemDelegate>
#include <QToolButton>
#include <QTreeView>
#include <QVBoxLayout>
#include <algorithm>

#include "models/layer_tree_model.h"
#include "panels/builder_sections.h"
#include "theme/theme.h"

namespace mxscope::ui {

namespace {

constexpr int kFilterExpandLimit = 60;  // groups that a filter unfolds

// Rows that are easy to hit: a check box needs more height than a line of text.
class RowDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;
  [[nodiscard]] QSize sizeHint(const QStyleOptionViewItem& option,
                               const QModelIndex& index) const override {
    QSize size = QStyledItemDelegate::sizeHint(option, index);
    return {size.width(), std::max(size.height(), Theme::instance().rowHeight() - 1)};
  }
};

}  // namespace

LayersSection::LayersSection(ExperimentDocument* document, QWidget* parent)
    : Section(tr("Effect on layers"), parent), m_document(document) {
  setObjectName(QStringLiteral("layersSection"));
  auto* content = new QWidget(this);
  auto* layout = new QVBoxLayout(content);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(4);
  m_filter = new QLineEdit(content);
  m_filter->setObjectName(QStringLiteral("layerFilter"));
  m_filter->setPlaceholderText(tr("Filter layers"));
  m_filter->setAccessibleName(tr("Filter layers"));
  m_filter->setClearButtonEnabled(true);
  layout->addWidget(m_filter);
  m_model = new LayerTreeModel(document, this);
  auto* proxy = new QSortFilterProxyModel(this);
  proxy->setSourceModel(m_model);
  proxy->setRecursiveFilteringEnabled(true);
  proxy->setAutoAcceptChildRows(true);
  proxy->setFilterCaseSensitivity(Qt::CaseInsensitive);
  m_view = new QTreeView(content);
  m_view->setObjectName(QStringLiteral("layerTree"));
  m_view->setAccessibleName(tr("Layers and what each gets"));
  m_view->setModel(proxy);
  m_view->setUniformRowHeights(true);
  m_view->setItemDelegate(new RowDelegate(m_view));
  m_view->setAllColumnsShowFocus(true);
  m_view->header()->setStretchLastSection(true);
  m_view->header()->resizeSection(0, 190);
  m_view->setMinimumHeight(130);
  m_view->setIndentation(18);
  m_empty = addEmptyText(m_view->viewport(), tr("The layers of the selected model appear here."));
  layout->addWidget(m_view, 1);
  setContent(content);
  m_removeManual = addButton(QStringLiteral("undo"), tr("Remove all manual overrides"));
  m_removeManual->setObjectName(QStringLiteral("removeManual"));
  connect(m_removeManual, &QToolButton::clicked, this, &LayersSection::removeManual);
  connect(m_filter, &QLineEdit::textChanged, this, [this, proxy](const QString& text) {
    proxy->setFilterFixedString(text);
    if (text.isEmpty()) {
      m_view->collapseAll();
    } else if (proxy->rowCount() <= kFilterExpandLimit) {
      m_view->expandAll();
    }
  });
  connect(m_model, &QAbstractItemModel::dataChanged, this, &LayersSection::refresh);
  connect(m_model, &QAbstractItemModel::modelReset, this, &LayersSection::refresh);
  refresh();
}

void LayersSection::focusFilter() { m_filter->setFocus(Qt::ShortcutFocusReason); }

void LayersSection::show(const QString& linear) {
  m_filter->clear();
  const auto* proxy = qobject_cast<QSortFilterProxyModel*>(m_view->model());
  const QModelIndex index = proxy->mapFromSource(m_model->find(linear));
  if (index.isValid()) {
    m_view->setCurrentIndex(index);
    m_view->scrollTo(index, QAbstractItemView::PositionAtCenter);
    m_view->setFocus(Qt::ShortcutFocusReason);
  }
}

void LayersSection::removeManual() {
  if (m_model->hasManual()) {
    m_model->removeManual();
  }
}

void LayersSection::refresh() {
  const auto [on, all] = m_model->counts();
  m_empty->setVisible(all == 0);
  setNote(all > 0 ? tr("%1 of %2 quantised").arg(on).arg(all) : QString());
  m_removeManual->setVisible(m_model->hasManual());
}

}  // namespace mxscope::ui
