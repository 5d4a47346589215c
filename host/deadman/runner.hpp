// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/process.hpp"
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
  bool late = false;   // it had not ended by its limit
};

// Whose systemd: the machine's, or that of the user whom the deadman runs as.
enum class Manager { system, user };

class Runner {
 public:
  virtual ~Runner() = default;
  // Blocks until it has ended, at most its limit and a few seconds for its start. What goes wrong
  // is in the Ending.
  virtual Ending run(const Errand& errand) = 0;
  // Whether what it runs finds a message bus to that manager. By its own socket alone a manager
  // takes orders and answers, but nobody hears how a unit ends (`systemd-run --wait`).
  [[nodiscard]] virtual bool has_bus(Manager manager) const = 0;
};

// Whether others could have written what would be run, or put one of the symbolic links on the way
// to it: as check_trusted() and Way::follow(), sticky folders above allowed. Of a program that is
// not there, whether others could put it there. Throws Error{denied}, {not_found}, {io}.
void check_program(const std::string& program);

// The real one. A program gets PATH, a home, where the user's service manager is, and nothing else
// of this process; what is left of its process group when it ends, or after its limit, is killed.
// What even that does not end within two seconds is left behind. One that check_program() refuses
// is not run.
//
// Who runs one has the lock of the state, and its file system may be away. So a program is checked
// and started by a thread of its own (start_apart()). One that takes longer than `patience` is left
// behind, as a failure, and until it ends the same programs fail at once; the more of them hang,
// the shorter is waited for the next. When it ends at last, nothing is run of it: at worst, when
// the start itself hung, the program is killed as it begins, which who has ended meanwhile can't
// do. One thread at a time.
class ProgramRunner final : public Runner {
 public:
  using Check = std::function<void(const std::string& program)>;

  // `check` may still be running when this object is gone.
  explicit ProgramRunner(const Environment& environment,
                         Duration patience = std::chrono::seconds(5), Check check = check_program,
                         std::filesystem::path system_bus = "/run/dbus/system_bus_socket");
  Ending run(const Errand& errand) override;
  [[nodiscard]] bool has_bus(Manager manager) const override;

 private:
  class Start;
  // Of what is left behind, by the programs.
  using Hanging = std::map<std::vector<std::string>, std::shared_ptr<Start>>;
  // Checks `programs`, and starts what is asked for. Throws Error, {unavailable} in time.
  [[nodiscard]] Child start(SpawnRequest request, const std::vector<std::string>& programs);

  std::map<std::string, std::string> environment_;
  Duration patience_;
  Check check_;
  std::filesystem::path system_bus_;
  Hanging hanging_;
};

}  // namespace host::deadman
