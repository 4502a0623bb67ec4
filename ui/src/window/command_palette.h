// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>
#include <QList>
#include <QPointer>
#include <functional>

class QAction;
class QLineEdit;
class QListWidget;

namespace mxscope::ui {

// Everything that can be done, found by typing parts of its name. Enter runs, Esc closes and the
// focus goes back; what is disabled is shown with the reason (its tool tip).
class CommandPalette : public QDialog {
  Q_OBJECT

 public:
  struct Entry {
    QString text, shortcut, disabledReason;
    std::function<void()> run;
    [[nodiscard]] static Entry of(QAction* action);
  };

  explicit CommandPalette(const QList<Entry>& entries, QWidget* parent = nullptr);

  // How well `pattern` is found in `text` in its order; below 0: not. Higher is better.
  [[nodiscard]] static int score(const QString& pattern, const QString& text);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void refresh();
  void runCurrent();

  QList<Entry> m_entries;
  QLineEdit* m_field;
  QListWidget* m_list;
};

}  // namespace mxscope::ui
