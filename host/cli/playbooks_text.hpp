// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>

#include "base/json.hpp"

namespace host::cli {

// What app/playbook_report.hpp gives, for people.
void print_playbooks(std::ostream& out, const Json& report);
void print_playbook_check(std::ostream& out, const Json& report);
void print_playbook(std::ostream& out, const Json& report);
void print_playbook_choice(std::ostream& out, const Json& report);

}  // namespace host::cli
