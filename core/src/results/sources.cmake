# SPDX-License-Identifier: Apache-2.0
set(MXSCOPE_RESULTS_SOURCES
)
set(MXSCOPE_RESULTS_HEADERS
  include/mxscope/core/results/compare.h
  include/mxscope/core/results/config_hash.h
  include/mxscope/core/results/export.h
  include/mxscope/core/results/results.h
  include/mxscope/core/results/results_json.h
)
