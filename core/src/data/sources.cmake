# SPDX-License-Identifier: Apache-2.0
if(NOT TARGET mxscope_tokenizer_shim)
  add_subdirectory(tokenizer_shim)
endif()

set(MXSCOPE_DATA_SOURCES
  src/data/file_bytes.cpp
  src/data/records.cpp
  src/data/text_source.cpp
  src/data/tokenizer.cpp
  src/data/window_plan.cpp
  src/data/windows.cpp)
set(MXSCOPE_DATA_HEADERS
  include/mxscope/core/data/text_source.h
  include/mxscope/core/data/tokenizer.h
  include/mxscope/core/data/windows.h)
set(MXSCOPE_DATA_LIBRARIES mxscope_tokenizer_shim)
