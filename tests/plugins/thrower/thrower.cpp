// SPDX-License-Identifier: Apache-2.0
//
// Proves that no exception leaves a plugin, from whichever entry it comes.
#include <timmy/plugin.hpp>

#include <new>

struct Thrower {
  explicit Thrower(const timmy::Json& config)
      : from(config.value("from", "nowhere")), what(config.value("what", "exception")) {
    throw_if("create");
  }
  ~Thrower() noexcept(false) { throw_if("destroy"); }

  void run(const timmy::Job&, timmy::Context&) { throw_if("run"); }

  void throw_if(const std::string& here) const {
    if (from != here) return;
    if (what == "int") throw 42;
    if (what == "bad_alloc") throw std::bad_alloc();
    if (what == "retryable")
      throw timmy::Retryable("busy", "busy in " + here, timmy::Milliseconds(7));
    throw std::runtime_error("thrown from " + here);
  }

  std::string from, what;
};

TIMMY_PLUGIN(Thrower)
