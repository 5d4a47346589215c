// SPDX-License-Identifier: Apache-2.0
#include "deadman/time_limit.hpp"

#include <signal.h>
#include <sys/time.h>

#include "base/error.hpp"

namespace host::deadman {

TimeLimit::TimeLimit(Duration limit) {
  // Whoever started us may have had it ignored or blocked.
  ::signal(SIGALRM, SIG_DFL);
  sigset_t alarm;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  ::sigprocmask(SIG_UNBLOCK, &alarm, nullptr);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(limit);
  itimerval timer{};
  timer.it_value.tv_sec = seconds.count();
  timer.it_value.tv_usec = (limit - seconds).count();
  if (::setitimer(ITIMER_REAL, &timer, nullptr) != 0) throw system_error("setting a time limit");
}

TimeLimit::~TimeLimit() {
  const itimerval none{};
  ::setitimer(ITIMER_REAL, &none, nullptr);
}

}  // namespace host::deadman
