# SPDX-License-Identifier: Apache-2.0
# mxscope_add_test(NAME SOURCES ... LIBRARIES ... LABELS ... [UI] [TIMEOUT seconds] [SERIAL])
# One test program, registered with ctest under its name. GoogleTest is linked unless UI is given,
# which links Qt Test and runs under the offscreen platform with a private profile.

find_package(GTest 1.12 REQUIRED)

function(mxscope_add_test name)
  cmake_parse_arguments(ARG "UI;SERIAL" "TIMEOUT" "SOURCES;LIBRARIES;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE mxscope_flags ${ARG_LIBRARIES})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  target_compile_definitions(${name} PRIVATE
    MXSCOPE_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/golden"
    MXSCOPE_SHARED_DIR="${PROJECT_SOURCE_DIR}/../shared"
    MXSCOPE_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
    MXSCOPE_BINARY_DIR="${PROJECT_BINARY_DIR}")
  set(environment "LC_ALL=C.UTF-8")
  if(ARG_UI)
    set_target_properties(${name} PROPERTIES AUTOMOC ON)
    target_link_libraries(${name} PRIVATE Qt6::Test)
    list(APPEND environment QT_QPA_PLATFORM=offscreen QT_SCALE_FACTOR=1
         "XDG_RUNTIME_DIR=${PROJECT_BINARY_DIR}/test-runtime"
         "XDG_CONFIG_HOME=${PROJECT_BINARY_DIR}/test-profile/${name}/config"
         "XDG_DATA_HOME=${PROJECT_BINARY_DIR}/test-profile/${name}/data"
         "XDG_STATE_HOME=${PROJECT_BINARY_DIR}/test-profile/${name}/state")
  else()
    target_link_libraries(${name} PRIVATE GTest::gtest_main GTest::gmock)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
                       ENVIRONMENT "${environment}")
  if(ARG_SERIAL)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()
