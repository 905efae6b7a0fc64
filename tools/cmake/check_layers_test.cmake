# Plants one bad include at a time in a small tree and expects check_layers.cmake to name it.
#
#   cmake -DWORK=<scratch folder> -P check_layers_test.cmake
cmake_minimum_required(VERSION 3.25)

function(expect_refused file include)
  file(REMOVE_RECURSE ${WORK})
  file(WRITE ${WORK}/placer/base/ids.h "#include <vector>\n")
  file(WRITE ${WORK}/placer/graph/graph.h "#include \"placer/base/ids.h\"\n")
  file(WRITE ${WORK}/policy/torch/net.h "#include <ATen/core/Tensor.h>\n")
  if(include)
    file(WRITE ${WORK}/${file} "#include <vector>\n  #  include ${include}\n")
  endif()
  execute_process(
    COMMAND ${CMAKE_COMMAND} -DROOT=${WORK} -P ${CMAKE_CURRENT_LIST_DIR}/check_layers.cmake
    RESULT_VARIABLE status ERROR_VARIABLE text OUTPUT_QUIET)
  if(NOT include)
    if(NOT status EQUAL 0)
      message(FATAL_ERROR "a clean tree was refused:\n${text}")
    endif()
    return()
  endif()
  string(REGEX REPLACE "[<>\"]" "" bare "${include}")
  string(FIND "${text}" "${file}: #include ${bare}" position)
  if(status EQUAL 0 OR position EQUAL -1)
    message(FATAL_ERROR "${file} with #include ${include} was not refused:\n${text}")
  endif()
endfunction()

expect_refused("" "")
expect_refused(placer/base/bad.h "\"placer/graph/graph.h\"")           # upwards
expect_refused(placer/graph/bad.h "\"placer/cluster/cluster.h\"")      # sideways
expect_refused(placer/algorithm/bad.cpp "\"placer/formats/formats.h\"")
expect_refused(placer/formats/bad.cpp "\"placer/algorithm/algorithm.h\"")
expect_refused(simulator/bad.cpp "\"profiler/executor.h\"")
expect_refused(policy/bad.cpp "\"simulator/simulator.h\"")
expect_refused(profiler/bad.cpp "\"tools/placer/shared.h\"")
expect_refused(placer/graph/bad.cpp "\"../base/ids.h\"")
expect_refused(placer/graph/bad.cpp "\"graph.h\"")                     # not from the root
expect_refused(placer/cost/bad.cpp "<torch/torch.h>")
expect_refused(policy/bad.h "<ATen/core/Tensor.h>")
expect_refused(placer/graph/bad.cpp "<nlohmann/json.hpp>")
expect_refused(placer/formats/bad.h "<nlohmann/json.hpp>")
expect_refused(simulator/bad.cpp "<CLI/CLI.hpp>")
expect_refused(profiler/gpu/bad.cpp "<cuda_runtime_api.h>")
expect_refused(profiler/torch/bad.cpp "<c10/cuda/CUDAStream.h>")
file(REMOVE_RECURSE ${WORK})
