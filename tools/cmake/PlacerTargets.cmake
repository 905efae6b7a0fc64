# One function per kind of target, so that every target has the same language level, warnings,
# include root and treatment of LibTorch.
#
#   placer_add_library(name [TORCH] SOURCES ... HEADERS ... DEPS ... PRIVATE_DEPS ...)
#   placer_add_executable(name [TORCH] [UNITY] SOURCES ... DEPS ...)   becomes build/<preset>/name
#   placer_add_test(name [TORCH] [LABELS ...] SOURCES ... DEPS ...)
#   placer_add_benchmark(name [TORCH] SOURCES ... DEPS ...)
#
# SOURCES and HEADERS are relative to the calling folder. HEADERS are the public ones: they must
# compile alone (target all_verify_interface_header_sets) and show no heavy library.
# TORCH links LibTorch::cpu PRIVATE and compiles the sources as unity batches of four: a LibTorch
# header costs seconds and a gigabyte, so it is paid once a batch. Names in anonymous namespaces
# must therefore differ within a TORCH target.
include_guard(GLOBAL)

add_library(placer_flags INTERFACE)
target_compile_features(placer_flags INTERFACE cxx_std_20)
target_include_directories(placer_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(placer_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual
  -Wzero-as-null-pointer-constant $<$<BOOL:${PLACER_WERROR}>:-Werror>)
target_link_libraries(placer_flags INTERFACE Threads::Threads)

# A LibTorch compile job takes up to 1.5 GB: as many at a time as the memory holds.
cmake_host_system_information(RESULT placer_memory_mb QUERY TOTAL_PHYSICAL_MEMORY)
foreach(limit_file /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes)
  if(EXISTS ${limit_file})
    file(READ ${limit_file} limit)
    string(STRIP "${limit}" limit)
    string(LENGTH "${limit}" digits)
    if(limit MATCHES "^[0-9]+$" AND digits LESS 16)
      math(EXPR limit "${limit} >> 20")
      if(limit LESS placer_memory_mb)
        set(placer_memory_mb ${limit})
      endif()
    endif()
  endif()
endforeach()
math(EXPR placer_torch_jobs "${placer_memory_mb} / 2000")
if(placer_torch_jobs LESS 1)
  set(placer_torch_jobs 1)
endif()
set_property(GLOBAL APPEND PROPERTY JOB_POOLS torch_compile=${placer_torch_jobs})

# What all kinds share.
function(placer_setup_target name torch unity)
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(${name} PRIVATE placer_flags)
  if(torch)
    if(NOT PLACER_WITH_TORCH)
      message(FATAL_ERROR "${name} needs LibTorch: add it only if(PLACER_WITH_TORCH)")
    endif()
    target_link_libraries(${name} PRIVATE LibTorch::cpu)
    target_compile_options(${name} PRIVATE $<$<NOT:$<CONFIG:Release>>:-g1>)
    set_target_properties(${name} PROPERTIES JOB_POOL_COMPILE torch_compile CXX_CLANG_TIDY "")
  endif()
  if(torch)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 4)
  elseif(unity)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  endif()
endfunction()

# The tests that hold no tensor share one precompiled header, half of what such a file costs.
# All get the same code-generation flags, as the compiler demands. Not under clang-tidy, which
# cannot read what g++ wrote. ccache caches users of such a header only if told to.
set(placer_test_includes <algorithm> <cstdint> <functional> <map> <memory> <optional> <span> <string>
    <string_view> <unordered_map> <utility> <vector> <gtest/gtest.h>)
function(placer_use_test_headers name)
  if(CMAKE_CXX_CLANG_TIDY)
    return()
  endif()
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  if(CMAKE_CXX_COMPILER_LAUNCHER STREQUAL CCACHE_PROGRAM)
    set_target_properties(${name} PROPERTIES CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND};-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros;${CCACHE_PROGRAM}")
    target_compile_options(${name} PRIVATE -fpch-preprocess)
  endif()
  if(NOT name STREQUAL "placer_test_headers")
    target_precompile_headers(${name} REUSE_FROM placer_test_headers)
  else()
    target_precompile_headers(${name} PRIVATE ${placer_test_includes})
  endif()
endfunction()

function(placer_check_arguments function name)
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${function}(${name}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
endfunction()

function(placer_add_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TORCH" "" "SOURCES;HEADERS;DEPS;PRIVATE_DEPS")
  placer_check_arguments(placer_add_library ${name})
  if(arg_SOURCES)
    add_library(${name} STATIC ${arg_SOURCES})
    placer_setup_target(${name} ${arg_TORCH} FALSE)
    target_link_libraries(${name} PUBLIC placer_flags ${arg_DEPS} PRIVATE ${arg_PRIVATE_DEPS})
    set(scope PUBLIC)
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE placer_flags ${arg_DEPS} ${arg_PRIVATE_DEPS})
    set(scope INTERFACE)
  endif()
  if(arg_HEADERS)
    target_sources(${name} ${scope}
      FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${arg_HEADERS})
    set_target_properties(${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  endif()
endfunction()

function(placer_add_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TORCH;UNITY" "" "SOURCES;DEPS")
  placer_check_arguments(placer_add_executable ${name})
  add_executable(${name} ${arg_SOURCES})
  placer_setup_target(${name} ${arg_TORCH} ${arg_UNITY})
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
endfunction()

# Tests run in the repository's root, with PLACER_PROGRAM naming the program that was built. One
# ctest entry per TEST; with TORCH one per binary, since every process pays 0.4 s to load LibTorch.
function(placer_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TORCH" "" "LABELS;SOURCES;DEPS")
  placer_check_arguments(placer_add_test ${name})
  if(NOT PLACER_BUILD_TESTS)
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  placer_setup_target(${name} ${arg_TORCH} FALSE)
  # g++ 12 sees overlaps and overruns in `std::string(...) + "..."` that are not there (its bug 105651),
  # and with sanitizers values in <regex> that were not set.
  target_compile_options(${name} PRIVATE
    "$<$<CXX_COMPILER_ID:GNU>:-Wno-restrict;-Wno-array-bounds;-Wno-stringop-overflow;-Wno-stringop-overread>"
    "$<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>")
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gmock_main)
  target_compile_definitions(${name} PRIVATE PLACER_SOURCE_ROOT="${PROJECT_SOURCE_DIR}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  if(NOT arg_TORCH)
    placer_use_test_headers(${name})
  endif()
  set(environment PLACER_PROGRAM=${PROJECT_BINARY_DIR}/placer)
  if(arg_TORCH)
    add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES
      LABELS "torch;${arg_LABELS}" ENVIRONMENT "${environment};OMP_WAIT_POLICY=passive")
  else()
    gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
      WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} PROPERTIES ENVIRONMENT ${environment})
    # gtest_discover_tests keeps only the first of several labels.
    set(labels_file ${CMAKE_CURRENT_BINARY_DIR}/${name}_labels.cmake)
    file(CONFIGURE OUTPUT ${labels_file} @ONLY CONTENT
[[if(@name@_TESTS)
  set_tests_properties(${@name@_TESTS} PROPERTIES LABELS "unit;@arg_LABELS@")
endif()
]])
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${labels_file})
  endif()
endfunction()

# ctest runs each benchmark once, to see that it works; figures come from running it by hand.
function(placer_add_benchmark name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TORCH" "" "SOURCES;DEPS")
  placer_check_arguments(placer_add_benchmark ${name})
  if(NOT PLACER_BUILD_BENCH)
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  placer_setup_target(${name} ${arg_TORCH} FALSE)
  target_link_libraries(${name} PRIVATE ${arg_DEPS} benchmark::benchmark_main)
  target_compile_definitions(${name} PRIVATE PLACER_SOURCE_ROOT="${PROJECT_SOURCE_DIR}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
  add_test(NAME ${name} COMMAND ${name} --benchmark_min_time=0
           WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS bench ENVIRONMENT OMP_WAIT_POLICY=passive)
endfunction()

if(PLACER_BUILD_TESTS)
  include(GoogleTest)
  set(empty_source ${PROJECT_BINARY_DIR}/generated/empty.cpp)
  if(NOT EXISTS ${empty_source})
    file(WRITE ${empty_source} "")
  endif()
  add_library(placer_test_headers OBJECT ${empty_source})
  placer_setup_target(placer_test_headers FALSE FALSE)
  target_link_libraries(placer_test_headers PRIVATE GTest::gmock_main)
  placer_use_test_headers(placer_test_headers)
endif()
