// SPDX-License-Identifier: GPL-3.0-or-later
#include "panels/problem_bar.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QToolButton>

#include "theme/icons.h"

namespace mxscope::ui {

ProblemBar::ProblemBar(QWidget* parent) : QFrame(parent) {
  setObjectName(QStringLiteral("problemBar"));
  setProperty("role", QStringLiteral("banner-error"));
  setAccessibleName(tr("Problem"));
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(12, 8, 8, 8);
  m_text = new QLabel(this);
  m_text->setObjectName(QStringLiteral("problemText"));
  m_text->setWordWrap(true);
  m_text->setTextFormat(Qt::RichText);
  m_text->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  layout->addWidget(m_text, 1);
  m_action = new QPushButton(this);
  m_action->setObjectName(QStringLiteral("problemAction"));
  layout->addWidget(m_action);
  m_details = new QPushButton(tr("&Details"), this);
  m_details->setObjectName(QStringLiteral("problemDetails"));
  layout->addWidget(m_details);
  m_close = new QToolButton(this);
  m_close->setObjectName(QStringLiteral("problemClose"));
  m_close->setIcon(icon(QStringLiteral("close")));
  m_close->setAutoRaise(true);
  m_close->setMinimumSize(24, 24);
  m_close->setToolTip(tr("Dismiss"));
  m_close->setAccessibleName(tr("Dismiss the problem"));
  layout->addWidget(m_close);
  connect(m_close, &QToolButton::clicked, this, &ProblemBar::dismiss);
  connect(m_details, &QPushButton::clicked, this, [this] {
    if (!m_problems.isEmpty()) {
      Q_EMIT detailsRequested(m_problems.last().problem);
    }
  });
  connect(m_action, &QPushButton::clicked, this, [this] {
    if (!m_problems.isEmpty()) {
      const std::function<void()> action = m_problems.last().action;
      dismiss();
      if (action) {
        action();
      }
    }
  });
  hide();
}

void ProblemBar::show(const Problem& problem, const QString& actionText,
                      const std::function<void()>& action) {
  // Of failures that are alike one is enough.
  if (!problem.same.isEmpty()) {
    m_problems.removeIf([&](const Entry& entry) { return entry.problem.same == problem.same; });
  }
  m_problems.append({problem, actionText, action});
  refresh();
}

void ProblemBar::dismiss() {
  if (!m_problems.isEmpty()) {
    m_problems.removeLast();
  }
  refresh();
}

void ProblemBar::forget(const QString& code, const QString& jobId) {
  m_problems.removeIf([&](const Entry& entry) {
    return entry.problem.code == code && entry.problem.jobId == jobId;
  });
  refresh();
}

void ProblemBar::refresh() {
  setVisible(!m_problems.isEmpty());
  if (m_problems.isEmpty()) {
    return;
  }
  const Entry& last = m_problems.last();
  QString text = QStringLiteral("<b>%1</b> %2")
                     .arg(last.problem.title.toHtmlEscaped(),
                          last.problem.text.left(600).toHtmlEscaped().replace(
                              QLatin1Char('\n'), QLatin1String("<br>")));
  if (m_problems.size() > 1) {
    text =
        tr("<b>%n problem(s).</b> The last: ", nullptr, static_cast<int>(m_problems.size())) + text;
  }
  m_text->setText(text);
  setAccessibleDescription(last.problem.title + QLatin1Char(' ') + last.problem.text);
  m_action->setText(last.actionText);
  m_action->setVisible(!last.actionText.isEmpty());
}

}  // namespace mxscope::ui
