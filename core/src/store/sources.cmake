# SPDX-License-Identifier: Apache-2.0
set(MXSCOPE_STORE_SOURCES)
set(MXSCOPE_STORE_HEADERS
  include/mxscope/core/store/records.h
  include/mxscope/core/store/store.h)
