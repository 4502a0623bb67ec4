// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/plot_card.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QHeaderView>
#include <QLabel>
#include <QMenu>
#include <QMimeData>
#include <QMouseEvent>
#include <QPushButton>
#include <QStackedWidget>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>

#include "bridge/background.h"
#include "panels/export_dialog.h"
#include "plots/plot_export.h"
#include "plots/plot_table_model.h"
#include "plots/plot_view.h"
#include "plots/segmented_switch.h"
#include "theme/icons.h"
#include "theme/theme.h"

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

enum Page { kPlotPage, kTablePage, kEmptyPage };

QToolButton* headerButton(QWidget* parent, const QString& iconName, const QString& text,
                          const QString& tooltip) {
  auto* button = new QToolButton(parent);
  button->setIcon(icon(iconName));
  button->setText(text);
  button->setToolTip(tooltip);
  button->setAccessibleName(tooltip);
  button->setToolButtonStyle(Qt::ToolButtonIconOnly);
  button->setFocusPolicy(Qt::TabFocus);
  return button;
}

}  // namespace

PlotCard::PlotCard(const QString& id, const QString& title, PlotView* view, QWidget* parent)
    : QFrame(parent), m_id(id), m_view(view) {
  setObjectName(QString("card-"_L1 + id));
  setProperty("role", u"card"_s);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(2, 2, 2, 2);
  layout->setSpacing(0);

  m_header = new QWidget(this);
  auto* header = new QHBoxLayout(m_header);
  header->setContentsMargins(10, 6, 6, 4);
  header->setSpacing(4);
  m_title = new QLabel(m_header);
  m_title->setProperty("role", u"title"_s);
  m_subtitle = new QLabel(m_header);
  m_subtitle->setProperty("role", u"small"_s);
  m_subtitle->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  header->addWidget(m_title);
  header->addSpacing(4);
  header->addWidget(m_subtitle, 1);
  header->addStretch(0);
  m_extras = new QHBoxLayout;
  m_extras->setSpacing(4);
  header->addLayout(m_extras);
  m_modes = new SegmentedSwitch(m_header);
  m_modes->hide();
  m_modeBox = new QComboBox(m_header);
  m_modeBox->setAccessibleName(tr("What %1 shows").arg(title));
  m_modeBox->setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
  m_modeBox->setSizeAdjustPolicy(QComboBox::AdjustToContents);
  m_modeBox->hide();
  header->addWidget(m_modes);
  header->addWidget(m_modeBox);
  m_copy = headerButton(m_header, u"copy"_s, tr("Copy"), tr("Copy picture and data"));
  m_export = headerButton(m_header, u"export"_s, tr("Export…"), tr("Export picture…"));
  m_tableButton = headerButton(m_header, u"table"_s, tr("Data"), tr("Show data table"));
  m_tableButton->setCheckable(true);
  m_maximise = headerButton(m_header, u"maximise"_s, tr("Maximise"), tr("Maximise card (F11)"));
  m_more = headerButton(m_header, u"more"_s, tr("More"), tr("More commands"));
  m_more->setPopupMode(QToolButton::InstantPopup);
  for (QToolButton* button : {m_copy, m_export, m_tableButton, m_maximise, m_more}) {
    header->addWidget(button);
  }
  layout->addWidget(m_header);
  m_secondLine = new QLabel(this);
  m_secondLine->setProperty("role", u"small"_s);
  m_secondLine->setContentsMargins(10, 0, 8, 2);
  m_secondLine->setWordWrap(true);
  m_secondLine->hide();
  layout->addWidget(m_secondLine);

  m_stack = new QStackedWidget(this);
  layout->addWidget(m_stack, 1);
  m_stack->addWidget(view);
  m_table = new QTableView(m_stack);
  m_tableModel = new PlotTableModel(this);
  m_table->setModel(m_tableModel);
  m_table->setAlternatingRowColors(true);
  m_table->setShowGrid(false);
  m_table->verticalHeader()->hide();
  m_table->verticalHeader()->setDefaultSectionSize(Theme::instance().rowHeight());
  m_table->horizontalHeader()->setStretchLastSection(true);
  m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_stack->addWidget(m_table);

  auto* empty = new QWidget(m_stack);
  auto* emptyLayout = new QVBoxLayout(empty);
  emptyLayout->setContentsMargins(16, 4, 16, 12);
  emptyLayout->setSpacing(6);
  emptyLayout->addStretch();
  m_emptyIcon = new QLabel(empty);
  m_emptyHeadline = new QLabel(empty);
  m_emptyHeadline->setProperty("role", u"heading"_s);
  m_emptyText = new QLabel(empty);
  m_emptyText->setProperty("role", u"dim"_s);
  m_emptyText->setWordWrap(true);
  m_emptyHeadline->setWordWrap(true);
  for (QLabel* label : {m_emptyIcon, m_emptyHeadline, m_emptyText}) {
    label->setAlignment(Qt::AlignCenter);
    emptyLayout->addWidget(label);
  }
  m_emptyButton = new QPushButton(empty);
  m_emptyButton->hide();
  auto* buttonRow = new QHBoxLayout;
  buttonRow->addStretch();
  buttonRow->addWidget(m_emptyButton);
  buttonRow->addStretch();
  emptyLayout->addLayout(buttonRow);
  emptyLayout->addStretch();
  m_stack->addWidget(empty);

  connect(m_modes, &SegmentedSwitch::currentChanged, this, [this](const QString& mode) {
    m_modeBox->setCurrentIndex(m_modeBox->findData(mode));
    Q_EMIT modeChanged(mode);
  });
  connect(m_modeBox, &QComboBox::activated, this,
          [this](int index) { m_modes->setCurrent(m_modeBox->itemData(index).toString()); });
  connect(m_copy, &QToolButton::clicked, this, &PlotCard::copyPicture);
  connect(m_export, &QToolButton::clicked, this, &PlotCard::exportPicture);
  connect(m_tableButton, &QToolButton::clicked, this, &PlotCard::showTable);
  connect(m_maximise, &QToolButton::clicked, this,
          [this] { Q_EMIT maximiseRequested(!m_maximised); });
  connect(m_emptyButton, &QPushButton::clicked, this, &PlotCard::emptyActionTriggered);
  connect(view, &PlotView::dataChanged, this, &PlotCard::refreshState);
  connect(view, &PlotView::menuRequested, this, [this](const QPoint& at) {
    QMenu* menu = makeMenu();
    menu->setAttribute(Qt::WA_DeleteOnClose);
    menu->popup(at);
  });
  auto* moreMenu = new QMenu(m_more);
  m_more->setMenu(moreMenu);
  connect(moreMenu, &QMenu::aboutToShow, this, [this, moreMenu] {
    moreMenu->clear();
    QMenu* made = makeMenu();
    for (QAction* action : made->actions()) {
      action->setParent(moreMenu);
      moreMenu->addAction(action);
    }
    made->deleteLater();
  });
  connect(&Theme::instance(), &Theme::changed, this, [this] {
    setEmptyState(m_emptyIconName, m_emptyHeadline->text(), m_emptyText->text(),
                  m_emptyButton->text());
    m_table->verticalHeader()->setDefaultSectionSize(Theme::instance().rowHeight());
    arrangeHeader();
  });
  setTitle(title);
  setEmptyState(u"chart-bars"_s, tr("No results yet"), tr("Results appear here as runs finish."));
  refreshState();
}

PlotCard::~PlotCard() = default;

QString PlotCard::title() const { return m_fullTitle; }
QString PlotCard::subtitle() const { return m_fullSubtitle; }

void PlotCard::setTitle(const QString& title) {
  if (m_fullTitle != title) {
    m_fullTitle = title;
    setAccessibleName(title);
    arrangeHeader();
  }
  refreshState();
}

void PlotCard::setSubtitle(const QString& subtitle) {
  if (m_fullSubtitle != subtitle) {
    m_fullSubtitle = subtitle;
    arrangeHeader();
  }
}

void PlotCard::setModes(const QList<QPair<QString, QString>>& modes) {
  const QString before = m_modes->current();
  m_modes->setItems(modes);
  m_modeBox->clear();
  for (const auto& [id, label] : modes) {
    m_modeBox->addItem(label, id);
  }
  m_modeBox->setCurrentIndex(m_modeBox->findData(m_modes->current()));
  arrangeHeader();
  if (!before.isEmpty() && before != m_modes->current()) {
    Q_EMIT modeChanged(m_modes->current());
  }
}

QString PlotCard::mode() const { return m_modes->current(); }
void PlotCard::setMode(const QString& id) { m_modes->setCurrent(id); }

QToolButton* PlotCard::addToggle(const QString& iconName, const QString& text,
                                 const QString& tooltip) {
  QToolButton* button = headerButton(m_header, iconName, text, tooltip);
  button->setCheckable(true);
  button->setObjectName(QString("toggle-"_L1 + iconName));
  m_toggles.append(button);
  m_extras->addWidget(button);
  arrangeHeader();
  return button;
}

void PlotCard::addHeaderWidget(QWidget* widget) {
  m_extras->addWidget(widget);
  arrangeHeader();
}

void PlotCard::setTitleWidget(QWidget* widget) {
  m_titleWidget = widget;
  m_title->hide();
  static_cast<QHBoxLayout*>(m_header->layout())->insertWidget(0, widget);
  arrangeHeader();
}

void PlotCard::addMenuAction(QAction* action) { m_menuActions.append(action); }

void PlotCard::setEmptyState(const QString& iconName, const QString& headline, const QString& text,
                             const QString& buttonText) {
  m_emptyIconName = iconName;
  m_emptyIcon->setPixmap(icon(iconName).pixmap(QSize(28, 28), QIcon::Disabled));
  m_emptyHeadline->setText(headline);
  m_emptyText->setText(text);
  m_emptyButton->setText(buttonText);
  m_emptyButton->setVisible(!buttonText.isEmpty());
}

PlotInfo PlotCard::info() const {
  PlotInfo info = m_info ? m_info() : PlotInfo();
  if (info.title.isEmpty()) {
    info.title = title();
  }
  if (info.subtitle.isEmpty()) {
    info.subtitle = m_fullSubtitle;
  }
  return info;
}

void PlotCard::refreshState() {
  if (m_view == nullptr) {
    return;
  }
  const bool hasData = m_view->hasData();
  const QString fact = QString(title() + u": "_s + m_view->mainFact());
  if (m_view->accessibleName() != fact) {
    m_view->setAccessibleName(fact);
    m_view->focusProxy()->setAccessibleName(fact);
    m_table->setAccessibleName(tr("Data of %1").arg(title()));
  }
  const int page = !hasData ? kEmptyPage : m_tableWanted ? kTablePage : kPlotPage;
  if (m_stack->currentIndex() != page) {
    m_stack->setCurrentIndex(page);
    updateGeometry();
  }
  for (QToolButton* button : {m_copy, m_export, m_tableButton}) {
    button->setEnabled(hasData);
  }
  if (page == kTablePage) {
    m_tableModel->setTable(m_view->table());
    m_table->resizeColumnsToContents();
  }
}

void PlotCard::showTable(bool on) {
  m_tableWanted = on;
  m_tableButton->setChecked(on);
  refreshState();
}

bool PlotCard::tableShown() const { return m_stack->currentIndex() == kTablePage; }

void PlotCard::setMaximised(bool on) {
  m_maximised = on;
  m_maximise->setIcon(icon(on ? u"restore"_s : u"maximise"_s));
  m_maximise->setToolTip(on ? tr("Restore card (F11)") : tr("Maximise card (F11)"));
  m_maximise->setAccessibleName(m_maximise->toolTip());
}

void PlotCard::copyPicture() {
  if (!m_view->hasData()) {
    return;
  }
  PictureOptions options;
  options.size = m_view->size().expandedTo(QSize(480, 300));
  inBackground(
      this, [drawn = drawPlot(*m_view, info(), options)] { return toImage(drawn); },
      [this, text = m_view->table().toTsv(), title = title()](QImage&& image) {
        auto* mime = new QMimeData;
        mime->setImageData(image);
        mime->setText(text);
        QApplication::clipboard()->setMimeData(mime);
        Q_EMIT message(tr("Copied %1 as a picture and as data").arg(title));
      });
}

void PlotCard::copyData() {
  QApplication::clipboard()->setText(m_view->table().toTsv());
  Q_EMIT message(tr("Copied the data of %1").arg(title()));
}

void PlotCard::exportPicture() {
  PictureExportDialog dialog(*m_view, info(), m_id, this);
  if (dialog.exec() == QDialog::Accepted) {
    Q_EMIT message(tr("Wrote %1").arg(dialog.writtenFile()));
  }
}

QMenu* PlotCard::makeMenu() {
  auto* menu = new QMenu(this);
  const bool hasData = m_view->hasData();
  const auto add = [&](const QString& iconName, const QString& text, auto slot) {
    QAction* action = menu->addAction(icon(iconName), text, this, slot);
    action->setEnabled(hasData);
    return action;
  };
  add(u"copy"_s, tr("&Copy image"), &PlotCard::copyPicture);
  add(u"copy"_s, tr("Copy &data"), &PlotCard::copyData);
  add(u"export"_s, tr("&Export…"), &PlotCard::exportPicture);
  QAction* table = add(u"table"_s, tr("Show data &table"), [this] { showTable(!m_tableWanted); });
  table->setCheckable(true);
  table->setChecked(m_tableWanted);
  if (m_view->zoom() != nullptr) {
    menu->addSeparator();
    add(u"zoom-reset"_s, tr("&Reset zoom (0)"), [this] { m_view->resetZoom(); });
  }
  menu->addSeparator();
  menu->addAction(icon(m_maximised ? u"restore"_s : u"maximise"_s),
                  m_maximised ? tr("Restore card") : tr("&Maximise card"), this,
                  [this] { Q_EMIT maximiseRequested(!m_maximised); });
  if (!m_menuActions.isEmpty()) {
    menu->addSeparator();
    for (QAction* action : m_menuActions) {
      // A copy, since the menu owns what it shows.
      QAction* item = menu->addAction(action->icon(), action->text());
      item->setEnabled(action->isEnabled());
      connect(item, &QAction::triggered, action, &QAction::trigger);
    }
  }
  return menu;
}

void PlotCard::arrangeHeader() {
  if (m_arranging) {
    return;
  }
  m_arranging = true;
  const bool manyModes = m_modes->items().size() > 1;
  const QFontMetrics titleMetrics(Theme::instance().titleFont());
  const int titleWidth = m_titleWidget != nullptr ? m_titleWidget->sizeHint().width()
                                                  : titleMetrics.horizontalAdvance(m_fullTitle) + 2;
  // 0: texts, 1: icons, 2: menu, 3: menu and combo box.
  const auto apply = [&](int level) {
    const auto style = level == 0 ? Qt::ToolButtonTextOnly : Qt::ToolButtonIconOnly;
    m_copy->setToolButtonStyle(style);
    m_export->setToolButtonStyle(style);
    for (QToolButton* toggle : m_toggles) {
      toggle->setToolButtonStyle(style);
    }
    for (QToolButton* button : {m_copy, m_export, m_tableButton}) {
      button->setVisible(level < 2);
    }
    m_maximise->setVisible(level < 2);
    m_more->setVisible(level >= 2);
    m_modes->setVisible(manyModes && level < 3);
    m_modeBox->setVisible(manyModes && level >= 3);
    int needed = titleWidth + 24;
    const auto count = [&needed](const QWidget* w) {
      if (!w->isHidden()) {
        needed += w->sizeHint().width() + 4;
      }
    };
    for (int i = 0; i < m_extras->count(); ++i) {
      if (const QWidget* widget = m_extras->itemAt(i)->widget()) {
        count(widget);
      }
    }
    for (const QWidget* w : std::initializer_list<const QWidget*>{
             m_modes, m_modeBox, m_copy, m_export, m_tableButton, m_maximise, m_more}) {
      count(w);
    }
    return needed;
  };
  const int room = width() - 8;
  int needed = 0;
  for (int level = 0; level <= 3; ++level) {
    needed = apply(level);
    if (needed <= room) {
      break;
    }
  }
  if (m_titleWidget == nullptr) {
    const int missing = std::max(0, needed - room);
    m_title->setText(
        titleMetrics.elidedText(m_fullTitle, Qt::ElideRight, std::max(24, titleWidth - missing)));
  }
  // What does not fit beside the title stands below it, where there is height for that.
  const int wanted =
      QFontMetrics(Theme::instance().axisFont()).horizontalAdvance(m_fullSubtitle) + 8;
  const bool beside = !m_fullSubtitle.isEmpty() && room - needed - 16 >= wanted;
  m_subtitle->setVisible(beside);
  m_subtitle->setText(m_fullSubtitle);
  m_secondLine->setVisible(!m_fullSubtitle.isEmpty() && !beside && height() >= 240);
  m_secondLine->setText(m_fullSubtitle);
  m_title->setToolTip(m_fullSubtitle);
  m_arranging = false;
}

void PlotCard::resizeEvent(QResizeEvent* event) {
  QFrame::resizeEvent(event);
  arrangeHeader();
  if (event->size().width() != event->oldSize().width()) {
    updateGeometry();  // the least height is another one
  }
}

bool PlotCard::event(QEvent* event) {
  if (event->type() == QEvent::Polish || event->type() == QEvent::FontChange) {
    const bool result = QFrame::event(event);
    arrangeHeader();
    return result;
  }
  return QFrame::event(event);
}

void PlotCard::mouseDoubleClickEvent(QMouseEvent* event) {
  if (m_header->geometry().contains(event->pos())) {
    Q_EMIT maximiseRequested(!m_maximised);
  } else {
    QFrame::mouseDoubleClickEvent(event);
  }
}

// Splitters ask for this alone and know nothing of heights for a width: what wraps would be cut.
QSize PlotCard::minimumSizeHint() const {
  return {kLeastWidth, std::max(150, leastHeight(kLeastWidth, 0))};
}

QSize PlotCard::frameSize() const {
  const QMargins margins = layout()->contentsMargins();
  // The style sheet's border lies outside the layout's margins.
  return size() - contentsRect().size() +
         QSize(margins.left() + margins.right(), margins.top() + margins.bottom());
}

int PlotCard::leastHeight(int leastWidth, int plot) const {
  const QSize frame = frameSize();
  const int inner = std::max(leastWidth, width()) - frame.width();
  int high = frame.height();
  for (int i = 0; i < layout()->count(); ++i) {
    QLayoutItem* item = layout()->itemAt(i);
    if (item->widget() == m_stack) {
      // Not heightForWidth() of the stack, which is that of its highest page.
      const int page = m_stack->currentIndex() == kEmptyPage
                           ? m_stack->currentWidget()->layout()->totalMinimumHeightForWidth(inner)
                           : plot;
      high += std::max(page, m_stack->minimumSizeHint().height());
    } else if (!item->isEmpty()) {
      high += item->hasHeightForWidth() ? item->heightForWidth(inner) : item->sizeHint().height();
    }
  }
  return high;
}

QJsonObject PlotCard::saveState() const {
  QJsonObject state{{u"mode"_s, mode()}, {u"table"_s, m_tableWanted}};
  QJsonObject toggles;
  for (const QToolButton* toggle : m_toggles) {
    toggles[toggle->objectName()] = toggle->isChecked();
  }
  state[u"toggles"_s] = toggles;
  return state;
}

void PlotCard::restoreState(const QJsonObject& state) {
  setMode(state[u"mode"_s].toString());
  showTable(state[u"table"_s].toBool());
  const QJsonObject toggles = state[u"toggles"_s].toObject();
  for (QToolButton* toggle : m_toggles) {
    if (toggles.contains(toggle->objectName()) &&
        toggle->isChecked() != toggles[toggle->objectName()].toBool()) {
      toggle->click();
    }
  }
}

}  // namespace mxscope::ui
