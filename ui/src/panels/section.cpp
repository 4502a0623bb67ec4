// SPDX-License-Identifier: GPL-3.0-or-later
#include "panels/section.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QStyle>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>

#include "theme/icons.h"
#include "theme/theme.h"

namespace mxscope::ui {

Section::Section(const QString& title, QWidget* parent) : QWidget(parent) {
  m_layout = new QVBoxLayout(this);
  m_layout->setContentsMargins(0, 0, 0, 0);
  m_layout->setSpacing(4);
  m_header = new QHBoxLayout;
  m_header->setSpacing(2);
  m_title = new QToolButton(this);
  m_title->setObjectName(QStringLiteral("sectionTitle"));
  m_title->setText(title);
  m_title->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
  m_title->setAutoRaise(true);
  m_title->setCheckable(true);
  m_title->setChecked(true);
  m_title->setIcon(icon(QStringLiteral("chevron-down")));
  m_title->setIconSize(QSize(12, 12));
  // Bold, and the pressed state says nothing here.
  m_title->setStyleSheet(
      QStringLiteral("QToolButton { font-weight: bold; padding: 3px 4px; }"
                     "QToolButton:checked { background: transparent; color: palette(text); }"));
  m_header->addWidget(m_title);
  m_note = new QLabel(this);
  m_note->setProperty("role", QStringLiteral("dim"));
  // Gives way where the dock is narrow.
  m_note->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  m_header->addWidget(m_note, 1);
  m_layout->addLayout(m_header);
  m_problem = new QLabel(this);
  m_problem->setObjectName(QStringLiteral("sectionProblem"));
  m_problem->setWordWrap(true);
  m_problem->hide();
  m_layout->addWidget(m_problem);
  connect(m_title, &QToolButton::toggled, this, [this](bool on) {
    m_title->setIcon(icon(on ? QStringLiteral("chevron-down") : QStringLiteral("chevron-right")));
    if (m_content) {
      m_content->setVisible(on);
    }
  });
}

void Section::setContent(QWidget* content) {
  m_content = content;
  m_layout->insertWidget(1, content, 1);
}

QToolButton* Section::addButton(const QString& iconName, const QString& text) {
  auto* button = new QToolButton(this);
  button->setIcon(icon(iconName));
  button->setIconSize(QSize(16, 16));
  button->setAutoRaise(true);
  button->setMinimumSize(24, 24);
  button->setToolTip(text);
  button->setAccessibleName(text);
  m_header->addWidget(button);
  return button;
}

void Section::setNote(const QString& note) { m_note->setText(note); }

void Section::setProblem(const QString& sentence, bool warning) {
  m_problem->setVisible(!sentence.isEmpty());
  m_problem->setText(sentence);
  const QString role = warning ? QStringLiteral("warning") : QStringLiteral("worse");
  if (m_problem->property("role").toString() != role) {
    m_problem->setProperty("role", role);
    m_problem->style()->polish(m_problem);
  }
}

void Section::setExpanded(bool expanded) { m_title->setChecked(expanded); }

void fitRows(QTableView* view, int fewest, int most) {
  const auto fit = [view, fewest, most] {
    const int row = Theme::instance().rowHeight();
    view->verticalHeader()->setDefaultSectionSize(row);
    const QHeaderView* header = view->horizontalHeader();
    const int rows = std::clamp(view->model()->rowCount(), fewest, most);
    constexpr int kFrames = 4;  // 2 px above and below while the table has the focus
    view->setFixedHeight(rows * row + (header->isHidden() ? 0 : header->sizeHint().height()) +
                         kFrames);
  };
  const QAbstractItemModel* model = view->model();
  QObject::connect(model, &QAbstractItemModel::rowsInserted, view, fit);
  QObject::connect(model, &QAbstractItemModel::rowsRemoved, view, fit);
  QObject::connect(model, &QAbstractItemModel::modelReset, view, fit);
  QObject::connect(&Theme::instance(), &Theme::changed, view, fit);
  fit();
}

QLabel* addEmptyText(QWidget* viewport, const QString& text) {
  auto* label = new QLabel(text, viewport);
  label->setProperty("role", QStringLiteral("dim"));
  label->setAlignment(Qt::AlignCenter);
  label->setWordWrap(true);
  label->setAttribute(Qt::WA_TransparentForMouseEvents);
  auto* layout = new QVBoxLayout(viewport);
  // All the height: a view of two rows has room for two lines in any font.
  const QMargins usual = layout->contentsMargins();
  layout->setContentsMargins(usual.left(), 0, usual.right(), 0);
  layout->addWidget(label);
  return label;
}

}  // namespace mxscope::ui
