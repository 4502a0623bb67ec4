// SPDX-License-Identifier: GPL-3.0-or-later
#include "panels/problem_bar.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QTextDocument>
#include <QToolButton>
#include <algorithm>

#include "theme/icons.h"

namespace mxscope::ui {

namespace {

// More lines would leave the cards below too little height.
constexpr int kLines = 3, kLinesOfLowWindow = 2;
constexpr int kLow = 900;                 // pixels of a window
constexpr int kNarrowest = 60;            // pixels: before the first layout
constexpr qsizetype kLongestText = 1200;  // of a text that has no end

}  // namespace

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
  m_text->installEventFilter(this);
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
  fitText();
  setAccessibleDescription(last.problem.title + QLatin1Char(' ') + last.problem.text);
  m_action->setText(last.actionText);
  m_action->setVisible(!last.actionText.isEmpty());
}

void ProblemBar::fitText() {
  if (m_problems.isEmpty()) {
    return;
  }
  const Problem& last = m_problems.last().problem;
  const auto shown = [&](qsizetype length) {
    QString text = last.text.left(length).toHtmlEscaped();
    text.replace(QLatin1Char('\n'), QLatin1String("<br>"));
    if (length < last.text.size()) {
      text += QChar(0x2026);
    }
    text = QStringLiteral("<b>%1</b> %2").arg(last.title.toHtmlEscaped(), text);
    return m_problems.size() > 1
               ? tr("<b>%n problem(s).</b> The last: ", nullptr, int(m_problems.size())) + text
               : text;
  };
  // As much as fits into a few lines; Details say all of it.
  qsizetype fitting = std::min(last.text.size(), kLongestText);
  if (m_text->width() > kNarrowest) {
    const int lines = window()->height() < kLow ? kLinesOfLowWindow : kLines;
    const int room = lines * m_text->fontMetrics().lineSpacing() + 2;
    const auto fits = [&](qsizetype length) {
      QTextDocument document;
      document.setDefaultFont(m_text->font());
      document.setDocumentMargin(0);
      document.setHtml(shown(length));
      document.setTextWidth(m_text->width());
      return document.size().height() <= room;
    };
    if (!fits(fitting)) {
      qsizetype low = 0;
      while (fitting - low > 1) {
        const qsizetype middle = (low + fitting) / 2;
        (fits(middle) ? low : fitting) = middle;
      }
      fitting = low;
    }
  }
  m_text->setText(shown(fitting));
  m_text->setToolTip(fitting < last.text.size() ? last.text : QString());
}

bool ProblemBar::eventFilter(QObject* watched, QEvent* event) {
  if (watched == m_text &&
      (event->type() == QEvent::Resize || event->type() == QEvent::FontChange)) {
    fitText();
  }
  return QFrame::eventFilter(watched, event);
}

}  // namespace mxscope::ui
