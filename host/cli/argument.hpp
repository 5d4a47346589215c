// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/json.hpp"
#include "cli/command.hpp"

namespace host::cli {

// Declares an option whose value may also stand by itself, as an argument of the command.
inline void declare_argument(options::options_description& own,
                             options::positional_options_description& positional, const char* name,
                             const char* value_name, const std::string& what) {
  own.add_options()(name, options::value<std::string>()->value_name(value_name),
                    (what + " (same as the argument)").c_str());
  positional.add(name, 1);
}

// A reply of the host as --json wants it, or as text. Returns the exit status.
inline int print_reply(Session& session, const Json& reply,
                       void (*as_text)(std::ostream&, const Json&)) {
  if (session.json)
    session.out << to_indented_text(reply) << '\n';
  else
    as_text(session.out, reply);
  return 0;
}

}  // namespace host::cli
