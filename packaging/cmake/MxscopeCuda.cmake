# SPDX-License-Identifier: Apache-2.0
# The CUDA toolkit: a system one when nvcc is on the PATH or CUDACXX names it, else the PyPI wheels
# that packaging/setup.sh --cuda puts into the private environment.

if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90)
endif()
enable_language(CUDA)
# CMake before 3.29 ignores CMAKE_CUDA_STANDARD 20 for nvcc 13, so the flag is given by hand.
set(MXSCOPE_CUDA_FLAGS -std=c++20 --expt-relaxed-constexpr -lineinfo)
