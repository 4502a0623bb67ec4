// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QFrame>
#include <QJsonObject>
#include <functional>

#include "plots/plot_types.h"

class QAction;
class QComboBox;
class QHBoxLayout;
class QLabel;
class QMenu;
class QPushButton;
class QStackedWidget;
class QTableView;
class QToolButton;

namespace mxscope::ui {

class PlotTableModel;
class PlotView;
class SegmentedSwitch;

// The frame of every plot: title, modes, Copy, Export…, data table, maximise, and what to show when
// there is no data yet. On little width the buttons lose their texts, then move into a menu, and
// the modes become a combo box.
class PlotCard : public QFrame {
  Q_OBJECT

 public:
  PlotCard(const QString& id, const QString& title, PlotView* view, QWidget* parent = nullptr);
  ~PlotCard() override;

  const QString& id() const { return m_id; }  // stable, for layouts and the command line
  PlotView* view() const { return m_view; }
  QString title() const;
  QString subtitle() const;
  void setTitle(const QString& title);
  void setSubtitle(const QString& subtitle);

  void setModes(const QList<QPair<QString, QString>>& modes);  // (id, label)
  QString mode() const;
  void setMode(const QString& id);
  SegmentedSwitch* modeSwitch() const { return m_modes; }

  // A button that stays on or off, left of the modes.
  QToolButton* addToggle(const QString& iconName, const QString& text, const QString& tooltip);
  void addHeaderWidget(QWidget* widget);
  // Stands in place of the title, which stays the card's name.
  void setTitleWidget(QWidget* widget);
  void addMenuAction(QAction* action);

  // Shown while the view has no data. An empty button text hides the button.
  void setEmptyState(const QString& iconName, const QString& headline, const QString& text,
                     const QString& buttonText = {});
  // Title and metadata of exports.
  void setInfoProvider(std::function<PlotInfo()> provider) { m_info = std::move(provider); }
  PlotInfo info() const;

  void copyPicture();  // image at 2x and the numbers as TSV
  void copyData();
  void exportPicture();  // asks for file and options
  void showTable(bool on);
  bool tableShown() const;
  void setMaximised(bool on);  // changes the button only; the owner does the layout
  bool maximised() const { return m_maximised; }

  // Modes and toggles for the saved layout.
  virtual QJsonObject saveState() const;
  virtual void restoreState(const QJsonObject& state);

  QSize minimumSizeHint() const override;

 Q_SIGNALS:
  void modeChanged(const QString& id);
  void maximiseRequested(bool on);
  void emptyActionTriggered();
  void message(const QString& text);  // for the status bar, e.g. "Copied…"

 protected:
  static constexpr int kLeastWidth = 240;  // px
  QSize frameSize() const;                 // what border and margins take of the card's size, px
  // Height in px at which no text of the card is cut at its width, or at `leastWidth` where it is
  // narrower; its plot, where it shows one, has `plot` px of it.
  int leastHeight(int leastWidth, int plot) const;
  void resizeEvent(QResizeEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  bool event(QEvent* event) override;

 private:
  void arrangeHeader();
  void refreshState();
  QMenu* makeMenu();

  QString m_id;
  PlotView* m_view;
  QWidget* m_header;
  QLabel *m_title, *m_subtitle, *m_secondLine;
  QWidget* m_titleWidget = nullptr;
  QString m_fullTitle, m_fullSubtitle;
  QHBoxLayout* m_extras;
  SegmentedSwitch* m_modes;
  QComboBox* m_modeBox;
  QToolButton *m_copy, *m_export, *m_tableButton, *m_maximise, *m_more;
  QStackedWidget* m_stack;
  QTableView* m_table;
  PlotTableModel* m_tableModel;
  QLabel *m_emptyIcon, *m_emptyHeadline, *m_emptyText;
  QPushButton* m_emptyButton;
  QString m_emptyIconName;
  QList<QAction*> m_menuActions;
  QList<QToolButton*> m_toggles;
  std::function<PlotInfo()> m_info;
  bool m_maximised = false, m_tableWanted = false, m_arranging = false;
};

}  // namespace mxscope::ui
