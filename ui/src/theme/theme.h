// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QFont>
#include <QObject>

#include "theme/tokens.h"

class QApplication;

namespace mxscope::ui {

class ColourSchemePortal;

// The one source of colours and fonts. Widgets ask tokens() when they paint and connect to
// changed(); nothing keeps a colour. GUI thread only; lives until the program ends.
class Theme : public QObject {
  Q_OBJECT

 public:
  enum class Mode { kSystem, kLight, kDark };
  Q_ENUM(Mode)

  static Theme& instance();

  // Sets style, palette, font and style sheet of the application and keeps them current.
  void install(QApplication& application);

  void setMode(Mode mode);
  Mode mode() const { return m_mode; }
  void setHighContrast(bool on);
  bool highContrast() const { return m_highContrast; }
  // Font size in per cent of the design size, 80..200.
  void setFontPercent(int percent);
  int fontPercent() const { return m_fontPercent; }
  // Family of every text: Noto Sans, or the platform's own where that is not installed.
  void setFontFamily(const QString& family);
  QString fontFamily() const { return m_family; }

  bool isDark() const { return m_tokens.dark; }
  const Tokens& tokens() const { return m_tokens; }

  QFont textFont() const;   // 9.5 pt
  QFont axisFont() const;   // 8.5 pt
  QFont smallFont() const;  // 8 pt, numbers in cells
  QFont titleFont() const;  // bold text font
  QFont hugeFont() const;   // headline of an empty page
  int rowHeight() const;    // of tables and trees, px

 Q_SIGNALS:
  // Colours or fonts have changed: take them anew and repaint.
  void changed();

 private:
  Theme();
  void refresh();
  QFont fontOf(double points, bool bold) const;

  Mode m_mode = Mode::kSystem;
  bool m_highContrast = false;
  int m_fontPercent = 100;
  Tokens m_tokens;
  QString m_family;
  QApplication* m_application = nullptr;
  ColourSchemePortal* m_portal = nullptr;
};

}  // namespace mxscope::ui
