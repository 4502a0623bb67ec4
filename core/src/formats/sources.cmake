# SPDX-License-Identifier: Apache-2.0
set(MXSCOPE_FORMATS_SOURCES
)
set(MXSCOPE_FORMATS_HEADERS
  include/mxscope/core/formats/format.h
  include/mxscope/core/formats/operand_spec.h
  include/mxscope/core/formats/suggest.h
)
