// SPDX-License-Identifier: GPL-3.0-or-later
#include "panels/log_panel.h"

#include <QCheckBox>
#include <QClipboard>
#include <QFontDatabase>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QTime>
#include <QVBoxLayout>

namespace mxscope::ui {

namespace {

constexpr int kMaximumLines = 5000;

}  // namespace

LogPanel::LogPanel(QWidget* parent) : QWidget(parent) {
  setObjectName(QStringLiteral("logPanel"));
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 6, 0, 0);
  auto* bar = new QHBoxLayout;
  m_filter = new QLineEdit(this);
  m_filter->setObjectName(QStringLiteral("logFilter"));
  m_filter->setPlaceholderText(tr("Filter the log"));
  m_filter->setAccessibleName(tr("Filter the log"));
  m_filter->setToolTip(m_filter->placeholderText());  // in a narrow window it does not fit
  m_filter->setClearButtonEnabled(true);
  bar->addWidget(m_filter, 1);
  m_problems = new QCheckBox(tr("Only &warnings and errors"), this);
  bar->addWidget(m_problems);
  auto* copy = new QPushButton(tr("&Copy"), this);
  copy->setAccessibleName(tr("Copy the log"));
  bar->addWidget(copy);
  auto* clear = new QPushButton(tr("C&lear"), this);
  clear->setAccessibleName(tr("Clear the log"));
  bar->addWidget(clear);
  layout->addLayout(bar);
  m_view = new QPlainTextEdit(this);
  m_view->setObjectName(QStringLiteral("logText"));
  m_view->setAccessibleName(tr("Log"));
  m_view->setReadOnly(true);
  m_view->setMaximumBlockCount(kMaximumLines);
  m_view->setLineWrapMode(QPlainTextEdit::NoWrap);
  m_view->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
  m_view->setPlaceholderText(tr("What the engine says appears here."));
  layout->addWidget(m_view, 1);
  connect(m_filter, &QLineEdit::textChanged, this, &LogPanel::refresh);
  connect(m_problems, &QCheckBox::toggled, this, &LogPanel::refresh);
  connect(copy, &QPushButton::clicked, this,
          [this] { QGuiApplication::clipboard()->setText(text()); });
  connect(clear, &QPushButton::clicked, this, [this] {
    m_lines.clear();
    refresh();
  });
}

bool LogPanel::shows(const QString& level, const QString& line) const {
  if (m_problems->isChecked() && level != QLatin1String("warning") &&
      level != QLatin1String("error")) {
    return false;
  }
  return m_filter->text().isEmpty() || line.contains(m_filter->text(), Qt::CaseInsensitive);
}

void LogPanel::append(const QString& level, const QString& text) {
  const QString line = QTime::currentTime().toString(QStringLiteral("HH:mm:ss")) +
                       QLatin1String("  ") + level.leftJustified(8) + text;
  m_lines.append({level, line});
  while (m_lines.size() > kMaximumLines) {
    m_lines.removeFirst();
  }
  if (shows(level, line)) {
    m_view->appendPlainText(line);
  }
}

void LogPanel::refresh() {
  QStringList shown;
  for (const Line& line : std::as_const(m_lines)) {
    if (shows(line.level, line.text)) {
      shown << line.text;
    }
  }
  m_view->setPlainText(shown.join(QLatin1Char('\n')));
}

QString LogPanel::text() const { return m_view->toPlainText(); }

void LogPanel::focusFilter() { m_filter->setFocus(Qt::ShortcutFocusReason); }

}  // namespace mxscope::ui
