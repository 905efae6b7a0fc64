# Checks every tracked C++ file with clang-format, or rewrites it with -DFIX=ON.
#
#   cmake -DROOT=<repository> [-DFIX=ON] -P check_format.cmake
#
# Other versions of clang-format disagree on details, so only the one below counts.
cmake_minimum_required(VERSION 3.25)
set(version 14)

find_program(clang_format NAMES clang-format-${version} clang-format)
set(found "")
if(clang_format)
  execute_process(COMMAND ${clang_format} --version OUTPUT_VARIABLE found)
endif()
if(NOT found MATCHES "version ${version}\\.")
  message("SKIPPED: clang-format ${version} is not installed")
  return()
endif()
execute_process(COMMAND git ls-files -- "*.h" "*.cpp" WORKING_DIRECTORY ${ROOT}
                OUTPUT_VARIABLE files RESULT_VARIABLE status ERROR_QUIET)
if(NOT status EQUAL 0)
  message("SKIPPED: not a git checkout")
  return()
endif()
string(REGEX REPLACE "\n$" "" files "${files}")
string(REPLACE "\n" ";" files "${files}")
set(present "")
foreach(file IN LISTS files)
  if(EXISTS ${ROOT}/${file})
    list(APPEND present ${file})
  endif()
endforeach()
if(FIX)
  set(mode -i)
else()
  set(mode --dry-run -Werror --ferror-limit=1)
endif()
execute_process(COMMAND ${clang_format} --style=file ${mode} ${present} WORKING_DIRECTORY ${ROOT}
                RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "not formatted: cmake --build build/<preset> --target format")
endif()
