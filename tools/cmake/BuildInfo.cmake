# The library placer_build_info (tools/placer/build_info.h). It is written again when HEAD moves or
# what it says changes, not at every build.
set(info_file ${PROJECT_BINARY_DIR}/generated/build_info.cpp)
set(info_template ${PROJECT_SOURCE_DIR}/tools/placer/build_info.cpp.in)
set(info_script ${CMAKE_CURRENT_LIST_DIR}/write_build_info.cmake)
set(info_depends ${info_template} ${info_script})
execute_process(COMMAND git rev-parse --git-path logs/HEAD WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
                OUTPUT_VARIABLE head_log OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(head_log)
  cmake_path(ABSOLUTE_PATH head_log BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
  if(EXISTS ${head_log})
    list(APPEND info_depends ${head_log})
  endif()
endif()
if(PLACER_WITH_TORCH)
  set(info_torch "LibTorch ${LibTorch_VERSION}, built for CUDA ${LibTorch_CUDA_VERSION}")
else()
  set(info_torch "no LibTorch, no CUDA")
endif()
set(info_compiler "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}, ${CMAKE_BUILD_TYPE}")

add_custom_command(OUTPUT ${info_file} DEPENDS ${info_depends} VERBATIM
  COMMAND ${CMAKE_COMMAND} -DROOT=${PROJECT_SOURCE_DIR} -DTEMPLATE=${info_template}
          -DOUTPUT=${info_file} -DVERSION=${PROJECT_VERSION} -DTORCH=${info_torch}
          -DCOMPILER=${info_compiler} -P ${info_script}
  COMMENT "Writing build_info.cpp")
placer_add_library(placer_build_info SOURCES ${info_file})
