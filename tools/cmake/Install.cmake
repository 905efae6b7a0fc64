# `cmake --install build/release --prefix DIR` gives a tree that needs only glibc and libstdc++:
#   bin/placer   lib/placer/ (the libraries it loads)   share/placer/configs   share/doc/placer
# With the GPU plugin lib/placer/placer_cuda.so; LibTorch's CUDA libraries, 500 MB, only if asked for:
# `cmake --install build/release --prefix DIR --component gpu`. Those of NVIDIA that they load come from
# the machine (docs/gpu.md).
# LibTorch keeps the shape of its wheel, because libtorch_cpu.so looks for libcudart and libcupti
# in ../../nvidia/*/lib. DT_RPATH, not DT_RUNPATH: the libraries' own dependencies are found by it.
if(NOT TARGET placer)
  return()
endif()
set(private_libs lib/placer)
set(rpath $ORIGIN/../${private_libs})
if(PLACER_WITH_TORCH)
  foreach(file IN LISTS LibTorch_LIBRARIES LibTorch_CUDA_LIBRARIES)
    cmake_path(RELATIVE_PATH file BASE_DIRECTORY ${LibTorch_ROOT_DIR} OUTPUT_VARIABLE relative)
    cmake_path(GET relative PARENT_PATH folder)
    install(PROGRAMS ${file} DESTINATION ${private_libs}/${folder})
    if(file MATCHES "/libtorch_cpu\\.so$")
      list(APPEND rpath $ORIGIN/../${private_libs}/${folder})
    endif()
  endforeach()
endif()
set_target_properties(placer PROPERTIES INSTALL_RPATH "${rpath}")
target_link_options(placer PRIVATE -Wl,--disable-new-dtags)
install(TARGETS placer
  RUNTIME_DEPENDENCIES
    PRE_EXCLUDE_REGEXES
      "^(ld-linux|libc|libm|libdl|librt|libpthread|libresolv|libstdc\\+\\+|libgcc_s)[-.]"
      "^lib(torch|c10|gomp|cudart|cupti)"
  RUNTIME DESTINATION bin
  LIBRARY DESTINATION ${private_libs})
if(TARGET placer_cuda)
  set(plugin_rpath $ORIGIN)
  foreach(file IN LISTS LibTorch_GPU_LIBRARIES)
    cmake_path(RELATIVE_PATH file BASE_DIRECTORY ${LibTorch_ROOT_DIR} OUTPUT_VARIABLE relative)
    cmake_path(GET relative PARENT_PATH folder)
    install(PROGRAMS ${file} DESTINATION ${private_libs}/${folder} COMPONENT gpu EXCLUDE_FROM_ALL)
    list(APPEND plugin_rpath $ORIGIN/${folder})
  endforeach()
  list(REMOVE_DUPLICATES plugin_rpath)
  set_target_properties(placer_cuda PROPERTIES INSTALL_RPATH "${plugin_rpath}")
  target_link_options(placer_cuda PRIVATE -Wl,--disable-new-dtags)
  install(TARGETS placer_cuda LIBRARY DESTINATION ${private_libs})
endif()
foreach(folder configs docs)
  if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/${folder})
    if(folder STREQUAL docs)
      set(destination share/doc/placer)
    else()
      set(destination share/placer/configs)
    endif()
    install(DIRECTORY ${folder}/ DESTINATION ${destination})
  endif()
endforeach()
foreach(file README.md CHANGELOG.md THIRD_PARTY.md)
  install(FILES ${file} DESTINATION share/doc/placer OPTIONAL)
endforeach()
