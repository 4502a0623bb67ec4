# SPDX-License-Identifier: Apache-2.0
# The CUDA toolkit: the one that CUDACXX or CMAKE_CUDA_COMPILER names, else the PyPI wheels that
# packaging/setup.sh puts into the private environment (of the same release as LibTorch's), else a
# system one on the PATH.

include(MxscopeEnvironment)

if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90)
endif()
if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  file(GLOB wheel_compiler "${MXSCOPE_ENV}/lib/python3*/site-packages/nvidia/cu13/bin/nvcc")
  if(wheel_compiler)
    list(GET wheel_compiler 0 CMAKE_CUDA_COMPILER)
    get_filename_component(CUDAToolkit_ROOT "${CMAKE_CUDA_COMPILER}/../.." ABSOLUTE)
  endif()
endif()
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)
set_package_properties(CUDAToolkit PROPERTIES TYPE REQUIRED PURPOSE "kernels and runtime of the GPUs")
# CMake before 3.29 ignores CMAKE_CUDA_STANDARD 20 for nvcc 13, so the flag is given by hand.
set(MXSCOPE_CUDA_FLAGS -std=c++20 --expt-relaxed-constexpr -lineinfo)
