// SPDX-License-Identifier: Apache-2.0
#include "cli/job_text.hpp"

#include <ostream>

#include "cli/table.hpp"

namespace host::cli {
namespace {

void line(std::ostream& out, const std::string& name, const std::string& value) {
  if (!value.empty())
    out << "  " << name << std::string(14 - std::min<std::size_t>(13, name.size()), ' ')
        << printable(value) << '\n';
}

std::string text(const Json& value) {
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : to_text(value);
}

void print_attempt(std::ostream& out, const Json& attempt) {
  out << "  attempt " << attempt["attempt"] << ": " << printable(text(attempt["verdict"]));
  if (const auto message = text(attempt["message"]); !message.empty())
    out << ": " << printable(message);
  out << "\n    " << text(attempt["began"]) << " to " << text(attempt["ended"]) << ", "
      << attempt["cpu_ms"] << " ms cpu";
  // 0: not known.
  if (const auto kib = attempt["max_rss_bytes"].get<std::int64_t>() / 1024; kib > 0)
    out << ", " << kib << " KiB";
  out << '\n';
  if (const auto next = text(attempt["next_run"]); !next.empty())
    out << "    next run " << next << '\n';
  if (const auto output = text(attempt["output"]); !output.empty())
    out << "    last output:\n" << printable(output, true) << '\n';
}

}  // namespace

void print_job(std::ostream& out, const Json& job) {
  out << "job " << job["id"] << "  " << printable(text(job["task"])) << "  " << text(job["state"])
      << '\n';
  line(out, "held", text(job["held"]));
  line(out, "payload", text(job["payload"]));
  line(out, "result", text(job["result"]));
  line(out, "source", text(job["source"]));
  line(out, "scheduled for", text(job["scheduled_for"]));
  line(out, "unique key", text(job["unique_key"]));
  line(out, "key",
       job.value("concurrency_key", "") +
           (job.value("waits_turn", false) ? ", waits its turn" : ""));
  line(out, "inserted", text(job["inserted_at"]));
  line(out, "due", text(job["due"]));
  line(out, "ended", text(job["ended_at"]));
  if (job["ended_at"].is_null()) line(out, "progress", text(job["progress"]));
  line(out, "attempts", text(job["attempt"]) + " of " + text(job["max_attempts"]));
  for (const auto& attempt : job.value("attempts", Json::array())) print_attempt(out, attempt);
}

}  // namespace host::cli
