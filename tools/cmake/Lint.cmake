# Checks of the source text, as tests with the label lint, and the target format.
if(PLACER_BUILD_TESTS)
  set(here ${CMAKE_CURRENT_LIST_DIR})
  add_test(NAME lint.layers
           COMMAND ${CMAKE_COMMAND} -DROOT=${PROJECT_SOURCE_DIR} -P ${here}/check_layers.cmake)
  add_test(NAME lint.layers.catches COMMAND ${CMAKE_COMMAND}
           -DWORK=${PROJECT_BINARY_DIR}/lint-layers -P ${here}/check_layers_test.cmake)
  add_test(NAME lint.format
           COMMAND ${CMAKE_COMMAND} -DROOT=${PROJECT_SOURCE_DIR} -P ${here}/check_format.cmake)
  set_tests_properties(lint.layers lint.layers.catches lint.format PROPERTIES
    LABELS lint SKIP_REGULAR_EXPRESSION "^SKIPPED: ")
endif()
add_custom_target(format COMMENT "Formatting the tracked C++ files" VERBATIM
  COMMAND ${CMAKE_COMMAND} -DROOT=${PROJECT_SOURCE_DIR} -DFIX=ON
          -P ${CMAKE_CURRENT_LIST_DIR}/check_format.cmake)
