# SPDX-License-Identifier: Apache-2.0
set(MXSCOPE_FORMATS_SOURCES
  src/formats/format.cpp
  src/formats/operand_spec.cpp
  src/formats/suggest.cpp)
set(MXSCOPE_FORMATS_HEADERS
  include/mxscope/core/formats/format.h
  include/mxscope/core/formats/operand_spec.h
  include/mxscope/core/formats/suggest.h)
