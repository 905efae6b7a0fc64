# Checks every #include of the project's C++ files against the layering table.
#
#   cmake -DROOT=<repository> -P check_layers.cmake
#
# The longest matching prefix gives a file its layer; a quoted include must stay in that layer or go
# to one that the table allows. Heavy libraries are allowed only where listed.
cmake_minimum_required(VERSION 3.25)

# layer: what it may include besides itself (and the standard library). Lowest first.
set(base placer/base)
set(model ${base} placer/graph placer/cluster)
set(costed ${model} placer/cost placer/placement)
set(domain ${costed} placer/bound placer/group placer/evaluate placer/explain placer/algorithm placer/formats)
set(all ${domain} simulator profiler policy tools)

set(layers "")
macro(layer name)
  list(APPEND layers ${name})
  set(allowed_${name} ${ARGN})
endmacro()
layer(placer/base)
layer(placer/graph ${base})
layer(placer/cluster ${base})
layer(placer/cost ${model})
layer(placer/placement ${model} placer/cost)
layer(placer/group ${costed})
layer(placer/bound ${costed})
layer(placer/evaluate ${costed})
layer(placer/explain ${costed} placer/group placer/evaluate)
layer(placer/algorithm ${costed} placer/bound placer/group placer/evaluate placer/explain)
layer(placer/formats ${costed} placer/group placer/evaluate placer/explain)
layer(simulator ${domain})
layer(profiler ${domain})
layer(policy ${domain})
layer(tools ${all})
layer(tests ${all})

# Regular expressions: the include, and the files that may have it.
set(heavy
  "^(torch|ATen|c10|caffe2)/"        "^((tests/)?(profiler|policy)/.*\\.cpp|([^/]+/)*torch/.*)$"
  "^((c10|ATen)/cuda/|(cuda|cudnn|nvml|cupti|nccl).*\\.h$)" "^profiler/cuda/"
  "^nlohmann/json\\.hpp$"
  "^((placer/formats|tools|tests)/.*|profiler/(worker_messages|profile_cache)|policy/checkpoint_file)\\.cpp$"
  "^nlohmann/json_fwd\\.hpp$"        "^(placer/formats|tools)/"
  "^CLI/"                            "^tools/(placer|bench)/"
  "^(coin/|Clp|metis\\.h|scotch\\.h)" "^placer/(algorithm|bound)/.*\\.cpp$"
  "^(zip|zstd|xxhash)\\.h$"          "^(placer/base|placer/formats|tests)/.*\\.cpp$"
  "^(gtest|gmock)/"                  "^tests/"
  "^benchmark/"                      "^tools/bench/")

function(layer_of file result)
  set(best "")
  set(best_length 0)
  foreach(name IN LISTS layers)
    string(FIND "${file}" "${name}/" position)
    string(LENGTH "${name}" length)
    if(position EQUAL 0 AND length GREATER best_length)
      set(best ${name})
      set(best_length ${length})
    endif()
  endforeach()
  set(${result} "${best}" PARENT_SCOPE)
endfunction()

set(problems "")
set(count 0)
set(files "")
foreach(folder placer simulator profiler policy tools tests)
  file(GLOB_RECURSE found RELATIVE ${ROOT} ${ROOT}/${folder}/*.h ${ROOT}/${folder}/*.cpp)
  list(APPEND files ${found})
endforeach()
foreach(file IN LISTS files)
  math(EXPR count "${count} + 1")
  layer_of(${file} layer)
  if(NOT layer)
    string(APPEND problems "${file}: in no layer of the table\n")
    continue()
  endif()
  file(STRINGS ${ROOT}/${file} lines REGEX "^[ \t]*#[ \t]*include[ \t]*[<\"]")
  foreach(line IN LISTS lines)
    if(NOT line MATCHES "include[ \t]*([<\"])([^>\"]+)")
      continue()
    endif()
    set(quote "${CMAKE_MATCH_1}")
    set(include "${CMAKE_MATCH_2}")
    set(where "${file}: #include ${include}")

    set(is_heavy FALSE)
    set(rules ${heavy})
    while(rules)
      list(POP_FRONT rules pattern permitted)
      if(include MATCHES "${pattern}")
        set(is_heavy TRUE)
        if(NOT file MATCHES "${permitted}")
          string(APPEND problems "${where}: only files that match ${permitted} may\n")
        endif()
      endif()
    endwhile()
    if(include MATCHES "(^|/)\\.\\.?/")
      string(APPEND problems "${where}: write the path from the repository's root\n")
    elseif(quote STREQUAL "\"" AND NOT is_heavy)
      layer_of(${include} target)
      if(NOT target)
        string(APPEND problems "${where}: write the path from the repository's root\n")
      elseif(NOT target STREQUAL layer AND NOT target IN_LIST allowed_${layer})
        string(APPEND problems "${where}: ${layer} may not include ${target}\n")
      endif()
    endif()
  endforeach()
endforeach()

if(problems)
  message(FATAL_ERROR "Includes that break the layering (CONTRIBUTING.md):\n${problems}")
endif()
if(count EQUAL 0)
  message(FATAL_ERROR "no C++ files under ${ROOT}")
endif()
message(STATUS "${count} files keep the layering")
