// SPDX-License-Identifier: Apache-2.0
#include "runs/containment.hpp"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#include <optional>

#include "base/error.hpp"
#include "runs/run_frame.hpp"
#include "runs/run_lock.hpp"

namespace host::runs {
namespace {

namespace fs = std::filesystem;

constexpr Duration kPatience = std::chrono::seconds(15);

// A folder of its own, gone with it.
class ProbeFolder {
 public:
  explicit ProbeFolder(const fs::path& parent)
      : path_(fs::canonical(parent) / "timmy-probe.XXXXXX") {
    std::string name = path_;
    if (::mkdtemp(name.data()) == nullptr) throw system_error("making " + name);
    path_ = name;
    fs::create_directory(path_ / "scratch");
  }
  ~ProbeFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ProbeFolder(const ProbeFolder&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

RunSpec probe_spec(const fs::path& folder) {
  RunSpec spec;
  spec.id = folder.filename();
  spec.arguments = {"/bin/true"};
  spec.scratch = folder / "scratch";
  spec.folder = spec.scratch;
  spec.writable = {spec.scratch};
  spec.environment = base_environment(spec.scratch);
  spec.meter = SocketAddress{"127.0.0.1", 9};
  spec.limits.wall = std::chrono::seconds(10);
  spec.limits.processes = 64;
  return spec;
}

RunEnding wait_for_ending(int channel) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  RunFrameReader reader;
  for (;;) {
    while (const auto frame = reader.next())
      if (frame->type == RunFrameType::ended)
        return run_ending_from(parse_json(frame->body, "a supervisor's answer"));
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    pollfd readable{channel, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&readable, 1, static_cast<int>(left.count())) <= 0)
      throw Error(Code::timed_out, "no supervisor answered in " + format_duration(kPatience));
    const auto received = receive_with_descriptors(channel, kOutputFrame);
    if (received.bytes.empty()) throw Error(Code::io, "the supervisor is gone without a word");
    reader.feed(received.bytes);
  }
}

}  // namespace

InForce probe_containment(Supervisors& supervisors, const fs::path& parent) {
  const ProbeFolder folder(parent);
  const auto spec = probe_spec(folder.path());
  auto supervisor = supervisors.start();
  {
    const Fd lock = take_lock(lock_path(folder.path()));
    std::string frame;
    append_run_frame(
        frame, RunFrameType::spec,
        to_text({{"version", kRunFrameVersion}, {"run", to_json(spec)}, {"input", false}}));
    send_with_descriptors(supervisor.channel.get(), frame, {lock.get()});
  }
  const auto ending = wait_for_ending(supervisor.channel.get());
  if (ending.kind != RunEnding::Kind::exited)
    throw Error(Code::io, "not even /bin/true can be run: " + ending.evidence);
  // It goes by itself now, which keeps its cgroup from being left.
  if (supervisor.child) {
    pollfd ended{supervisor.child.pidfd(), POLLIN, 0};
    (void)::poll(&ended, 1, 5000);
  }
  return ending.in_force;
}

std::vector<std::string> what_is_not_held(const InForce& in_force) {
  std::vector<std::string> lines;
  if (in_force.may_outlive())
    lines.emplace_back(
        "a hostile agent could outlive its run: there is neither a pid namespace nor a cgroup");
  if (in_force.bypassable())
    lines.emplace_back("an agent could pass the meter by: there is no network namespace");
  if (!in_force.private_root.in_force && !in_force.landlock.in_force)
    lines.emplace_back("an agent could read and change every file of the host's user");
  if (!in_force.processes.in_force)
    lines.emplace_back(
        "a hostile agent could start processes until the machine has no more, unless its "
        "supervisor "
        "is quicker: nothing of the kernel's bounds them");
  if (!in_force.seccomp.in_force)
    lines.emplace_back("an agent could reach other programs of the host's user");
  return lines;
}

}  // namespace host::runs
