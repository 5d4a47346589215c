# SPDX-License-Identifier: Apache-2.0
#
# Rebuilds the worker of release VERSION, and run_in_worker on that release's own rooms, which reads a
# manifest and talks to the worker as its host did. In OLD_HOST; takes some 60 s of one processor with
# clang, 150 to 220 with gcc.
include(${CMAKE_CURRENT_LIST_DIR}/release.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/release_build.cmake)
timmy_extract_release(${OLD_HOST} CMakeLists.txt cmake host tests)
if(NOT EXISTS ${OLD_HOST})
  return()
endif()

# The release's own, which its rooms fit; the first ones had none.
set(source ${OLD_HOST}/tests/abi/run_in_worker.cpp)
if(NOT EXISTS ${source})
  set(source ${CMAKE_CURRENT_LIST_DIR}/run_in_worker.cpp)
endif()
file(APPEND ${OLD_HOST}/host/workers/CMakeLists.txt "
add_executable(run_in_worker ${source})
target_link_libraries(run_in_worker PRIVATE timmy_workers timmy_flags)
target_precompile_headers(run_in_worker REUSE_FROM timmy_pch)
")
# What a compiler warns of that came later is not what is tried here.
file(READ ${OLD_HOST}/cmake/TimmyBuild.cmake flags)
string(REPLACE " -Werror" "" flags "${flags}")
file(WRITE ${OLD_HOST}/cmake/TimmyBuild.cmake "${flags}")

# Those below and at the workers; in a file, since a list is no argument.
file(WRITE ${OLD_HOST}/rooms.cmake "set(TIMMY_ROOMS base store http config gitea tokens queue schedule
  plugins workers CACHE STRING \"\")
")
timmy_run(_ ${CMAKE_COMMAND} -S ${OLD_HOST} -B ${OLD_HOST}/build -G ${GENERATOR}
  -DCMAKE_C_COMPILER=${C_COMPILER} -DCMAKE_CXX_COMPILER=${CXX_COMPILER} -DCMAKE_BUILD_TYPE=Debug
  -DCMAKE_C_FLAGS_DEBUG=-O0 -DCMAKE_CXX_FLAGS_DEBUG=-O0 -DTIMMY_TESTS=OFF -C ${OLD_HOST}/rooms.cmake)
timmy_run(_ ${CMAKE_COMMAND} --build ${OLD_HOST}/build --parallel 2 --target timmy-worker run_in_worker)
