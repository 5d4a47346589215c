// SPDX-License-Identifier: Apache-2.0
//
// What changes something at the forge. Each says done only when the server shows it, and after a
// failure that leaves it open reads before it writes again. Private to gitea/.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gitea/client.hpp"
#include "gitea/transport.hpp"

namespace host {

// An issue, and the way to its server.
struct WriteTarget {
  std::shared_ptr<Transport> transport;
  RepoName repo;
  std::int64_t number = 0;
};

// All three throw Error{usage} on arguments that make no sense.
void start_add_labels(const WriteTarget& target, std::vector<std::string> names,
                      Reply<std::vector<Label>> reply);
void start_remove_label(const WriteTarget& target, std::string name, Reply<Done> reply);
// `login`: whose comments count as one's own.
void start_comment(const WriteTarget& target, std::string login, std::string body,
                   std::string marker, Reply<Comment> reply);

}  // namespace host
