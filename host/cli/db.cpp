// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "app/instance_lock.hpp"
#include "base/error.hpp"
#include "cli/argument.hpp"
#include "cli/command.hpp"
#include "store/backup.hpp"

namespace host::cli {
namespace {

constexpr Duration kPatience = std::chrono::seconds(60);

std::filesystem::path file_of(const options::variables_map& given) {
  if (!given.count("file")) throw Error(Code::usage, "which file?", "Give the backup's name.");
  return std::filesystem::absolute(given["file"].as<std::string>());
}

void declare_file(options::options_description& own,
                  options::positional_options_description& positional) {
  declare_argument(own, positional, "file", "FILE", "the backup");
}

// A task that the host has begun, waited for to its end.
Json outcome(const AdminClient& client, Json reply) {
  while (reply["state"] == "running") reply = client.get("/v1/db/task", kPatience);
  return reply;
}

void print(Session& session, const Json& reply, const std::string& text) {
  if (session.json)
    session.out << to_indented_text(reply) << '\n';
  else
    session.out << text << '\n';
}

int check(Session& session, const options::variables_map& given) {
  const bool other = given.count("file") > 0;
  const auto file = other ? file_of(given) : session.paths.database();
  if (!other && lock_holder(session.paths.lock()) != 0) {
    const auto client = session.client();
    (void)outcome(client, client.post("/v1/db/check"));
  } else {
    check_backup(file);
  }
  print(session, {{"file", file.string()}, {"ok", true}}, file.string() + " is sound");
  return 0;
}

int backup(Session& session, const options::variables_map& given) {
  const auto file = file_of(given);
  const auto client = session.client();
  const Json reply = outcome(
      client, client.post("/v1/db/backup",
                          {{"file", file.string()}, {"replace", given.count("force") > 0}}));
  print(session, reply, file.string() + ": " + to_text(reply["bytes"]) + " bytes");
  return 0;
}

int restore(Session& session, const options::variables_map& given) {
  const auto file = file_of(given);
  // Held to the end, so that no host starts on half of it.
  const InstanceLock lock(session.paths.lock());
  const auto restored = restore_database(file, session.paths.database(), SystemClock().wall());
  print(session,
        {{"file", file.string()},
         {"database", session.paths.database().string()},
         {"bytes", restored.bytes},
         {"aside", restored.aside.string()}},
        session.paths.database().string() + " is that of " + file.string() +
            (restored.aside.empty() ? "" : "; the one before is at " + restored.aside.string()));
  return 0;
}

}  // namespace

std::vector<Command> db_commands() {
  return {
      {.words = "db check",
       .arguments = "[FILE]",
       .summary = "look for damage in the database, or in a backup",
       .details = "Reads all of it and changes nothing. A running host looks itself, beside its "
                  "work. Exit\n"
                  "status 65 if the file is damaged or another program's.",
       .examples = {"timmy-host db check", "timmy-host db check /backups/monday.db"},
       .declare = declare_file,
       .run = check},
      {.words = "db backup",
       .arguments = "FILE",
       .summary = "copy the database of the running host",
       .details =
           "The host goes on meanwhile. FILE is whole or not there, of mode 0600, and is "
           "written by the\n"
           "host, as its user. A file that is there already is kept unless --force is given.",
       .examples = {"timmy-host db backup /backups/monday.db",
                    "timmy-host db backup /backups/last.db --force"},
       .declare =
           [](options::options_description& own,
              options::positional_options_description& positional) {
             declare_file(own, positional);
             own.add_options()("force", "replace a file that is there");
           },
       .run = backup},
      {.words = "db restore",
       .arguments = "FILE",
       .summary = "put a backup in the database's place",
       .details = "Only while no host runs (status 75). The backup is checked first; the database "
                  "that was\n"
                  "there is kept beside it as host.db.before-restore-TIME. See docs/backup.md for "
                  "what it means.",
       .examples = {"timmy-host db restore /backups/monday.db"},
       .declare = declare_file,
       .run = restore},
  };
}

}  // namespace host::cli
