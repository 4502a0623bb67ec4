# SPDX-License-Identifier: Apache-2.0
set(MXSCOPE_EXPERIMENT_SOURCES
  src/experiment/enums.cpp
  src/experiment/experiment_json.cpp
  src/experiment/experiment_write.cpp
  src/experiment/json_reader.cpp
  src/experiment/parse_json.cpp
  src/experiment/rules.cpp
  src/experiment/validate.cpp
  src/experiment/variants.cpp)
set(MXSCOPE_EXPERIMENT_HEADERS
  include/mxscope/core/experiment/experiment.h
  include/mxscope/core/experiment/experiment_json.h
  include/mxscope/core/experiment/linear_info.h
  include/mxscope/core/experiment/rules.h
  include/mxscope/core/experiment/variants.h)
