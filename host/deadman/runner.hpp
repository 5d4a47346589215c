// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "config/paths.hpp"

namespace host::deadman {

// A program to run to its end. Never a shell's text: a list of arguments.
struct Errand {
  std::vector<std::string> arguments;  // the first is the program, an absolute path
  std::string input;                   // its standard input
  std::vector<std::string> programs;   // that it has started in turn, absolute paths
  Duration limit = std::chrono::seconds(30);
};

struct Ending {
  bool ok = false;
  std::string text;    // "status 1: Access denied", for records
  std::string output;  // the last of what it printed, both streams
};

class Runner {
 public:
  virtual ~Runner() = default;
  // Blocks until it has ended, at most its limit. What goes wrong is in the Ending.
  virtual Ending run(const Errand& errand) = 0;
};

// Whether others could have written what would be run, or put one of the symbolic links on the way
// to it: as check_trusted() and Way::follow(), sticky folders above allowed. Of a program that is
// not there, whether others could put it there. Throws Error{denied}, {not_found}, {io}.
void check_program(const std::string& program);

// The real one. A program gets PATH, a home, where the user's service manager is, and nothing else
// of this process; what is left of its process group when it ends, or after its limit, is killed.
// What even that does not end within two seconds is left behind. One that check_program() refuses
// is not run; that looks at the file system, for which there is no limit.
class ProgramRunner final : public Runner {
 public:
  explicit ProgramRunner(const Environment& environment);
  Ending run(const Errand& errand) override;

 private:
  std::map<std::string, std::string> environment_;
};

}  // namespace host::deadman
