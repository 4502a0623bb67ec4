// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/segmented_switch.h"

#include <QButtonGroup>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QToolButton>

using namespace Qt::StringLiterals;

namespace mxscope::ui {

SegmentedSwitch::SegmentedSwitch(QWidget* parent)
    : QWidget(parent), m_group(new QButtonGroup(this)) {
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
  connect(m_group, &QButtonGroup::idClicked, this,
          [this](int index) { setCurrent(m_items[index].first); });
}

void SegmentedSwitch::setItems(const QList<QPair<QString, QString>>& items) {
  if (items == m_items) {
    return;
  }
  m_items = items;
  for (QAbstractButton* button : m_group->buttons()) {
    m_group->removeButton(button);
    delete button;
  }
  for (qsizetype i = 0; i < items.size(); ++i) {
    auto* button = new QToolButton(this);
    button->setText(items[i].second);
    button->setAccessibleName(items[i].second);
    button->setObjectName(QString("segment-"_L1 + items[i].first));
    button->setCheckable(true);
    button->setFocusPolicy(Qt::TabFocus);
    button->installEventFilter(this);
    const bool first = i == 0;
    const bool last = i + 1 == items.size();
    button->setProperty("segment", first && last ? u"only"_s
                                   : first       ? u"first"_s
                                   : last        ? u"last"_s
                                                 : u"middle"_s);
    // Bold text of the checked button must not change its width.
    QFont bold = font();
    bold.setBold(true);
    button->ensurePolished();
    button->setMinimumWidth(QFontMetrics(bold).horizontalAdvance(items[i].second) + 22);
    m_group->addButton(button, int(i));
    layout()->addWidget(button);
    if (items[i].first == m_current) {
      button->setChecked(true);
    }
  }
  const bool known = m_group->checkedButton() != nullptr;
  if (!known && !items.isEmpty()) {
    m_current = items.first().first;
    m_group->button(0)->setChecked(true);
  }
}

void SegmentedSwitch::setItemEnabled(const QString& id, bool enabled, const QString& reason) {
  for (qsizetype i = 0; i < m_items.size(); ++i) {
    if (m_items[i].first == id) {
      m_group->button(int(i))->setEnabled(enabled);
      m_group->button(int(i))->setToolTip(enabled ? QString() : reason);
    }
  }
}

void SegmentedSwitch::setCurrent(const QString& id) {
  for (qsizetype i = 0; i < m_items.size(); ++i) {
    if (m_items[i].first == id) {
      m_group->button(int(i))->setChecked(true);
      if (m_current != id) {
        m_current = id;
        Q_EMIT currentChanged(id);
      }
    }
  }
}

bool SegmentedSwitch::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::KeyPress) {
    const int key = static_cast<QKeyEvent*>(event)->key();
    if (key == Qt::Key_Left || key == Qt::Key_Right) {
      keyPressEvent(static_cast<QKeyEvent*>(event));
      return true;
    }
  }
  return QWidget::eventFilter(watched, event);
}

void SegmentedSwitch::keyPressEvent(QKeyEvent* event) {
  const int step = event->key() == Qt::Key_Right ? 1 : event->key() == Qt::Key_Left ? -1 : 0;
  int index = m_group->checkedId() + step;
  while (step != 0 && index >= 0 && index < m_items.size()) {
    if (m_group->button(index)->isEnabled()) {
      m_group->button(index)->setFocus();
      setCurrent(m_items[index].first);
      return;
    }
    index += step;
  }
  if (step == 0) {
    QWidget::keyPressEvent(event);
  }
}

}  // namespace mxscope::ui
