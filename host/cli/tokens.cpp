// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <fstream>
#include <iostream>
#include <ostream>
#include <unordered_map>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "cli/argument.hpp"
#include "cli/command.hpp"
#include "cli/table.hpp"
#include "cli/tokens_text.hpp"
#include "http/url.hpp"

namespace host::cli {
namespace {

using Declare = options::options_description;
using Positional = options::positional_options_description;

constexpr std::size_t kLinesAtOnce = 500;
constexpr std::size_t kBytesAtOnce = 300'000;  // escaped, less than what the host takes
constexpr std::size_t kLongestLine = 64 << 10;

std::string word(const options::variables_map& given, const char* key) {
  return given[key].as<std::string>();
}

int today(Session& session, const options::variables_map&) {
  return print_reply(session, session.client().get("/v1/tokens/today"), print_today);
}

int top(Session& session, const options::variables_map& given) {
  const auto reply = session.client().get("/v1/tokens/top?by=" + percent_encode(word(given, "by")) +
                                          "&days=" + std::to_string(given["days"].as<int>()) +
                                          "&limit=" + std::to_string(given["limit"].as<int>()));
  return print_reply(session, reply, print_top);
}

// "12" is a job, "12.3" and "sess-1" are runs, "owner/name#12" is an issue.
std::string kind_of(const std::string& what) {
  const auto digits = [](char c) { return c >= '0' && c <= '9'; };
  if (std::all_of(what.begin(), what.end(), digits)) return "job";
  return what.find('#') != std::string::npos ? "issue" : "run";
}

int show(Session& session, const options::variables_map& given) {
  if (!given.count("what"))
    throw Error(Code::usage, "of what?", "Name a job, a run, or an issue as owner/name#12.");
  const auto what = word(given, "what");
  const auto reply =
      session.client().get("/v1/tokens/show?" + kind_of(what) + "=" + percent_encode(what) +
                           "&limit=" + std::to_string(given["limit"].as<int>()));
  return print_reply(session, reply, print_rows);
}

int export_rows(Session& session, const options::variables_map& given) {
  const bool csv = given.count("csv") > 0;
  if (csv && session.json)
    throw Error(Code::usage, "--csv and --json are two forms", "Give one of them.");
  const auto client = session.client();
  const auto from = given["from"].as<std::int64_t>();
  if (from < 1) throw Error(Code::usage, "--from must be 1 or more");
  Json after = from - 1;
  bool first = true;
  if (csv) session.out << csv_header() << '\n';
  if (session.json) session.out << "[";
  while (!after.is_null()) {
    const Json page = client.get("/v1/tokens/rows?limit=1000&after=" + to_text(after));
    for (const auto& row : page["rows"]) {
      if (session.json) session.out << (first ? "\n" : ",\n");
      session.out << (csv ? csv_line(row) : to_text(row)) << (session.json ? "" : "\n");
      first = false;
    }
    after = page["next"];
  }
  if (session.json) session.out << (first ? "]\n" : "\n]\n");
  if (!session.out.flush()) throw Error(Code::io, "the output could not be written");
  return 0;
}

// Lines of a file on their way to the host, a piece at a time.
class Importer {
 public:
  explicit Importer(const AdminClient& client) : client_(client) {}

  void add(std::string line) {
    ++number_;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (line.empty()) return;
    if (line.size() > kLongestLine) line.resize(kLongestLine + 1);
    const int copy = ++copies_[std::hash<std::string>{}(line)];
    Json entry{{"line", number_}, {"text", std::move(line)}};
    if (copy > 1) entry["copy"] = copy;
    bytes_ += to_text(entry).size() + 1;
    lines_.push_back(std::move(entry));
    if (lines_.size() >= kLinesAtOnce || bytes_ >= kBytesAtOnce) send();
  }

  Json finish() {
    if (!lines_.empty()) send();
    return report_;
  }

 private:
  void send() {
    const Json part = client_.post("/v1/tokens/import", {{"lines", std::move(lines_)}});
    lines_ = Json::array();
    bytes_ = 0;
    for (const auto& [key, value] : part.items())
      if (value.is_number())
        report_[key] = report_.value(key, std::int64_t{0}) + value.get<std::int64_t>();
    for (const auto& line : part.value("skipped", Json::array()))
      report_["skipped"].push_back(line);
  }

  const AdminClient& client_;
  Json lines_ = Json::array();
  Json report_{{"imported", 0}, {"already", 0}, {"skipped", Json::array()}};
  std::size_t bytes_ = 0;
  std::int64_t number_ = 0;
  std::unordered_map<std::size_t, int> copies_;
};

int import_file(Session& session, const options::variables_map& given) {
  if (!given.count("file"))
    throw Error(Code::usage, "which file?", "Name a token_usage.jsonl, or - for standard input.");
  const auto file = word(given, "file");
  std::ifstream opened;
  if (file != "-") {
    opened.open(file, std::ios::binary);
    if (!opened || std::filesystem::is_directory(file))
      throw Error(Code::not_found, "\"" + file + "\" can't be read");
  }
  std::istream& in = file == "-" ? std::cin : opened;
  const auto client = session.client();
  Importer importer(client);
  for (std::string line; std::getline(in, line);) importer.add(std::move(line));
  if (in.bad()) throw Error(Code::io, "reading \"" + file + "\" failed");
  return print_reply(session, importer.finish(), print_import);
}

Command today_command() {
  return {.words = "tokens today",
          .arguments = "",
          .summary = "what was spent today: by pipeline, playbook and model",
          .details =
              "Today is the day of the budget, which ends at midnight of its zone. A run that "
              "goes on past it counts for the day on which it began. COST is that of calls "
              "whose model has a price in token_budget.json; - where none had. CACHED is the "
              "part of INPUT that the provider had in its cache.",
          .examples = {"timmy-host tokens today", "timmy-host tokens today --json"},
          .declare = [](Declare&, Positional&) {},
          .reads_files = false,
          .run = today};
}

Command top_command() {
  return {.words = "tokens top",
          .arguments = "",
          .summary = "list who spent most, over days",
          .details =
              "Issues and runs are those that spent in these days, with all that each has ever "
              "spent. They are looked for among the newest 20,000 calls; of the others the latest "
              "50,000 sums of a name and a day are added up. Where these days have more, that is "
              "said.",
          .examples = {"timmy-host tokens top", "timmy-host tokens top --by model --days 7",
                       "timmy-host tokens top --by issue --days 30 --limit 5 --json"},
          .declare =
              [](Declare& own, Positional&) {
                own.add_options()(
                    "by",
                    options::value<std::string>()->default_value("pipeline")->value_name("BY"),
                    "pipeline, model, issue, run, playbook or day")(
                    "days", options::value<int>()->default_value(1)->value_name("N"),
                    "of so many days, today the last of them")(
                    "limit", options::value<int>()->default_value(20)->value_name("N"),
                    "how many at most, 1 to 1000");
              },
          .reads_files = false,
          .run = top};
}

Command show_command() {
  return {
      .words = "tokens show",
      .arguments = "JOB|RUN|ISSUE",
      .summary = "list the calls of a job, a run or an issue, newest first",
      .details =
          "A job by its number, a run as JOB.LEASE, an issue as owner/name#12: over all its "
          "attempts. SOURCE says where the numbers come from: meter (the provider's own count, "
          "seen by the host), reported (a task said so), estimated (bytes were counted), hold "
          "(nobody knows, so all that had been held was charged), overrun (what a call used above "
          "that). Bypassable: who made the call could have reached the model without the host.",
      .examples = {"timmy-host tokens show 17", "timmy-host tokens show 17.2",
                   "timmy-host tokens show org/app#12 --limit 500"},
      .declare =
          [](Declare& own, Positional& positional) {
            declare_argument(own, positional, "what", "WHAT", "the job, run or issue");
            own.add_options()("limit", options::value<int>()->default_value(100)->value_name("N"),
                              "how many at most, 1 to 1000");
          },
      .reads_files = false,
      .run = show};
}

int accept_clock(Session& session, const options::variables_map&) {
  return print_reply(session, session.client().post("/v1/tokens/accept-clock"),
                     [](std::ostream& out, const Json& day) {
                       out << "today is " << day.at("day").get<std::string>() << ", until "
                           << day.at("until").get<std::string>() << '\n';
                     });
}

Command accept_clock_command() {
  return {.words = "tokens accept-clock",
          .arguments = "",
          .summary = "take the machine's clock for right after it was set",
          .details =
              "The day of the budget follows a clock that nobody can set, so that setting the "
              "wall clock renews no cap. After a wrong clock was put right the two differ, "
              "which status says. This makes the day of the wall clock today, be it an earlier "
              "one, whose totals then go on; pauses of pipelines end.",
          .examples = {"timmy-host tokens accept-clock"},
          .declare = [](Declare&, Positional&) {},
          .reads_files = false,
          .run = accept_clock};
}

Command import_command() {
  return {
      .words = "tokens import",
      .arguments = "FILE",
      .summary = "take in what another program wrote into a token_usage.jsonl",
      .details =
          "Each line becomes a row of its own day, with the source reported; it counts against a "
          "cap only if that day is today, and never against an issue's or a run's. A line is "
          "known again by its text and by which of several same lines it is, so a file that has "
          "grown can be imported again; this host's own lines are left out. Many forms are "
          "understood (docs/tokens.md has them); what is not is skipped, and told with its line "
          "and the reason. - is standard input.",
      .examples = {"timmy-host tokens import ~/.hermes/token_usage.jsonl",
                   "zcat token_usage-2026-01.jsonl.gz | timmy-host tokens import - --json"},
      .declare =
          [](Declare& own, Positional& positional) {
            declare_argument(own, positional, "file", "FILE", "the file");
          },
      .reads_files = false,
      .run = import_file};
}

Command export_command() {
  return {.words = "tokens export",
          .arguments = "",
          .summary = "print the rows of the ledger, oldest first",
          .details =
              "As lines of JSON with the keys of token_usage.jsonl, imported rows too. "
              "With --csv as comma-separated values with a header, with --json as one list. "
              "To go on where an earlier export ended, --from the number after its last "
              "id.",
          .examples = {"timmy-host tokens export > ledger.jsonl",
                       "timmy-host tokens export --from 12001 --csv"},
          .declare =
              [](Declare& own, Positional&) {
                own.add_options()(
                    "from", options::value<std::int64_t>()->default_value(1)->value_name("ID"),
                    "the first row")("csv", "comma-separated values");
              },
          .reads_files = false,
          .run = export_rows};
}

}  // namespace

std::vector<Command> token_commands() {
  return {today_command(),  top_command(),    show_command(),
          import_command(), export_command(), accept_clock_command()};
}

}  // namespace host::cli
