# SPDX-License-Identifier: Apache-2.0
set(MXSCOPE_PROTOCOL_SOURCES
  src/protocol/codec.cpp
  src/protocol/event_queue.cpp
  src/protocol/events.cpp
  src/protocol/requests.cpp)
set(MXSCOPE_PROTOCOL_HEADERS
  include/mxscope/core/protocol/event_queue.h
  include/mxscope/core/protocol/events.h)
