// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>

class QAction;
class QComboBox;
class QCheckBox;
class QLineEdit;
class QSpinBox;
class QTreeWidget;

namespace mxscope::ui {

class EngineClient;

// Theme, font size and the command of the engine. Look changes at once and comes back on Cancel.
class SettingsDialog : public QDialog {
  Q_OBJECT

 public:
  explicit SettingsDialog(QWidget* parent = nullptr);
  [[nodiscard]] bool engineChanged() const { return m_engineChanged; }
  void accept() override;
  void reject() override;

 private:
  QComboBox* m_theme;
  QCheckBox* m_contrast;
  QSpinBox* m_font;
  QLineEdit* m_engine;
  int m_oldTheme, m_oldFont;
  bool m_oldContrast, m_engineChanged = false;
};

class AboutDialog : public QDialog {
  Q_OBJECT

 public:
  explicit AboutDialog(QWidget* parent = nullptr);
};

// All commands with their keys.
class ShortcutsDialog : public QDialog {
  Q_OBJECT

 public:
  explicit ShortcutsDialog(const QList<QAction*>& actions, QWidget* parent = nullptr);
};

// Engine, devices, fonts and write permission, each with what to do when it is not right.
class SetupDialog : public QDialog {
  Q_OBJECT

 public:
  explicit SetupDialog(EngineClient* engine, QWidget* parent = nullptr);

 private:
  void add(bool ok, const QString& what, const QString& found, const QString& fix);
  QTreeWidget* m_list;
};

// What happened, the last log lines, the command line and the configuration; Copy report.
class DetailsDialog : public QDialog {
  Q_OBJECT

 public:
  DetailsDialog(const QString& title, const QString& text, const QStringList& log,
                const QString& command, const QString& configuration, QWidget* parent = nullptr);
};

}  // namespace mxscope::ui
