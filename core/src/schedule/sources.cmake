# SPDX-License-Identifier: Apache-2.0
set(MXSCOPE_SCHEDULE_SOURCES
  src/schedule/panels.cpp
  src/schedule/placement.cpp
  src/schedule/state_plan.cpp
  src/schedule/waiting_line.cpp)
set(MXSCOPE_SCHEDULE_HEADERS
  include/mxscope/core/schedule/panels.h
  include/mxscope/core/schedule/placement.h
  include/mxscope/core/schedule/state_plan.h
  include/mxscope/core/schedule/waiting_line.h)
