# SPDX-License-Identifier: Apache-2.0
set(MXSCOPE_STATS_SOURCES
  src/stats/histogram.cpp
  src/stats/metrics.cpp
  src/stats/paired.cpp
  src/stats/student.cpp
  src/stats/weighted.cpp)
set(MXSCOPE_STATS_HEADERS
  include/mxscope/core/stats/histogram.h
  include/mxscope/core/stats/metrics.h
  include/mxscope/core/stats/paired.h
  include/mxscope/core/stats/student.h
  include/mxscope/core/stats/window_sums.h)
