// SPDX-License-Identifier: GPL-3.0-or-later
#include "window/command_palette.h"

#include <QAction>
#include <QKeyEvent>
#include <QLineEdit>
#include <QListWidget>
#include <QPainter>
#include <QStyledItemDelegate>
#include <QTimer>
#include <QVBoxLayout>
#include <algorithm>

namespace mxscope::ui {

namespace {

constexpr int kShownEntries = 200;
constexpr int kShortcutRole = Qt::UserRole;
constexpr int kEntryRole = Qt::UserRole + 1;

// What was run last, newest first, for this session: shown on top.
QStringList& recentTexts() {
  static QStringList recent;
  return recent;
}

class EntryDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;
  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override {
    QStyledItemDelegate::paint(painter, option, index);
    painter->save();
    painter->setPen(option.palette.color(QPalette::Disabled, QPalette::Text));
    if (option.state & QStyle::State_Selected) {
      painter->setPen(option.palette.color(QPalette::HighlightedText));
    }
    painter->drawText(option.rect.adjusted(0, 0, -10, 0), Qt::AlignRight | Qt::AlignVCenter,
                      index.data(kShortcutRole).toString());
    painter->restore();
  }
  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override {
    return {QStyledItemDelegate::sizeHint(option, index).width(),
            std::max(28, option.fontMetrics.height() + 10)};
  }
};

}  // namespace

CommandPalette::Entry CommandPalette::Entry::of(QAction* action) {
  Entry entry;
  entry.text = action->text().remove(QLatin1Char('&'));
  entry.shortcut = action->shortcut().toString(QKeySequence::NativeText);
  if (!action->isEnabled()) {
    entry.disabledReason = action->whatsThis().isEmpty() ? CommandPalette::tr("not possible now")
                                                         : action->whatsThis();
  }
  entry.run = [guarded = QPointer<QAction>(action)] {
    if (guarded) {
      guarded->trigger();
    }
  };
  return entry;
}

CommandPalette::CommandPalette(const QList<Entry>& entries, QWidget* parent)
    : QDialog(parent, Qt::Popup | Qt::FramelessWindowHint), m_entries(entries) {
  setObjectName(QStringLiteral("commandPalette"));
  setAccessibleName(tr("Command palette"));
  std::sort(m_entries.begin(), m_entries.end(),
            [](const Entry& a, const Entry& b) { return a.text.localeAwareCompare(b.text) < 0; });
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(8, 8, 8, 8);
  m_field = new QLineEdit(this);
  m_field->setObjectName(QStringLiteral("paletteField"));
  m_field->setPlaceholderText(tr("Type a command, run, layer or file"));
  m_field->setAccessibleName(tr("Search"));
  layout->addWidget(m_field);
  m_list = new QListWidget(this);
  m_list->setObjectName(QStringLiteral("paletteList"));
  m_list->setAccessibleName(tr("Matches"));
  m_list->setItemDelegate(new EntryDelegate(this));
  m_list->setFocusPolicy(Qt::NoFocus);
  m_list->setUniformItemSizes(true);
  layout->addWidget(m_list);
  m_field->installEventFilter(this);
  connect(m_field, &QLineEdit::textChanged, this, &CommandPalette::refresh);
  connect(m_list, &QListWidget::itemClicked, this, &CommandPalette::runCurrent);
  resize(600, 330);
  if (parent) {
    const QPoint top = parent->mapToGlobal(QPoint((parent->width() - width()) / 2, 90));
    move(top);
  }
  refresh();
  m_field->setFocus();
}

int CommandPalette::score(const QString& pattern, const QString& text) {
  if (pattern.isEmpty()) {
    return 0;
  }
  int total = 0;
  const QStringList words = pattern.split(QLatin1Char(' '), Qt::SkipEmptyParts);
  for (const QString& word : words) {
    const qsizetype whole = text.indexOf(word, 0, Qt::CaseInsensitive);
    if (whole >= 0) {
      const bool atStart = whole == 0 || !text[whole - 1].isLetterOrNumber();
      total += 100 + (atStart ? 50 : 0) - static_cast<int>(std::min<qsizetype>(whole, 40));
      continue;
    }
    qsizetype at = -1;
    for (const QChar character : word) {
      at = text.indexOf(character, at + 1, Qt::CaseInsensitive);
      if (at < 0) {
        return -1;
      }
    }
    total += 10;
  }
  return total;
}

void CommandPalette::refresh() {
  QList<std::pair<int, int>> found;
  for (int i = 0; i < m_entries.size(); ++i) {
    int points = score(m_field->text(), m_entries[i].text);
    if (points >= 0) {
      const qsizetype recent = recentTexts().indexOf(m_entries[i].text);
      points += recent >= 0 ? 40 - static_cast<int>(recent) : 0;
      found << std::pair(points, i);
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  m_list->clear();
  for (const auto& [points, i] : found.mid(0, kShownEntries)) {
    const Entry& entry = m_entries[i];
    const bool enabled = entry.disabledReason.isEmpty();
    auto* item = new QListWidgetItem(
        enabled ? entry.text : entry.text + QStringLiteral("  — ") + entry.disabledReason, m_list);
    item->setData(kShortcutRole, entry.shortcut);
    item->setData(kEntryRole, i);
    if (!enabled) {
      item->setFlags(item->flags() & ~Qt::ItemIsEnabled);
    }
  }
  m_list->setCurrentRow(0);
}

void CommandPalette::runCurrent() {
  const QListWidgetItem* item = m_list->currentItem();
  if (!item || !(item->flags() & Qt::ItemIsEnabled)) {
    return;
  }
  const Entry entry = m_entries[item->data(kEntryRole).toInt()];
  recentTexts().removeAll(entry.text);
  recentTexts().prepend(entry.text);
  accept();
  // After the popup has closed and the focus is back where it was.
  QTimer::singleShot(0, parentWidget(), entry.run);
}

bool CommandPalette::eventFilter(QObject* watched, QEvent* event) {
  if (watched == m_field && event->type() == QEvent::KeyPress) {
    const auto* key = static_cast<QKeyEvent*>(event);
    const int row = m_list->currentRow();
    switch (key->key()) {
      case Qt::Key_Down:
        m_list->setCurrentRow(std::min(row + 1, m_list->count() - 1));
        return true;
      case Qt::Key_Up:
        m_list->setCurrentRow(std::max(row - 1, 0));
        return true;
      case Qt::Key_PageDown:
        m_list->setCurrentRow(std::min(row + 8, m_list->count() - 1));
        return true;
      case Qt::Key_PageUp:
        m_list->setCurrentRow(std::max(row - 8, 0));
        return true;
      case Qt::Key_Return:
      case Qt::Key_Enter:
        runCurrent();
        return true;
      default:
        break;
    }
  }
  return QDialog::eventFilter(watched, event);
}

}  // namespace mxscope::ui
