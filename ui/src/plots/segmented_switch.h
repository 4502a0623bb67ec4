// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QList>
#include <QPair>
#include <QWidget>

class QButtonGroup;

namespace mxscope::ui {

// A row of buttons of which exactly one is on; arrow keys move. Items are (id, label).
class SegmentedSwitch : public QWidget {
  Q_OBJECT

 public:
  explicit SegmentedSwitch(QWidget* parent = nullptr);
  void setItems(const QList<QPair<QString, QString>>& items);
  const QList<QPair<QString, QString>>& items() const { return m_items; }
  void setItemEnabled(const QString& id, bool enabled, const QString& reason = {});
  QString current() const { return m_current; }
  void setCurrent(const QString& id);  // emits currentChanged when it differs

 Q_SIGNALS:
  void currentChanged(const QString& id);

 protected:
  void keyPressEvent(QKeyEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  QList<QPair<QString, QString>> m_items;
  QString m_current;
  QButtonGroup* m_group;
};

}  // namespace mxscope::ui
