// SPDX-License-Identifier: Apache-2.0
#include "workers/cage.hpp"

#include <errno.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "workers/landlock.hpp"
#include "workers/sanitizers.hpp"
#include "workers/syscall_filter.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;

// Where a plugin's own libraries come from, and what they read.
constexpr std::array kLibraryFolders = {"/lib",       "/lib32",     "/lib64",        "/usr/lib",
                                        "/usr/lib32", "/usr/lib64", "/usr/local/lib"};
constexpr std::array kSystemFiles = {"/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo",
                                     "/sys/devices/system/cpu/online"};
constexpr std::array kDevices = {"/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"};

constexpr rlim_t kStackBytes = 8ull << 20;

class Builder {
 public:
  explicit Builder(const CageSpec& spec) : spec_(spec) {}

  // Runs `work`, which returns the layer's detail; what it throws is why the layer is missing.
  template <class Work>
  void layer(std::string name, Work work) {
    try {
      auto detail = work();
      report_.layers.push_back({std::move(name), true, std::move(detail)});
    } catch (const Error& error) {
      report_.layers.push_back({std::move(name), false, error.message()});
    }
  }

  std::string close_descriptors(std::vector<int> keep) const {
    std::sort(keep.begin(), keep.end());
    unsigned first = 3;
    for (const int fd : keep) {
      const auto next = static_cast<unsigned>(fd);
      if (next > first) close_range(first, next - 1);
      first = std::max(first, next + 1);
    }
    close_range(first, ~0u);
    return {};
  }

  std::string clear_environment() const {
    ::clearenv();
    for (const auto& [name, value] :
         std::array<std::pair<const char*, std::string>, 5>{{{"PATH", "/usr/bin:/bin"},
                                                             {"LANG", "C.UTF-8"},
                                                             {"HOME", spec_.scratch},
                                                             {"TMPDIR", spec_.scratch},
                                                             {"TIMMY_SCRATCH", spec_.scratch}}})
      ::setenv(name, value.c_str(), 1);
    return {};
  }

  std::string set_limits() const {
    limit(RLIMIT_CORE, 0, "RLIMIT_CORE");
    limit(RLIMIT_NOFILE, static_cast<rlim_t>(spec_.limits.files), "RLIMIT_NOFILE");
    limit(RLIMIT_FSIZE, spec_.limits.file_bytes, "RLIMIT_FSIZE");
    limit(RLIMIT_STACK, kStackBytes, "RLIMIT_STACK");
    return std::to_string(spec_.limits.files) + " descriptors, files of " +
           std::to_string(spec_.limits.file_bytes >> 20) + " MiB";
  }

  std::string limit_memory() const {
    if (kSanitized)
      throw Error(Code::unsupported, "a sanitizer reserves more memory than any limit");
    limit(RLIMIT_DATA, spec_.limits.memory_bytes, "RLIMIT_DATA");
    return std::to_string(spec_.limits.memory_bytes >> 20) + " MiB";
  }

  std::string enforce_landlock() {
    const int abi = LandlockRules::kernel_abi();
    if (abi == 0)
      throw Error(Code::unsupported, "this kernel has no Landlock, or it is switched off");
    LandlockRules rules(abi);
    allow_system(rules);
    for (const auto& path : spec_.readable)
      granted([&] { rules.allow_read(path, Links::refused); });
    for (const auto& path : spec_.writable)
      granted([&] { rules.allow_write(path, Links::refused); });
    rules.allow_write(spec_.scratch);
    rules.enforce();
    return "ABI " + std::to_string(abi);
  }

  CageReport take() { return std::move(report_); }

 private:
  static void close_range(unsigned first, unsigned last) {
    if (::syscall(SYS_close_range, first, last, 0) != 0) throw system_error("close_range");
  }

  static void limit(int resource, rlim_t value, const char* name) {
    rlimit current{};
    ::getrlimit(static_cast<__rlimit_resource>(resource), &current);
    const rlim_t wanted = std::min(value, current.rlim_max);
    const rlimit both{wanted, wanted};
    if (::setrlimit(static_cast<__rlimit_resource>(resource), &both) != 0) throw system_error(name);
  }

  void allow_system(LandlockRules& rules) {
    for (const char* path : kLibraryFolders) optional([&] { rules.allow_read(path); });
    for (const char* path : kSystemFiles) optional([&] { rules.allow_read(path); });
    for (const char* path : kDevices) optional([&] { rules.allow_device(path); });
    // A sanitizer reads its own maps when it reports.
    if (kSanitized) optional([&] { rules.allow_read("/proc/self"); });
  }

  template <class Work>
  static void optional(Work work) {
    try {
      work();
    } catch (const Error& error) {
      if (error.code() != Code::not_found && error.code() != Code::denied) throw;
    }
  }

  template <class Work>
  void granted(Work work) {
    try {
      work();
    } catch (const Error& error) {
      report_.notes.push_back("granted, but not there: " + error.message());
    }
  }

  const CageSpec& spec_;
  CageReport report_;
};

std::string drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  // A unit without capabilities may be refused the call that drops them, as the host's own is.
  std::array<__user_cap_data_struct, 2> held{};
  if (::syscall(SYS_capget, &header, held.data()) == 0 &&
      std::all_of(held.begin(), held.end(), [](const auto& each) {
        return (each.effective | each.permitted | each.inheritable) == 0;
      }))
    return {};
  std::array<__user_cap_data_struct, 2> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0) throw system_error("capset");
  return {};
}

std::string refuse_new_privileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) throw system_error("PR_SET_NO_NEW_PRIVS");
  return {};
}

}  // namespace

CageReport enter_cage(const CageSpec& spec, std::vector<int> keep,
                      const Result<SyscallFilter>& filter) {
  for (const auto* list : {&spec.readable, &spec.writable})
    for (const auto& path : *list) check_grantable(path, spec.forbidden);
  if (::chdir(spec.scratch.c_str()) != 0) throw system_error("entering " + spec.scratch.string());

  Builder cage(spec);
  cage.layer("environment", [&] { return cage.clear_environment(); });
  cage.layer("descriptors", [&] { return cage.close_descriptors(std::move(keep)); });
  cage.layer("capabilities", drop_capabilities);
  cage.layer("no_new_privs", refuse_new_privileges);
  cage.layer("limits", [&] { return cage.set_limits(); });
  cage.layer("memory", [&] { return cage.limit_memory(); });
  cage.layer("landlock", [&] { return cage.enforce_landlock(); });
  cage.layer("seccomp", [&] {
    if (!filter) throw filter.error();
    filter.value().enforce();
    return std::string();
  });
  return cage.take();
}

bool CageReport::in_force(std::string_view layer) const {
  return std::any_of(layers.begin(), layers.end(),
                     [&](const Layer& each) { return each.name == layer && each.in_force; });
}

std::string CageReport::missing() const {
  std::string out;
  for (const auto& layer : layers) {
    if (layer.in_force) continue;
    if (!out.empty()) out += "; ";
    out += layer.name + " (" + layer.detail + ")";
  }
  return out;
}

Json CageReport::json() const {
  Json list = Json::array();
  for (const auto& layer : layers)
    list.push_back({{"name", layer.name}, {"in_force", layer.in_force}, {"detail", layer.detail}});
  return {{"layers", std::move(list)}, {"notes", notes}};
}

CageReport CageReport::from(const Json& json) {
  CageReport report;
  for (const auto& layer : json.at("layers"))
    report.layers.push_back({layer.at("name").get<std::string>(), layer.at("in_force").get<bool>(),
                             layer.at("detail").get<std::string>()});
  report.notes = json.at("notes").get<std::vector<std::string>>();
  return report;
}

}  // namespace host
