// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <openssl/evp.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <cstdlib>

#include "base/error.hpp"
#include "base/log_loss.hpp"

namespace host {
namespace {

constexpr std::string_view kBlot = "[redacted]";
// Shorter values would blot out ordinary words.
constexpr std::size_t kShortestSecret = 6;

std::string base64(std::string_view text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

// What of the secret's base64 stays the same whatever stands behind it, and before it, where as
// many bytes of its group of three do (a header's value in base64, a URL with its user). Empty: too
// little to tell it from ordinary text.
std::string base64_core(std::string_view secret, std::size_t before) {
  constexpr std::size_t kShortest = 8;
  std::string text = std::string(before, 'x') + std::string(secret);
  text.resize(text.size() - text.size() % 3);
  const auto encoded = base64(text);
  const auto shared = before == 0 ? 0 : before + 1;
  return encoded.size() < shared + kShortest ? "" : encoded.substr(shared);
}

// With '-' and '_', as URLs have it (RFC 4648, 5).
std::string url_safe(std::string base64) {
  std::replace(base64.begin(), base64.end(), '+', '-');
  std::replace(base64.begin(), base64.end(), '/', '_');
  return base64;
}

std::string percent_encoded(std::string_view text, bool upper) {
  std::string out;
  for (const unsigned char byte : text) {
    if (std::isalnum(byte) || byte == '-' || byte == '.' || byte == '_' || byte == '~')
      out += static_cast<char>(byte);
    else
      out += upper ? fmt::format("%{:02X}", byte) : fmt::format("%{:02x}", byte);
  }
  return out;
}

// How it may be written. What is longer comes first.
std::vector<std::string> forms_of(const std::string& secret) {
  std::vector<std::string> all{secret, base64(secret), percent_encoded(secret, true),
                               percent_encoded(secret, false)};
  for (std::size_t before = 0; before < 3; ++before) {
    const auto core = base64_core(secret, before);
    if (!core.empty()) all.insert(all.end(), {core, url_safe(core)});
  }
  return all;
}

void replace_all(std::string& text, std::string_view what) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + kBlot.size()))
    text.replace(at, what.size(), kBlot);
}

// The second net: a credential that nobody registered, in the two shapes that carry them.
void blot_after(std::string& text, std::string_view marker, std::string_view stops) {
  for (std::size_t at = 0; at < text.size();) {
    const auto found = std::search(
        text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), marker.begin(), marker.end(),
        [](char a, char b) { return std::tolower(a) == std::tolower(b); });
    if (found == text.end()) return;
    const auto begin = static_cast<std::size_t>(found - text.begin()) + marker.size();
    const auto end = std::min(text.find_first_of(stops, begin), text.size());
    text.replace(begin, end - begin, kBlot);
    at = begin + kBlot.size();
  }
}

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

void Redactor::add(const Secret& secret) {
  if (secret.expose().size() < kShortestSecret) return;
  const std::scoped_lock lock(mutex_);
  for (const auto& known : forms_)
    if (known.expose() == secret.expose()) return;
  for (const auto& form : forms_of(secret.expose()))
    if (std::none_of(forms_.begin(), forms_.end(),
                     [&](const Secret& known) { return known.expose() == form; }))
      forms_.emplace_back(form);
}

std::string Redactor::scrub_known(std::string_view text) const {
  std::string out(text);
  const std::scoped_lock lock(mutex_);
  for (const auto& form : forms_) replace_all(out, form.expose());
  return out;
}

std::string Redactor::scrub(std::string_view text) const {
  std::string out = scrub_known(text);
  blot_after(out, "authorization: ", "\r\n\"");
  blot_after(out, "token=", " &\r\n\"");
  return out;
}

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
