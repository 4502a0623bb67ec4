# SPDX-License-Identifier: Apache-2.0
# MXSCOPE_ENV: the private Python environment that packaging/setup.sh makes, which holds LibTorch and
# the CUDA wheels.

include_guard(GLOBAL)
set(MXSCOPE_ENV "$ENV{MXSCOPE_ENV}" CACHE PATH "Python environment with torch, made by packaging/setup.sh")
if(NOT MXSCOPE_ENV)
  if(DEFINED ENV{XDG_CACHE_HOME})
    set(MXSCOPE_ENV "$ENV{XDG_CACHE_HOME}/mxscope/env")
  else()
    set(MXSCOPE_ENV "$ENV{HOME}/.cache/mxscope/env")
  endif()
endif()
