// SPDX-License-Identifier: Apache-2.0
#include "app/running_host.hpp"

namespace host {

// What `deadman --once` sees and does beside this host shows in what it keeps.
void Host::open_deadman() {
  deadman_.when_noted([this](const deadman::Survey& survey) {
    if (dispatch_) dispatch_->hand_over(survey, deadman_.now());
  });
  const auto read = [this] { deadman_.read(); };
  const auto& paths = options_.paths;
  for (const auto& file : {deadman::settings_path(paths), deadman::state_path(paths, false),
                           deadman::state_path(paths, true)})
    deadman_files_.push_back(
        std::make_unique<FileWatch>(context_, loop_, log_.named("deadman"), file, read));
  read();
}

}  // namespace host
