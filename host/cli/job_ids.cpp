// SPDX-License-Identifier: Apache-2.0
#include "cli/job_ids.hpp"

#include <ostream>

#include "base/error.hpp"

namespace host::cli {

using Ids = std::vector<std::int64_t>;

void declare_job_ids(options::options_description& own,
                     options::positional_options_description& positional) {
  own.add_options()("id", options::value<Ids>()->value_name("ID"),
                    "the job (same as the argument)");
  positional.add("id", -1);
}

std::vector<std::int64_t> job_ids(const options::variables_map& given) {
  if (!given.count("id"))
    throw Error(Code::usage, "which job?", "Give its id; see timmy-host jobs list.");
  return given["id"].as<Ids>();
}

int print_jobs_json(Session& session, Json jobs) {
  session.out << to_indented_text({{"jobs", std::move(jobs)}}) << '\n';
  return 0;
}

}  // namespace host::cli
