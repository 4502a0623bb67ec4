# SPDX-License-Identifier: Apache-2.0
set(MXSCOPE_BASE_SOURCES
  src/base/error.cpp
  src/base/input.cpp
  src/base/sha256.cpp)
set(MXSCOPE_BASE_HEADERS
  include/mxscope/core/base/error.h
  include/mxscope/core/base/input.h
  include/mxscope/core/base/issue.h
  include/mxscope/core/base/sha256.h)
