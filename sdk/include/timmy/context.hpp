// SPDX-License-Identifier: Apache-2.0
//
// What a run has at hand. Since ABI 1.0, unless it says otherwise; what holds of threads and
// ownership stands at the top of timmy/plugin.hpp.
#pragma once

#include <timmy/services.hpp>

#include <sstream>
#include <string>
#include <string_view>

namespace timmy {

// Writes to the host's log. Never throws for the sake of a line. Any thread. A copy may be kept as
// long as the plugin's instance lives.
class Log {
 public:
  explicit Log(const timmy_host* host) : host_(host) {}

  // Each writes one line, put together from what it is given: log.info("saw ", n, " issues").
  template <class... Parts>
  void debug(const Parts&... parts) const {
    write(TIMMY_LOG_DEBUG, parts...);
  }
  template <class... Parts>
  void info(const Parts&... parts) const {
    write(TIMMY_LOG_INFO, parts...);
  }
  template <class... Parts>
  void warn(const Parts&... parts) const {
    write(TIMMY_LOG_WARN, parts...);
  }
  template <class... Parts>
  void error(const Parts&... parts) const {
    write(TIMMY_LOG_ERROR, parts...);
  }

 private:
  template <class... Parts>
  void write(std::int32_t level, const Parts&... parts) const {
    try {
      std::ostringstream line;
      (line << ... << parts);
      host_->log(host_->ctx, level, detail::borrow(line.str()));
    } catch (const std::exception&) {
      host_->log(host_->ctx, TIMMY_LOG_ERROR, timmy_cstr("a log line could not be put together"));
    }
  }

  const timmy_host* host_;
};

// What one run of a job has at hand. It dies with the run: never keep it, or anything it gives but
// a copy of `log`.
class Context {
 public:
  // `now`: an instant for now() to answer; nothing for the real one.
  Context(const timmy_host* host, const timmy_run* run, std::optional<Time> now = std::nullopt)
      : log(host), caller_(run), now_(now) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Log log;

  // The wall clock. Under timmy/testing.hpp it stands still during a run, where the test put it.
  [[nodiscard]] Time now() const {
    return now_ ? *now_
                : std::chrono::time_point_cast<Time::duration>(std::chrono::system_clock::now());
  }

  // Whether the run should stop. Ask it in long computations; calls to the host notice by
  // themselves.
  [[nodiscard]] bool cancelled() const { return caller_.cancelled(); }
  // Throws Cancelled if so.
  void throw_if_cancelled() const {
    if (cancelled()) throw Cancelled();
  }

  // How long the run may still take before its deadline: zero once that has passed or the run is
  // cancelled. It never grows. nullopt on a host of ABI 1.0, which does not say. Since ABI 1.1.
  [[nodiscard]] std::optional<Milliseconds> remaining() const { return caller_.remaining(); }

  // Each a light view, good for this run; nothing is asked before one of its methods is called.
  [[nodiscard]] Gitea gitea() const { return Gitea(caller_); }
  [[nodiscard]] Jobs jobs() const { return Jobs(caller_); }
  [[nodiscard]] State state() const { return State(caller_); }
  [[nodiscard]] Http http() const { return Http(caller_); }
  // Since SDK 1.1, as those below.
  [[nodiscard]] Model model() const { return Model(caller_); }
  [[nodiscard]] Tokens tokens() const { return Tokens(caller_); }
  [[nodiscard]] Process process() const { return Process(caller_); }
  [[nodiscard]] Playbooks playbooks() const { return Playbooks(caller_); }

  // A service that has no typed form here yet. See Caller::call.
  Json call(std::string_view method, const Json& params, Milliseconds timeout = {}) const {
    return caller_.call(method, params, timeout);
  }

 private:
  Caller caller_;
  std::optional<Time> now_;
};

}  // namespace timmy
