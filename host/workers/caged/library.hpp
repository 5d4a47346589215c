// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <timmy/abi.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "workers/message.hpp"

namespace boost::dll {
class shared_library;
}

namespace host::caged {

// What a plugin's function gave back, gathered through a timmy_reply.
class Outcome {
 public:
  Outcome();
  Outcome(const Outcome&) = delete;

  [[nodiscard]] timmy_reply* reply() { return &reply_; }
  void clear();

  timmy_status status = TIMMY_OK;
  std::string result;
  std::string code;
  std::string message;
  std::int64_t delay_ms = -1;

 private:
  timmy_reply reply_;
};

// Why there is no instance, of what create gave back. Borrows from the outcome.
[[nodiscard]] Refused refusal_of(const Outcome& outcome);

// A plugin, loaded into this process until it ends. Its functions are called here and nowhere
// else; each is wrapped, so that what it throws becomes an outcome with the code kThrew. Task
// thread only.
class Library {
 public:
  // Loads by Boost.DLL with every symbol resolved now; static constructors of the plugin run here.
  // Throws Error{invalid} with the loader's text, when the symbol is missing, or when its table is
  // not one that this worker can call.
  explicit Library(const std::filesystem::path& path);
  ~Library();

  // Makes the instance; the outcome's status says whether there is one.
  void create(const timmy_host* host, std::string_view config_json, Outcome& outcome);
  void run(const timmy_run* run, std::string_view task, std::string_view job_json,
           Outcome& outcome);
  // The outcome is a failure only when it threw.
  void destroy(Outcome& outcome);

 private:
  std::unique_ptr<boost::dll::shared_library> library_;
  const timmy_plugin* table_ = nullptr;
  void* self_ = nullptr;
};

}  // namespace host::caged
