# SPDX-License-Identifier: Apache-2.0
# Where LibTorch comes from: the private Python environment that packaging/setup.sh makes.

include(MxscopeEnvironment)

find_package(Threads REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
set_package_properties(nlohmann_json PROPERTIES TYPE REQUIRED PURPOSE "JSON in every file and message")

if(MXSCOPE_BUILD_CLI)
  find_package(SQLite3 3.40 REQUIRED)
  find_package(CURL REQUIRED)
  find_package(CLI11 2.1 REQUIRED)
  find_package(spdlog REQUIRED)
  set_package_properties(SQLite3 PROPERTIES TYPE REQUIRED PURPOSE "the record of jobs and runs")
  set_package_properties(CLI11 PROPERTIES TYPE REQUIRED PURPOSE "command line of mxscope")

  # The wheel's TorchConfig.cmake insists on a CUDA toolkit even where only the CPU library is
  # wanted, so the two libraries that are needed are imported here by hand.
  set(MXSCOPE_TORCH_DIR "" CACHE PATH "folder of the installed Python package torch")
  if(NOT MXSCOPE_TORCH_DIR)
    file(GLOB torch_dirs "${MXSCOPE_ENV}/lib/python3*/site-packages/torch")
    if(torch_dirs)
      list(GET torch_dirs 0 MXSCOPE_TORCH_DIR)
    endif()
  endif()
  if(NOT EXISTS "${MXSCOPE_TORCH_DIR}/include/ATen/ATen.h")
    message(FATAL_ERROR "LibTorch not found at '${MXSCOPE_TORCH_DIR}': run packaging/setup.sh, or set "
                        "MXSCOPE_TORCH_DIR to the folder of an installed Python package torch 2.11")
  endif()
  get_filename_component(MXSCOPE_SITE_PACKAGES "${MXSCOPE_TORCH_DIR}" DIRECTORY)

  add_library(mxscope_torch INTERFACE)
  target_include_directories(mxscope_torch SYSTEM INTERFACE
    "${MXSCOPE_TORCH_DIR}/include" "${MXSCOPE_TORCH_DIR}/include/torch/csrc/api/include")
  file(GLOB nvidia_lib_dirs "${MXSCOPE_SITE_PACKAGES}/nvidia/*/lib")
  set(torch_libraries "${MXSCOPE_TORCH_DIR}/lib/libtorch_cpu.so" "${MXSCOPE_TORCH_DIR}/lib/libc10.so")
  if(MXSCOPE_WITH_CUDA)
    target_compile_definitions(mxscope_torch INTERFACE MXSCOPE_HAS_CUDA=1)
    target_include_directories(mxscope_torch SYSTEM INTERFACE ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
    # libtorch_cuda registers its operators when it is loaded; nothing refers to it by name.
    list(APPEND torch_libraries -Wl,--push-state,--no-as-needed
         "${MXSCOPE_TORCH_DIR}/lib/libtorch_cuda.so" "${MXSCOPE_TORCH_DIR}/lib/libc10_cuda.so"
         -Wl,--pop-state)
  endif()
  target_link_libraries(mxscope_torch INTERFACE ${torch_libraries} Threads::Threads)
  # Libraries that the wheel itself needs (CUDA's among them) are found when the program starts.
  target_link_options(mxscope_torch INTERFACE -Wl,--allow-shlib-undefined)
  set(MXSCOPE_TORCH_RPATH "${MXSCOPE_TORCH_DIR}/lib" ${nvidia_lib_dirs})
  list(APPEND CMAKE_BUILD_RPATH ${MXSCOPE_TORCH_RPATH})
endif()

if(MXSCOPE_BUILD_UI)
  find_package(Qt6 6.2 REQUIRED COMPONENTS Widgets PrintSupport Svg Network DBus)
  if(MXSCOPE_BUILD_TESTS)
    find_package(Qt6 6.2 REQUIRED COMPONENTS Test)
  endif()
  find_package(QCustomPlotQt6 QUIET)
endif()
