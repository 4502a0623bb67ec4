# SPDX-License-Identifier: Apache-2.0
set(MXSCOPE_PROTOCOL_SOURCES
)
set(MXSCOPE_PROTOCOL_HEADERS
  include/mxscope/core/protocol/event_queue.h
  include/mxscope/core/protocol/events.h
)
