// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "app/forge_report.hpp"
#include "base/error.hpp"
#include "cli/command.hpp"
#include "cli/gitea_text.hpp"

namespace host::cli {
namespace {

using Words = std::vector<std::string>;

constexpr int kRows = 100;

constexpr const char* kWhich =
    "REPO is owner/name, or a pattern such as org/* or */app; with --owner the name alone will do. "
    "Without one it is all that the token's user owns or works in, or all that --owner has; what "
    "is "
    "archived is shown only when it is named. ";
constexpr const char* kHow =
    "Asks the forge itself, by the URL and the token of host.yaml, whether a host runs or not; "
    "repositories are read several at once. One that can't be read is a line on stderr, the others "
    "are shown, and the exit status is 1; if none could be read, it says why as in sysexits(3).";

Words words(const options::variables_map& given, const char* name) {
  return given.count(name) ? given[name].as<Words>() : Words();
}
std::string word(const options::variables_map& given, const char* name) {
  return given.count(name) ? given[name].as<std::string>() : "";
}

ForgeQuery query_of(const options::variables_map& given) {
  ForgeQuery query;
  query.repos = words(given, "repo");
  query.owner = word(given, "owner");
  query.labels = words(given, "label");
  query.author = word(given, "author");
  query.assignee = word(given, "assignee");
  if (given.count("state")) query.state = word(given, "state");
  if (given.count("sort")) query.order = parse_order(word(given, "sort"));
  const int limit = given["limit"].as<int>();
  if (limit < 0) throw Error(Code::usage, "--limit must be 0 or more", "0 shows all.");
  query.limit = static_cast<std::size_t>(limit);
  return query;
}

template <class Report, class Print>
int show(Session& session, const options::variables_map& given, Report report_of, Print print) {
  const auto query = query_of(given);
  const auto report = report_of({session.config, session.host_name, session.paths}, query);
  const bool any = !report.json["repos"].empty() || !report.failure;
  if (session.json)
    session.out << to_indented_text(report.json) << '\n';
  else if (any)
    print(session.out, report.json);
  print_failures(session.err, report.json["failed"]);
  if (!report.failure) return 0;
  return any ? 1 : exit_status(*report.failure);
}

int prs(Session& session, const options::variables_map& given) {
  return show(session, given, pulls_report, [](std::ostream& out, const Json& report) {
    print_pulls(out, report, SystemClock().wall());
  });
}
int issues(Session& session, const options::variables_map& given) {
  return show(session, given, issues_report, [](std::ostream& out, const Json& report) {
    print_issues(out, report, SystemClock().wall());
  });
}
int labels(Session& session, const options::variables_map& given) {
  return show(session, given, labels_report, print_labels);
}

void declare_which(options::options_description& own,
                   options::positional_options_description& positional, const char* label) {
  own.add_options()("repo", options::value<Words>()->composing()->value_name("REPO"),
                    "a repository or pattern (same as an argument)")(
      "owner", options::value<std::string>()->value_name("OWNER"),
      "the user or organisation whose repositories are meant")(
      "label", options::value<Words>()->composing()->value_name("NAME"), label)(
      "limit", options::value<int>()->default_value(kRows)->value_name("N"),
      "rows at most; 0: all");
  positional.add("repo", -1);
}

void declare_rows(options::options_description& own,
                  options::positional_options_description& positional, const char* states) {
  declare_which(own, positional, "only with this label; several: with all of them");
  own.add_options()("state", options::value<std::string>()->value_name("STATE"), states)(
      "author", options::value<std::string>()->value_name("LOGIN"), "only by this person")(
      "assignee", options::value<std::string>()->value_name("LOGIN"),
      "only assigned to this person; none: to nobody")(
      "sort", options::value<std::string>()->value_name("ORDER"),
      "repo (default; by repository, newest first), newest, oldest, updated (latest change first), "
      "stale (longest without a change first)");
}

}  // namespace

std::vector<Command> gitea_commands() {
  return {
      {.words = "gitea prs",
       .arguments = "[REPO ...]",
       .summary = "list pull requests over repositories, with checks and reviews",
       .details =
           std::string("MERGE is yes, no (conflicts, or the forge has not looked yet), draft, "
                       "merged or closed; CHECKS what the head's statuses come to; ? what "
                       "could not be read. ") +
           kWhich + kHow,
       .examples = {"timmy-host gitea prs", "timmy-host gitea prs 'org/*' --label ready",
                    "timmy-host gitea prs --owner org --author timmy --sort oldest",
                    "timmy-host gitea prs org/app --state merged --limit 20 --json"},
       .declare =
           [](options::options_description& own,
              options::positional_options_description& positional) {
             declare_rows(own, positional, "open (default), merged, closed or all");
           },
       .run = prs},
      {.words = "gitea issues",
       .arguments = "[REPO ...]",
       .summary = "list issues over repositories, with counts by label and person",
       .details = std::string(kWhich) + kHow,
       .examples = {"timmy-host gitea issues", "timmy-host gitea issues org/app --label bug",
                    "timmy-host gitea issues --owner org --assignee none --sort oldest",
                    "timmy-host gitea issues '*/app' --state all --limit 0 --json"},
       .declare =
           [](options::options_description& own,
              options::positional_options_description& positional) {
             declare_rows(own, positional, "open (default), closed or all");
           },
       .run = issues},
      {.words = "gitea labels",
       .arguments = "[REPO ...]",
       .summary = "list labels over repositories, and where they are missing or differ",
       .details = std::string("A line for each name among an owner's repositories: the open issues "
                              "that carry it, how many repositories have it, which lack it, and in "
                              "which its colour, description or exclusiveness is another than the "
                              "organisation's, or else than most repositories'. ") +
                  kWhich + kHow,
       .examples = {"timmy-host gitea labels --owner org",
                    "timmy-host gitea labels 'org/*' --label bug",
                    "timmy-host gitea labels --json"},
       .declare =
           [](options::options_description& own,
              options::positional_options_description& positional) {
             declare_which(own, positional, "only this name; may be given several times");
           },
       .run = labels},
  };
}

}  // namespace host::cli
