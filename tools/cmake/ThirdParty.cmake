# The libraries that placer links, as imported targets:
#   fmt::fmt  nlohmann_json::nlohmann_json  CLI11::CLI11  placer::zip  placer::xxhash  placer::zstd
#   placer::clp  placer::metis  placer::scotch
# LibTorch::cpu with PLACER_WITH_TORCH, LibTorch::cuda and CUDA::cudart with PLACER_WITH_CUDA, GTest::gmock_main and placer::valijson with the tests,
# benchmark::benchmark_main with the benchmarks. THIRD_PARTY.md says what each is for; tools/setup.sh installs them.

# placer_find_library(zip HEADER zip.h NAMES zip PACKAGE libzip-dev): for what ships no usable
# CMake package (libzip's asks for its command-line tools too). PATHS: folders of headers that the
# package gives its own.
function(placer_find_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "HEADER;PACKAGE" "NAMES;PATHS")
  find_path(PLACER_${name}_INCLUDE_DIR ${arg_HEADER} PATH_SUFFIXES ${arg_PATHS})
  find_library(PLACER_${name}_LIBRARY NAMES ${arg_NAMES})
  mark_as_advanced(PLACER_${name}_INCLUDE_DIR PLACER_${name}_LIBRARY)
  if(NOT PLACER_${name}_INCLUDE_DIR OR NOT PLACER_${name}_LIBRARY)
    message(FATAL_ERROR "${name} is missing: run tools/setup.sh, or apt-get install ${arg_PACKAGE}")
  endif()
  add_library(placer::${name} UNKNOWN IMPORTED)
  set_target_properties(placer::${name} PROPERTIES
    IMPORTED_LOCATION ${PLACER_${name}_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${PLACER_${name}_INCLUDE_DIR})
endfunction()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
placer_find_library(zip HEADER zip.h NAMES zip PACKAGE libzip-dev)
placer_find_library(xxhash HEADER xxhash.h NAMES xxhash PACKAGE libxxhash-dev)
placer_find_library(zstd HEADER zstd.h NAMES zstd PACKAGE libzstd-dev)
placer_find_library(clp HEADER coin/Clp_C_Interface.h NAMES Clp PACKAGE coinor-libclp-dev)
placer_find_library(metis HEADER metis.h NAMES metis PACKAGE libmetis-dev)
placer_find_library(scotch HEADER scotch.h NAMES scotch PATHS scotch PACKAGE libscotch-dev)
placer_find_library(scotcherr HEADER scotch.h NAMES scotcherr PATHS scotch PACKAGE libscotch-dev)
target_link_libraries(placer::scotch INTERFACE placer::scotcherr)

if(PLACER_BUILD_TESTS)
  # From source where tools/pack_deps.sh has brought that.
  foreach(prefix IN LISTS CMAKE_PREFIX_PATH)
    if(EXISTS ${prefix}/src/googletest/CMakeLists.txt AND NOT TARGET GTest::gmock_main)
      set(INSTALL_GTEST OFF)
      add_subdirectory(${prefix}/src/googletest obj/googletest EXCLUDE_FROM_ALL)
    endif()
  endforeach()
  if(NOT TARGET GTest::gmock_main)
    find_package(GTest REQUIRED)
  endif()
  find_path(PLACER_valijson_INCLUDE_DIR valijson/validator.hpp)
  mark_as_advanced(PLACER_valijson_INCLUDE_DIR)
  if(NOT PLACER_valijson_INCLUDE_DIR)
    message(FATAL_ERROR
      "valijson is missing: run tools/setup.sh, or apt-get install libvalijson-dev")
  endif()
  add_library(placer::valijson INTERFACE IMPORTED)
  target_include_directories(placer::valijson SYSTEM INTERFACE ${PLACER_valijson_INCLUDE_DIR})
endif()
if(PLACER_BUILD_BENCH)
  find_package(benchmark REQUIRED)
endif()
if(PLACER_WITH_TORCH)
  find_package(LibTorch 2.11 REQUIRED)
  include(Cuda)
endif()
