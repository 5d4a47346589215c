// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <ostream>

#include "base/error.hpp"
#include "cli/argument.hpp"
#include "cli/command.hpp"
#include "cli/issue_given.hpp"
#include "cli/items_text.hpp"
#include "cli/table.hpp"
#include "http/url.hpp"

namespace host::cli {
namespace {

using Given = options::variables_map;

std::string word(const Given& given, const char* name) {
  return given.count(name) ? given[name].as<std::string>() : "";
}

std::string item_given(const Given& given) {
  const auto text = word(given, "id");
  std::int64_t number = 0;
  const auto* end = text.data() + text.size();
  if (text.empty() || std::from_chars(text.data(), end, number).ptr != end || number <= 0)
    throw Error(Code::usage, "\"" + printable(text) + "\" is no item's number",
                "See them: timmy-host playbooks runs.");
  return std::to_string(number);
}

int dispatch(Session& session, const Given& given) {
  const auto issue = issue_given(given, "timmy-host playbooks dispatch org/app 12");
  const bool dry_run = given.count("dry-run") != 0;
  Json order{{"repository", issue.repository}, {"number", issue.number}, {"dry_run", dry_run}};
  for (const char* key : {"playbook", "lane"})
    if (given.count(key)) order[key] = word(given, key);
  const Json reply = session.client().post("/v1/items", order);
  if (dry_run) {
    print_reply(session, reply, print_order_preview);
    return reply["taken"] == true ? 0 : 1;
  }
  if (session.json) return print_reply(session, reply, print_item);
  session.out << "item " << to_text(reply["id"]) << ": "
              << printable(reply["repository"].get<std::string>()) << '#'
              << to_text(reply["number"]) << " for "
              << printable(reply["playbook"].get<std::string>()) << '\n';
  return 0;
}

int runs(Session& session, const Given& given) {
  std::string query;
  const auto add = [&](const std::string& key, const std::string& value) {
    query += (query.empty() ? "?" : "&") + key + "=" + percent_encode(value);
  };
  for (const char* key : {"state", "repository", "playbook"})
    if (given.count(key)) add(key, word(given, key));
  if (given.count("live")) add("live", "1");
  if (given.count("before")) add("before", std::to_string(given["before"].as<std::int64_t>()));
  add("limit", std::to_string(given["limit"].as<int>()));
  return print_reply(session, session.client().get("/v1/items" + query), print_items);
}

// Prints what there is, and with -f what comes until the run ends; of an item that is tried again
// the next run's, too.
int logs(Session& session, const Given& given) {
  const auto target = "/v1/items/" + item_given(given) + "/log?";
  const bool follow = given.count("follow") != 0;
  std::string run = word(given, "run");
  const bool one_run = !run.empty();
  std::uint64_t offset = 0;
  for (;;) {
    std::string query = "offset=" + std::to_string(offset);
    if (!run.empty()) query += "&run=" + percent_encode(run);
    if (follow) query += "&wait=20";
    const Json piece = session.client().get(target + query, std::chrono::seconds(60));
    session.out << printable(piece["text"].get<std::string>(), true) << std::flush;
    offset = piece["next"].get<std::uint64_t>();
    const bool ended = piece["ended"] == true;
    if (piece["run"].is_string()) run = piece["run"];
    if (!ended && (follow || !piece["text"].get_ref<const std::string&>().empty())) continue;
    if (!ended || !follow || one_run) return 0;
    const Json item = session.client().get("/v1/items/" + item_given(given));
    if (!item["ended"].is_null()) return 0;
    if (item["run"].is_string() && item["run"] != run) {
      run = item["run"];
      offset = 0;
    } else {
      return 0;
    }
  }
}

int order(Session& session, const Given& given, const std::string& verb) {
  Json body = Json::object();
  if (given.count("why")) body["why"] = word(given, "why");
  const Json item = session.client().post("/v1/items/" + item_given(given) + "/" + verb, body);
  if (session.json) return print_reply(session, item, print_item);
  const bool stopping = verb == "cancel" && item["ended"].is_null();
  session.out << "item " << to_text(item["id"]) << ": "
              << (stopping ? "is being stopped" : item["state"].get<std::string>()) << '\n';
  return 0;
}

int continuity(Session& session, const Given&) {
  const Json reply = session.client().post("/v1/continuity");
  return print_reply(session, reply, [](std::ostream& out, const Json& done) {
    out << to_text(done["items"]) << " items in hand, written to "
        << printable(done["file"].get<std::string>()) << '\n';
  });
}

void declare_dispatch(options::options_description& own,
                      options::positional_options_description& positional) {
  declare_issue(own, positional);
  own.add_options()("playbook", options::value<std::string>()->value_name("NAME"),
                    "the playbook, instead of the one whose matching takes the issue")(
      "lane", options::value<std::string>()->value_name("LANE"),
      "the lane, instead of the playbook's own or a label's")(
      "dry-run", "only say what would be done, and what stands in the way");
}

void declare_runs(options::options_description& own, options::positional_options_description&) {
  own.add_options()("state", options::value<std::string>()->value_name("STATE"),
                    "waiting, running, done, declined, failed or stopped")(
      "live", "only those that have not ended")(
      "repository", options::value<std::string>()->value_name("REPO"), "of this repository")(
      "playbook", options::value<std::string>()->value_name("NAME"), "of this playbook")(
      "before", options::value<std::int64_t>()->value_name("ID"), "older than this item")(
      "limit,n", options::value<int>()->default_value(50)->value_name("COUNT"), "at most so many");
}

void declare_id(options::options_description& own,
                options::positional_options_description& positional) {
  declare_argument(own, positional, "id", "ID", "the item's number");
}

void declare_logs(options::options_description& own,
                  options::positional_options_description& positional) {
  declare_id(own, positional);
  own.add_options()("follow,f", "go on as more comes, until the item's last run ends")(
      "run", options::value<std::string>()->value_name("RUN"), "this run, such as 12.1");
}

void declare_cancel(options::options_description& own,
                    options::positional_options_description& positional) {
  declare_id(own, positional);
  own.add_options()("why", options::value<std::string>()->value_name("TEXT"),
                    "what the issue's people are told");
}

}  // namespace

std::vector<Command> item_commands() {
  return {
      {.words = "playbooks dispatch",
       .arguments = "REPO ISSUE",
       .summary = "have an agent work on an issue",
       .details =
           "Takes the issue in, whatever its labels, author and assignees; the playbook must be on "
           "in host.yaml and meant for the repository. Fails while an agent works on the issue, an "
           "open pull request names it, or somebody else's branch of its name is at the forge. "
           "With --dry-run nothing is taken, and the exit status is "
           "1 where it would not be.",
       .examples = {"timmy-host playbooks dispatch org/app 12",
                    "timmy-host playbooks dispatch org/app#12 --playbook bug-fixer --dry-run"},
       .declare = declare_dispatch,
       .reads_files = false,
       .run = dispatch},
      {.words = "playbooks runs",
       .arguments = "",
       .summary = "list what agents work on, and did",
       .details = "Newest first. STATE is waiting or running, and at which gate; or how it ended: "
                  "done, declined, failed, stopped.",
       .examples = {"timmy-host playbooks runs --live",
                    "timmy-host playbooks runs --state failed --json"},
       .declare = declare_runs,
       .reads_files = false,
       .run = runs},
      {.words = "playbooks logs",
       .arguments = "ID",
       .summary = "print what an item's agent printed",
       .details = "Of its last run, or of the one that --run names. Secrets of the host are left "
                  "out; the middle of a very long output is, too, and a line says so.",
       .examples = {"timmy-host playbooks logs 12", "timmy-host playbooks logs -f 12"},
       .declare = declare_logs,
       .reads_files = false,
       .prints_json = false,
       .run = logs},
      {.words = "playbooks cancel",
       .arguments = "ID",
       .summary = "stop an item; its work is kept",
       .details = "Its agent is ended first, and what it committed is taken in. The issue is not "
                  "taken again before somebody says so: by retry, by dispatch, or by taking its "
                  "label off and putting it on again.",
       .examples = {"timmy-host playbooks cancel 12 --why \"done by hand\""},
       .declare = declare_cancel,
       .reads_files = false,
       .run = [](Session& session, const Given& given) { return order(session, given, "cancel"); }},
      {.words = "playbooks retry",
       .arguments = "ID",
       .summary = "take up an item again that was declined, failed or stopped",
       .details =
           "From its first gate on, with all its attempts, and from the work that was kept. It "
           "brings no tokens: of limits.tokens of its playbook it has what is left, and where that "
           "is nothing it is refused.",
       .examples = {"timmy-host playbooks retry 12"},
       .declare = declare_id,
       .reads_files = false,
       .run = [](Session& session, const Given& given) { return order(session, given, "retry"); }},
      {.words = "playbooks flush",
       .arguments = "",
       .summary = "write the work in hand into the note of the day",
       .details = "Appends to daily-notes/YYYY-MM-DD.md in $TIMMY_HOME, as the host does before it "
                  "stops.",
       .examples = {"timmy-host playbooks flush"},
       .declare = [](auto&, auto&) {},
       .reads_files = false,
       .run = continuity},
  };
}

}  // namespace host::cli
