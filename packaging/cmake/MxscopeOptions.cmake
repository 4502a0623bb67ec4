# SPDX-License-Identifier: Apache-2.0
# Options of the build; every one is printed by feature_summary at the end of the configuration.

option(MXSCOPE_BUILD_CLI "Build the engine and the command mxscope (needs LibTorch)" ON)
option(MXSCOPE_BUILD_UI "Build the window mxscope-gui (needs Qt 6 and QCustomPlot)" ON)
option(MXSCOPE_BUILD_TESTS "Build the tests" ON)
option(MXSCOPE_BUILD_BENCH "Build the benchmarks" OFF)
option(MXSCOPE_BUILD_FUZZ "Build the fuzz targets (needs clang's libFuzzer)" OFF)
option(MXSCOPE_WITH_CUDA "Compile the CUDA kernels and let the engine use GPUs" OFF)
option(MXSCOPE_WERROR "Treat compiler warnings as errors" OFF)
set(MXSCOPE_SANITIZE "" CACHE STRING "Sanitizers to build with: address,undefined or thread")

add_feature_info(command MXSCOPE_BUILD_CLI "engine and the command mxscope")
add_feature_info(window MXSCOPE_BUILD_UI "the window mxscope-gui")
add_feature_info(tests MXSCOPE_BUILD_TESTS "test programs for ctest")
add_feature_info(benchmarks MXSCOPE_BUILD_BENCH "benchmark programs")
add_feature_info(fuzz MXSCOPE_BUILD_FUZZ "fuzz targets of the parsers")
add_feature_info(cuda MXSCOPE_WITH_CUDA "CUDA kernels and GPU evaluation")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()

find_program(MXSCOPE_CCACHE ccache)
if(MXSCOPE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${MXSCOPE_CCACHE}")
  set(CMAKE_CUDA_COMPILER_LAUNCHER "${MXSCOPE_CCACHE}")
endif()
find_program(MXSCOPE_MOLD mold)
if(MXSCOPE_MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_link_options(-fuse-ld=mold)
endif()
