# Writes OUTPUT from TEMPLATE with VERSION, TORCH, COMPILER and the revision of the checkout ROOT.
# A file that would not change is left as it is.
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND git describe --always --tags WORKING_DIRECTORY ${ROOT}
                OUTPUT_VARIABLE REVISION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(REVISION)
  set(REVISION " (${REVISION})")
endif()
configure_file(${TEMPLATE} ${OUTPUT} @ONLY)
