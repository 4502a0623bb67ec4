# SPDX-License-Identifier: GPL-3.0-or-later
# Files of bridge, shell and builder; paths relative to ui/.

set(MXSCOPE_UI_SHELL_SOURCES
  src/bridge/engine_client.cpp
  src/bridge/process_engine_client.cpp
  src/bridge/queue_controller.cpp
  src/bridge/queue_events.cpp
  src/bridge/replay_engine_client.cpp
  src/bridge/run_decoder.cpp
  src/models/experiment_document.cpp
  src/models/paired_delta.cpp
  src/models/run_keys.cpp
  src/models/variant_edit.cpp
  src/models/workspace.cpp
  src/models/workspace_types.cpp)
