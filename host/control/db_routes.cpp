// SPDX-License-Identifier: Apache-2.0
#include "control/db_routes.hpp"

#include <utility>

#include "base/error.hpp"

namespace host {
namespace {

constexpr Duration kLongestWait = std::chrono::seconds(50);

}  // namespace

void DbRoutes::begin(const char* task) {
  if (running_ != nullptr)
    throw Error(Code::conflict, std::string("a ") + running_ + " of the database runs already",
                "Wait for its end.");
  running_ = task;
}

void DbRoutes::check(Reply<Json> answer) {
  begin("check");
  wait(std::move(answer));
  control_->check_database([this](Status sound) {
    if (!sound) return done(sound.error());
    done(Json{{"state", "done"}, {"task", "check"}});
  });
}

void DbRoutes::backup(const Json& request, Reply<Json> answer) {
  for (const auto& [key, value] : request.items())
    if (!(key == "file" && value.is_string()) && !(key == "replace" && value.is_boolean()))
      throw Error(Code::usage,
                  "a backup takes file (text) and replace (true or false), not " + key);
  const auto file = request.value("file", "");
  begin("backup");
  wait(std::move(answer));
  control_->back_up_database(
      file, request.value("replace", false), [this, file](Result<std::uint64_t> bytes) {
        if (!bytes) return done(bytes.error());
        done(Json{{"state", "done"}, {"task", "backup"}, {"file", file}, {"bytes", bytes.value()}});
      });
}

void DbRoutes::outcome(Reply<Json> answer) {
  if (running_ != nullptr) return wait(std::move(answer));
  if (!last_)
    throw Error(Code::not_found, "no check or backup was asked for since the host started");
  answer(*last_);
}

void DbRoutes::wait(Reply<Json> answer) {
  const auto waiter = waiters_.insert(waiters_.end(), Waiter{std::move(answer), {}});
  waiter->limit = loop_->after(kLongestWait, [this, waiter] {
    const auto reply = std::move(waiter->answer);
    waiters_.erase(waiter);
    reply(Json{{"state", "running"}, {"task", running_}});
  });
}

void DbRoutes::done(Result<Json> result) {
  running_ = nullptr;
  last_ = result;
  for (auto& waiter : std::exchange(waiters_, {})) waiter.answer(result);
}

}  // namespace host
