# SPDX-License-Identifier: Apache-2.0
#
# How every target of this project is compiled, and the one way to declare a room of the house.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
# One flag for libraries and programs alike, so that they share one precompiled header.
add_compile_options(-fPIC)
add_link_options($<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie>)
# Some two hundred programs are linked for the tests, and gold takes half of bfd's time for each. What
# is installed is linked as the machine's compiler does it.
include(CheckLinkerFlag)
check_linker_flag(CXX -fuse-ld=gold TIMMY_HAS_GOLD)
if(TIMMY_HAS_GOLD AND CMAKE_BUILD_TYPE STREQUAL Debug)
  add_link_options($<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-fuse-ld=gold>)
endif()
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# Programs lie together, as timmy-host looks for timmy-worker beside itself.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_program(CCACHE ccache)
if(CCACHE)
  # Precompiled headers are only cached when time and defines are not looked at.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)
    # Else a header that was precompiled anew is another one, and nothing in the cache fits it.
    add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
  endif()
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS program_options)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(SQLite3 3.40 REQUIRED)
find_package(CURL 7.88 REQUIRED)
find_package(yaml-cpp 0.7 REQUIRED)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp>=2.5)
find_library(CCTZ_LIBRARY cctz REQUIRED)
if(TIMMY_TESTS)
  enable_testing()
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()

add_library(timmy_flags INTERFACE)
target_compile_options(timmy_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror -Wno-missing-field-initializers
  -fstack-protector-strong -fstack-clash-protection -fcf-protection)
# g++ 12 sees overlaps in std::string's own code that are none, once it optimises; the presets with
# sanitizers do (https://gcc.gnu.org/bugzilla/show_bug.cgi?id=105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND (TIMMY_SANITIZE OR NOT CMAKE_BUILD_TYPE STREQUAL Debug))
  target_compile_options(timmy_flags INTERFACE
    -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)
  # libseccomp's macros are C's compound literals.
  target_compile_options(timmy_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-c99-extensions>)
endif()
target_compile_definitions(timmy_flags INTERFACE
  _GLIBCXX_ASSERTIONS BOOST_DLL_USE_STD_FS BOOST_ASIO_NO_DEPRECATED
  $<$<BOOL:${TIMMY_FAILPOINTS}>:TIMMY_FAILPOINTS>)
target_compile_definitions(timmy_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
target_link_options(timmy_flags INTERFACE -Wl,-z,relro,-z,now)
if(TIMMY_SANITIZE)
  add_compile_options(-fsanitize=${TIMMY_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TIMMY_SANITIZE})
  if(TIMMY_SANITIZE MATCHES undefined)
    # Otherwise it prints and goes on, and a test that passes hides what was printed.
    add_compile_options(-fno-sanitize-recover=undefined)
    add_link_options(-fno-sanitize-recover=undefined)
  endif()
  if(TIMMY_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # Boost.Asio's fences, which this sanitizer doesn't know; its queues have locks besides.
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-tsan>)
  endif()
endif()

# The headers that most of the host includes, compiled once; and once more with those that most of its
# tests include besides.
set(timmy_common_headers <algorithm> <chrono> <deque> <filesystem> <functional> <map> <memory>
  <optional> <string> <string_view> <unordered_map> <variant> <vector> <fmt/format.h>
  <nlohmann/json.hpp> <boost/asio/io_context.hpp> <boost/asio/post.hpp> <boost/asio/steady_timer.hpp>)
add_library(timmy_pch OBJECT ${PROJECT_SOURCE_DIR}/cmake/pch.cpp)
target_link_libraries(timmy_pch PRIVATE timmy_flags nlohmann_json::nlohmann_json spdlog::spdlog
  Boost::boost Threads::Threads)
target_precompile_headers(timmy_pch PRIVATE ${timmy_common_headers})
if(TIMMY_TESTS)
  add_library(timmy_test_pch OBJECT ${PROJECT_SOURCE_DIR}/cmake/pch.cpp)
  target_link_libraries(timmy_test_pch PRIVATE timmy_flags nlohmann_json::nlohmann_json
    spdlog::spdlog Boost::boost Threads::Threads GTest::gmock)
  target_precompile_headers(timmy_test_pch PRIVATE ${timmy_common_headers} <gmock/gmock.h>)
endif()

# timmy_room(NAME SOURCES a.cpp ... [TESTS a_test.cpp ...] [DEPENDS lower rooms ...] [LIBRARIES ...]
#            [TEST_LIBRARIES ...])
#
# A room of host/ is a static library timmy_NAME whose headers are included as "NAME/x.hpp"; it sees
# only the rooms that it names. Its tests are one program, timmy_NAME_test.
function(timmy_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;TESTS;DEPENDS;LIBRARIES;TEST_LIBRARIES" ${ARGN})
  add_library(timmy_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(timmy_${name} PUBLIC ${PROJECT_SOURCE_DIR}/host)
  list(TRANSFORM ROOM_DEPENDS PREPEND timmy_)
  target_link_libraries(timmy_${name} PUBLIC ${ROOM_DEPENDS} ${ROOM_LIBRARIES} Threads::Threads
    nlohmann_json::nlohmann_json spdlog::spdlog Boost::boost PRIVATE timmy_flags)
  target_precompile_headers(timmy_${name} REUSE_FROM timmy_pch)
  if(TIMMY_TESTS AND ROOM_TESTS)
    add_executable(timmy_${name}_test ${ROOM_TESTS})
    target_link_libraries(timmy_${name}_test PRIVATE timmy_${name} ${ROOM_TEST_LIBRARIES}
      timmy_flags GTest::gmock GTest::gtest_main)
    target_precompile_headers(timmy_${name}_test REUSE_FROM timmy_test_pch)
    gtest_discover_tests(timmy_${name}_test DISCOVERY_TIMEOUT 60
      PROPERTIES TIMEOUT 300 LABELS "${name}")
  endif()
endfunction()

# timmy_fuzz(NAME ROOM)
#
# tests/fuzz/NAME_fuzz.cpp as a libFuzzer program on a room, in the fuzz preset; elsewhere as a test
# that runs it on each of its seeds, tests/fuzz/corpus/NAME, whole and torn.
function(timmy_fuzz name room)
  if(TIMMY_FUZZ)
    add_executable(${name}_fuzz ${PROJECT_SOURCE_DIR}/tests/fuzz/${name}_fuzz.cpp)
    target_link_libraries(${name}_fuzz PRIVATE timmy_${room} timmy_flags)
    target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
    set_target_properties(${name}_fuzz PROPERTIES
      RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
  elseif(TIMMY_TESTS)
    add_executable(${name}_corpus ${PROJECT_SOURCE_DIR}/tests/fuzz/${name}_fuzz.cpp
      ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.cpp)
    target_link_libraries(${name}_corpus PRIVATE timmy_${room} timmy_flags)
    add_test(NAME Corpus.${name}
      COMMAND ${name}_corpus ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
    set_tests_properties(Corpus.${name} PROPERTIES TIMEOUT 120 LABELS ${room})
  endif()
endfunction()
