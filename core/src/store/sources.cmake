# SPDX-License-Identifier: Apache-2.0
set(MXSCOPE_STORE_SOURCES
  src/store/database.cpp
  src/store/records.cpp
  src/store/schema.cpp
  src/store/store.cpp
  src/store/store_read.cpp)
set(MXSCOPE_STORE_HEADERS
  include/mxscope/core/store/records.h
  include/mxscope/core/store/store.h)
