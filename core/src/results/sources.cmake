# SPDX-License-Identifier: Apache-2.0
set(MXSCOPE_RESULTS_SOURCES
  src/results/compare.cpp
  src/results/config_hash.cpp
  src/results/csv.cpp
  src/results/results.cpp
  src/results/results_json.cpp
  src/results/tables.cpp
  src/results/text_table.cpp)
set(MXSCOPE_RESULTS_HEADERS
  include/mxscope/core/results/compare.h
  include/mxscope/core/results/config_hash.h
  include/mxscope/core/results/export.h
  include/mxscope/core/results/results.h
  include/mxscope/core/results/results_json.h)
