# SPDX-License-Identifier: Apache-2.0
set(MXSCOPE_CHECKPOINT_SOURCES)
set(MXSCOPE_CHECKPOINT_HEADERS
  include/mxscope/core/checkpoint/decoder_spec.h)
