# SPDX-License-Identifier: GPL-3.0-or-later
set(MXSCOPE_UI_SHELL_SOURCES
  src/models/paired_delta.cpp
  src/models/paired_delta.h
  src/models/workspace.cpp
  src/models/workspace.h
  src/models/workspace_types.cpp
  src/models/workspace_types.h)
