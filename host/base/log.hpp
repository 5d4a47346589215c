// SPDX-License-Identifier: Apache-2.0
//
// One sink for every line that the host prints about itself. Secrets are scrubbed there, by value,
// before a line leaves the process; so a caller can't forget to.
#pragma once

#include <fmt/core.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace spdlog {
class logger;
}

namespace host {

class Redactor;

enum class Level { debug, info, warn, error };
// "debug", "info", "warn", "error". Throws Error{invalid}.
[[nodiscard]] Level parse_level(std::string_view text);
[[nodiscard]] std::string_view name(Level level) noexcept;

// A named view onto the sink; cheap to copy, thread-safe. Lines are "<time in UTC> <level> <name>:
// <text>", or with a "<N>" priority prefix and no time under journald ($JOURNAL_STREAM).
class Log {
 public:
  // Writes to stderr.
  static Log to_stderr(Level least, std::shared_ptr<Redactor> redactor);
  // Keeps lines in memory, for tests: each is "level name: text".
  static Log to_memory(std::shared_ptr<std::vector<std::string>> lines);

  // From now on, for all that share the sink.
  void set_level(Level least) const;

  // The same sink under another name.
  [[nodiscard]] Log named(std::string name) const;
  [[nodiscard]] const std::shared_ptr<Redactor>& redactor() const { return redactor_; }

  template <class... Args>
  void debug(fmt::format_string<Args...> f, Args&&... args) const {
    write(Level::debug, fmt::format(f, std::forward<Args>(args)...));
  }
  template <class... Args>
  void info(fmt::format_string<Args...> f, Args&&... args) const {
    write(Level::info, fmt::format(f, std::forward<Args>(args)...));
  }
  template <class... Args>
  void warn(fmt::format_string<Args...> f, Args&&... args) const {
    write(Level::warn, fmt::format(f, std::forward<Args>(args)...));
  }
  template <class... Args>
  void error(fmt::format_string<Args...> f, Args&&... args) const {
    write(Level::error, fmt::format(f, std::forward<Args>(args)...));
  }
  void write(Level level, std::string_view text) const;

 private:
  std::shared_ptr<spdlog::logger> logger_;
  std::shared_ptr<Redactor> redactor_;
  std::string name_;
};

}  // namespace host
