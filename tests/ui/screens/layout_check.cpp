// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/screens/layout_check.h"

#include <QAbstractButton>
#include <QAbstractItemView>
#include <QAbstractScrollArea>
#include <QAbstractSpinBox>
#include <QCheckBox>
#include <QComboBox>
#include <QHeaderView>
#include <QLabel>
#include <QLayout>
#include <QLineEdit>
#include <QPushButton>
#include <QRadioButton>
#include <QRubberBand>
#include <QScrollBar>
#include <QSplitter>
#include <QTabBar>
#include <QTableView>
#include <QTextDocument>
#include <QToolButton>
#include <QTreeView>

using namespace Qt::StringLiterals;

namespace mxscope::ui::screens {
namespace {

QString nameOf(const QWidget& widget) {
  QStringList parts;
  for (const QWidget* w = &widget; w != nullptr && parts.size() < 4; w = w->parentWidget()) {
    const QString name = w->objectName();
    if (!name.isEmpty() || w == &widget) {
      parts.prepend(name.isEmpty() ? QString::fromLatin1(w->metaObject()->className()) : name);
    }
  }
  return parts.join(u'/');
}

class Check {
 public:
  QStringList found;

  void widget(const QWidget& w) {
    texts(w);
    if (w.layout() != nullptr || qobject_cast<const QSplitter*>(&w) != nullptr) {
      neighbours(w);
    }
    for (const QObject* child : w.children()) {
      const auto* inner = qobject_cast<const QWidget*>(child);
      if (inner != nullptr && inner->isVisible() && !inner->isWindow()) {
        widget(*inner);
      }
    }
  }

 private:
  void report(const QWidget& w, const QString& what) {
    found << QString(nameOf(w) + u": "_s + what);
  }

  void room(const QWidget& w, const QString& text, double wide, double high) {
    if (text.isEmpty()) {
      return;
    }
    const bool told = w.toolTip().contains(text) || text.endsWith(u'…');
    if (w.width() < wide && !told) {
      report(w, u"\"%1\" needs %2 px and has %3"_s.arg(text.left(60)).arg(wide).arg(w.width()));
    }
    if (w.height() < high) {
      report(
          w,
          u"\"%1\" needs %2 px of height, has %3"_s.arg(text.left(60)).arg(high).arg(w.height()));
    }
  }

  static QString plain(const QString& text) {
    QString shown = text;
    return shown.remove(u'&');
  }

  void texts(const QWidget& w) {
    const QFontMetrics metrics(w.font());
    if (const auto* label = qobject_cast<const QLabel*>(&w)) {
      const QString text = label->text();
      if (text.isEmpty()) {
        return;
      }
      if (label->wordWrap()) {
        const int high = label->heightForWidth(label->width());
        if (high > label->height() + 1) {
          report(w, u"\"%1\" needs %2 px of height, has %3"_s.arg(text.left(60))
                        .arg(high)
                        .arg(label->height()));
        }
      } else {
        // Labels that may give way say so with their size policy; they must elide then.
        room(w, plain(text), label->minimumSizeHint().width() - 1,
             label->minimumSizeHint().height() - 1);
      }
    } else if (const auto* box = qobject_cast<const QComboBox*>(&w)) {
      room(w, box->currentText(), metrics.horizontalAdvance(box->currentText()) + 22,
           metrics.height() + 4);
    } else if (const auto* spin = qobject_cast<const QAbstractSpinBox*>(&w)) {
      room(w, spin->text(), metrics.horizontalAdvance(spin->text()) + 24, metrics.height() + 4);
    } else if (const auto* edit = qobject_cast<const QLineEdit*>(&w)) {
      const bool inSpin = qobject_cast<const QAbstractSpinBox*>(w.parentWidget()) != nullptr ||
                          qobject_cast<const QComboBox*>(w.parentWidget()) != nullptr;
      if (!inSpin) {
        room(w, u"field"_s, 0, metrics.height() + 6);
        if (edit->text().isEmpty()) {
          room(w, edit->placeholderText(), metrics.horizontalAdvance(edit->placeholderText()) + 8,
               0);
        }
      }
    } else if (const auto* button = qobject_cast<const QAbstractButton*>(&w)) {
      const auto* tool = qobject_cast<const QToolButton*>(&w);
      const bool bare =
          tool != nullptr &&
          (tool->toolButtonStyle() == Qt::ToolButtonIconOnly ||
           (tool->toolButtonStyle() == Qt::ToolButtonFollowStyle && !tool->icon().isNull()));
      const bool iconed = !button->icon().isNull() ||
                          qobject_cast<const QCheckBox*>(&w) != nullptr ||
                          qobject_cast<const QRadioButton*>(&w) != nullptr;
      const QString text = bare ? QString() : plain(button->text());
      room(w, text, metrics.horizontalAdvance(text) + (iconed ? 20 : 0) + 4, metrics.height());
    } else if (const auto* tabs = qobject_cast<const QTabBar*>(&w)) {
      for (int i = 0; i < tabs->count(); ++i) {
        if (tabs->tabRect(i).right() > tabs->width() ||
            tabs->tabRect(i).width() < metrics.horizontalAdvance(tabs->tabText(i))) {
          report(w, u"tab \"%1\" does not fit"_s.arg(tabs->tabText(i)));
        }
      }
    } else if (const auto* header = qobject_cast<const QHeaderView*>(&w)) {
      titles(*header, metrics);
    } else if (const auto* view = qobject_cast<const QAbstractItemView*>(&w)) {
      rows(*view);
    }
  }

  // Titles of the columns that are wholly in sight.
  void titles(const QHeaderView& header, const QFontMetrics& metrics) {
    if (header.orientation() != Qt::Horizontal || header.model() == nullptr) {
      return;
    }
    for (int i = 0; i < header.count(); ++i) {
      if (header.isSectionHidden(i)) {
        continue;
      }
      const int left = header.sectionViewportPosition(i);
      const QString title = header.model()->headerData(i, Qt::Horizontal).toString();
      const QString tip = header.model()->headerData(i, Qt::Horizontal, Qt::ToolTipRole).toString();
      if (left >= 0 && left + header.sectionSize(i) <= header.viewport()->width() &&
          header.sectionSize(i) < metrics.horizontalAdvance(title) + 4 && tip.isEmpty()) {
        report(header, u"title \"%1\" needs %2 px, has %3"_s.arg(title)
                           .arg(metrics.horizontalAdvance(title) + 4)
                           .arg(header.sectionSize(i)));
      }
    }
  }

  // Rows are as high as their text.
  void rows(const QAbstractItemView& view) {
    if (view.model() == nullptr || view.model()->rowCount() == 0) {
      return;
    }
    const QRect row = view.visualRect(view.model()->index(0, 0));
    const int high = QFontMetrics(view.font()).height();
    if (row.isValid() && row.height() < high) {
      report(view, u"rows of %1 px for text of %2 px"_s.arg(row.height()).arg(high));
    }
  }

  void neighbours(const QWidget& parent) {
    QList<const QWidget*> shown;
    for (const QObject* child : parent.children()) {
      const auto* w = qobject_cast<const QWidget*>(child);
      if (w == nullptr || !w->isVisible() || w->isWindow() || w->size().isEmpty() ||
          qobject_cast<const QSplitterHandle*>(w) != nullptr ||
          qobject_cast<const QRubberBand*>(w) != nullptr) {
        continue;
      }
      // The viewport of a scroll area may be larger than what is seen of it.
      const bool scrolled =
          qobject_cast<const QAbstractScrollArea*>(parent.parentWidget()) &&
          static_cast<const QAbstractScrollArea*>(parent.parentWidget())->viewport() == &parent;
      if (!scrolled && !parent.rect().adjusted(-1, -1, 1, 1).contains(w->geometry())) {
        report(*w, u"sticks out of %1"_s.arg(nameOf(parent)));
      }
      for (const QWidget* other : shown) {
        const QRect common = other->geometry().intersected(w->geometry());
        if (common.width() > 1 && common.height() > 1) {
          report(*w, u"overlaps %1"_s.arg(nameOf(*other)));
        }
      }
      shown << w;
    }
  }
};

}  // namespace

QStringList layoutProblems(const QWidget& top) {
  Check check;
  check.widget(top);
  check.found.removeDuplicates();
  return check.found;
}

}  // namespace mxscope::ui::screens
