// SPDX-License-Identifier: Apache-2.0
#include "python.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"

namespace bench {
namespace {

std::string python() {
  const char* named = std::getenv("PYTHON");
  if (named != nullptr) return named;
  for (const char* folder : {"/usr/local/bin", "/usr/bin"})
    if (const auto path = std::string(folder) + "/python3"; ::access(path.c_str(), X_OK) == 0)
      return path;
  return "/usr/bin/python3";
}

}  // namespace

host::Json run_python(const std::string& script, const std::vector<std::string>& arguments) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw host::system_error("making a pipe");
  const host::Fd reading(ends[0]);
  host::Fd writing(ends[1]);
  // By its path: it finds the packages of its virtual environment by its own name.
  host::SpawnRequest request{.program = python(), .arguments = {python(), script}};
  request.arguments.insert(request.arguments.end(), arguments.begin(), arguments.end());
  for (const char* name : {"HOME", "PATH", "PYTHONPATH", "VIRTUAL_ENV"})
    if (const char* value = std::getenv(name)) request.environment[name] = value;
  request.descriptors = {{writing.get(), 1}, {2, 2}};
  auto child = host::spawn(request);
  writing.reset();
  const auto output = host::read_all(reading.get(), 1 << 16, "the peer's output");
  return host::parse_json(output, "the peer's output");
}

}  // namespace bench
