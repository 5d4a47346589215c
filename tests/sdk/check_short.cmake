# SPDX-License-Identifier: Apache-2.0
#
# Fails unless the example in HELLO has at most 25 lines of C++ and 6 of CMake.
function(at_most limit file)
  file(READ ${HELLO}/${file} text)
  string(REGEX MATCHALL "\n" lines "${text}")
  list(LENGTH lines count)
  if(count GREATER limit OR count EQUAL 0)
    message(FATAL_ERROR "${file} has ${count} lines, of ${limit} at most")
  endif()
endfunction()

at_most(25 hello.cpp)
at_most(6 CMakeLists.txt)
