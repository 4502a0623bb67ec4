# SPDX-License-Identifier: Apache-2.0
set(MXSCOPE_EXPERIMENT_SOURCES
)
set(MXSCOPE_EXPERIMENT_HEADERS
  include/mxscope/core/experiment/experiment.h
  include/mxscope/core/experiment/experiment_json.h
  include/mxscope/core/experiment/linear_info.h
  include/mxscope/core/experiment/rules.h
  include/mxscope/core/experiment/variants.h
)
