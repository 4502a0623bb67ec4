# SPDX-License-Identifier: Apache-2.0
set(MXSCOPE_DATA_SOURCES)
set(MXSCOPE_DATA_HEADERS)
