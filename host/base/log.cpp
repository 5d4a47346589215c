// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "base/error.hpp"
#include "base/log_loss.hpp"
#include "base/redactor.hpp"

namespace host {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warn: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

class MemorySink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit MemorySink(std::shared_ptr<std::vector<std::string>> lines) : lines_(std::move(lines)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    lines_->emplace_back(message.payload.data(), message.payload.size());
  }
  void flush_() override {}
  std::shared_ptr<std::vector<std::string>> lines_;
};

// Of the process, as stderr is.
std::atomic<std::uint64_t> lost_lines = 0;

// Each line at once, by one write as a rule; counts what is not taken.
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    std::string_view left(line.data(), line.size());
    while (!left.empty()) {
      const auto taken = ::write(STDERR_FILENO, left.data(), left.size());
      if (taken < 0 && errno == EINTR) continue;
      if (taken <= 0) {
        ++lost_lines;
        return;
      }
      left.remove_prefix(static_cast<std::size_t>(taken));
    }
  }
  void flush_() override {}
};

// sd-daemon(3): a line's priority as a prefix that journald takes off.
int journal_priority(Level level) {
  switch (level) {
    case Level::debug: return 7;
    case Level::info: return 6;
    case Level::warn: return 4;
    case Level::error: return 3;
  }
  return 3;
}

bool under_journald() { return std::getenv("JOURNAL_STREAM") != nullptr; }

}  // namespace

Level parse_level(std::string_view text) {
  for (const auto level : {Level::debug, Level::info, Level::warn, Level::error})
    if (name(level) == text) return level;
  throw Error(Code::invalid, "\"" + std::string(text) + "\" is not a log level",
              "Use debug, info, warn or error.");
}

std::string_view name(Level level) noexcept {
  switch (level) {
    case Level::debug: return "debug";
    case Level::info: return "info";
    case Level::warn: return "warn";
    case Level::error: return "error";
  }
  return "error";
}

std::uint64_t lost_log_lines() noexcept { return lost_lines; }

Log Log::to_stderr(Level least, std::shared_ptr<Redactor> redactor) {
  Log log;
  log.logger_ = std::make_shared<spdlog::logger>("host", std::make_shared<StderrSink>());
  log.logger_->set_pattern(under_journald() ? "%v" : "%Y-%m-%dT%H:%M:%S.%eZ %v",
                           spdlog::pattern_time_type::utc);
  log.logger_->set_level(to_spdlog(least));
  log.logger_->flush_on(spdlog::level::debug);
  log.redactor_ = std::move(redactor);
  return log;
}

Log Log::to_memory(std::shared_ptr<std::vector<std::string>> lines) {
  Log log;
  log.logger_ = std::make_shared<spdlog::logger>("memory", std::make_shared<MemorySink>(lines));
  log.logger_->set_level(spdlog::level::debug);
  log.redactor_ = std::make_shared<Redactor>();
  return log;
}

void Log::set_level(Level least) const { logger_->set_level(to_spdlog(least)); }

Log Log::named(std::string name) const {
  Log log = *this;
  log.name_ = std::move(name);
  return log;
}

void Log::write(Level level, std::string_view text) const {
  const auto at = to_spdlog(level);
  if (!logger_->should_log(at)) return;
  const std::string scrubbed = redactor_->scrub(text);
  static const bool journald = under_journald();
  // The levels' names are ours, as in host.yaml, not spdlog's.
  logger_->log(
      at, "{}{}{}{}",
      journald ? fmt::format("<{}>", journal_priority(level)) : std::string(name(level)) + " ",
      name_, name_.empty() ? "" : ": ", scrubbed);
}

}  // namespace host
