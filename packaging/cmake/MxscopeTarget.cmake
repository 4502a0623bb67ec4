# SPDX-License-Identifier: Apache-2.0
# mxscope_add_library(NAME SOURCES ... HEADERS ... PUBLIC ... PRIVATE ...): one static library of a
# layer. Its public headers lie in include/ beside the CMakeLists.txt that calls it.

add_library(mxscope_flags INTERFACE)
target_compile_options(mxscope_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wshadow;-Wnon-virtual-dtor>
  # g++ 12 sees overlaps in inlined std::string operations that are none (GCC bug 105651).
  $<$<AND:$<COMPILE_LANG_AND_ID:CXX,GNU>,$<BOOL:${MXSCOPE_WERROR}>>:-Wno-restrict>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${MXSCOPE_WERROR}>>:-Werror>)
if(MXSCOPE_SANITIZE)
  target_compile_options(mxscope_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${MXSCOPE_SANITIZE};-fno-omit-frame-pointer>)
  target_link_options(mxscope_flags INTERFACE -fsanitize=${MXSCOPE_SANITIZE})
endif()

function(mxscope_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;HEADERS;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_sources(${name} PUBLIC FILE_SET HEADERS BASE_DIRS "${CMAKE_CURRENT_SOURCE_DIR}/include"
                                FILES ${ARG_HEADERS})
  target_include_directories(${name} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/src")
  target_link_libraries(${name} PUBLIC ${ARG_PUBLIC} PRIVATE mxscope_flags ${ARG_PRIVATE})
  set_property(GLOBAL APPEND PROPERTY MXSCOPE_LIBRARIES ${name})
endfunction()
