// SPDX-License-Identifier: Apache-2.0
#include "speaker.hpp"

namespace triage {

const std::string& Speaker::me() {
  if (me_.empty()) me_ = ctx_.gitea().whoami().login;
  return me_;
}

bool Speaker::say(const Due& due, const std::string& body, const std::string& name,
                  Memory& memory) const {
  const auto comment = ctx_.gitea().keep_comment(due.repo, due.number, body, name);
  if (comment.id == 0) return false;
  memory.wrote(updated_at(due), comment.updated_at);
  return true;
}

std::optional<timmy::Time> Speaker::updated_at(const Due& due) const {
  return ctx_.gitea().get_issue(due.repo, due.number).updated_at;
}

}  // namespace triage
