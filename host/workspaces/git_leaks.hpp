// SPDX-License-Identifier: Apache-2.0
//
// For tests: where a token could be seen by somebody else.
#pragma once

#include <openssl/evp.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <string>

#include "base/error.hpp"
#include "base/file.hpp"
#include "workspaces/git_fixture.hpp"

namespace host::workspaces {

// All that /proc shows to whoever may look at a process's arguments and environment.
struct Shown {
  std::string text;
  bool saw_git = false;
  bool saw_credential = false;  // as descriptor 9
  bool saw_lock = false;        // as descriptor 10
};

inline pid_t parent_of(const std::string& pid) {
  const auto stat = read_file("/proc/" + pid + "/stat", 4096);
  return std::stoi(stat.substr(stat.rfind(')') + 4));
}

inline Shown descendants_shown() {
  std::set<std::string> ours{std::to_string(::getpid())};
  Shown shown;
  for (bool grew = true; grew;) {
    grew = false;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const auto pid = entry.path().filename().string();
      if (pid.find_first_not_of("0123456789") != pid.npos || ours.contains(pid)) continue;
      try {
        if (!ours.contains(std::to_string(parent_of(pid)))) continue;
        ours.insert(pid);
        grew = true;
        const auto line = read_file(entry.path() / "cmdline", 1 << 20);
        shown.text += line + read_file(entry.path() / "environ", 1 << 20);
        shown.saw_git |= line.find("remote-http") != line.npos;
        const auto open = [&](const char* number) {
          std::error_code none;
          return fs::read_symlink(entry.path() / "fd" / number, none).string();
        };
        shown.saw_credential |= open("9").find("memfd") != std::string::npos;
        shown.saw_lock |= open("10").ends_with("/lock");
      } catch (const Error&) {  // it has ended
      }
    }
  }
  return shown;
}

inline std::string all_bytes_below(const fs::path& folder) {
  std::string all;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && !entry.is_symlink())
      all += entry.path().string() + read_file(entry.path(), std::size_t{64} << 20);
  return all;
}

// Whether the test's token is in it, as it is or in base64.
inline bool holds_token(const std::string& text) {
  const std::string pair = "timmy-host:" + std::string(kToken);
  std::string encoded(200, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                  reinterpret_cast<const unsigned char*>(pair.data()),
                  static_cast<int>(pair.size()));
  // Its ends depend on what stands around it.
  return text.find(kToken) != std::string::npos ||
         text.find(encoded.substr(20, 20)) != std::string::npos;
}

}  // namespace host::workspaces
