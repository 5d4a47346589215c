# SPDX-License-Identifier: Apache-2.0
#
# Installs the SDK from BUILD into a prefix of its own, then builds and tests against it, by CMake's
# package and by pkg-config, from folders outside of this tree.
function(run)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE text ERROR_VARIABLE errors RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN} failed:\n${text}\n${errors}")
  endif()
  set(output "${text}" PARENT_SCOPE)
endfunction()

function(build name)
  run(${CMAKE_COMMAND} -S ${WORK}/${name} -B ${WORK}/${name}/build -DCMAKE_BUILD_TYPE=Debug
    -DCMAKE_C_COMPILER=${C_COMPILER} -DCMAKE_CXX_COMPILER=${CXX_COMPILER}
    -DCMAKE_PREFIX_PATH=${WORK}/prefix --no-warn-unused-cli)
  run(${CMAKE_COMMAND} --build ${WORK}/${name}/build)
endfunction()

file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --component sdk --prefix ${WORK}/prefix)

set(examples ${WORK}/prefix/share/timmy-sdk/examples)
file(COPY ${examples}/hello ${examples}/plain-c ${examples}/stale ${SOURCE} DESTINATION ${WORK})
build(hello)
build(plain-c)
build(stale)
run(${CMAKE_CTEST_COMMAND} --test-dir ${WORK}/stale/build --output-on-failure)
build(outside)
run(${CMAKE_CTEST_COMMAND} --test-dir ${WORK}/outside/build --output-on-failure)

foreach(plugin hello/build/hello.so plain-c/build/plain_c.so stale/build/stale.so
               outside/build/counter.so)
  run(${READELF} --wide --dyn-syms ${WORK}/${plugin})
  string(REGEX MATCHALL "(GLOBAL|WEAK|UNIQUE) +[A-Z]+ +[0-9]+ +[^ \n]+" exported "${output}")
  if(NOT exported MATCHES "^GLOBAL +DEFAULT +[0-9]+ +timmy_plugin_v1$")
    message(FATAL_ERROR "${plugin} exports [${exported}]")
  endif()
endforeach()

# By hand, with pkg-config.
find_program(PKG_CONFIG pkg-config)
if(PKG_CONFIG)
  set(ENV{PKG_CONFIG_PATH} ${WORK}/prefix/share/pkgconfig)
  run(${PKG_CONFIG} --cflags --define-variable=prefix=${WORK}/prefix timmy-sdk)
  separate_arguments(flags UNIX_COMMAND "${output}")
  run(${C_COMPILER} -std=c11 -fsyntax-only ${flags} ${WORK}/plain-c/plain_c.c)
endif()

# Another major is not taken.
file(WRITE ${WORK}/future/CMakeLists.txt
  "cmake_minimum_required(VERSION 3.21)\nproject(future LANGUAGES C)\nfind_package(TimmySDK 2.0 REQUIRED)\n")
execute_process(COMMAND ${CMAKE_COMMAND} -S ${WORK}/future -B ${WORK}/future/build
  -DCMAKE_PREFIX_PATH=${WORK}/prefix OUTPUT_QUIET ERROR_VARIABLE errors RESULT_VARIABLE status)
if(status EQUAL 0 OR NOT errors MATCHES "TimmySDK")
  message(FATAL_ERROR "find_package(TimmySDK 2.0) took 1.x")
endif()
