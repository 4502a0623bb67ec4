# SPDX-License-Identifier: GPL-3.0-or-later
# Colours, palette, style and icons of the window; paths relative to ui/.

set(CMAKE_AUTORCC ON)
set(MXSCOPE_UI_THEME_SOURCES
  ../resources/ui_assets.qrc
  src/theme/colour_scheme_portal.cpp
  src/theme/icons.cpp
  src/theme/style.cpp
  src/theme/style_sheet.cpp
  src/theme/theme.cpp
  src/theme/tokens.cpp)
