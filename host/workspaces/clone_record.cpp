// SPDX-License-Identifier: Apache-2.0
#include "workspaces/clone_record.hpp"

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json.hpp"

namespace host::workspaces {
namespace {

constexpr std::size_t kLargest = 65536;

WallTime time_at(const Json& json, const char* key) {
  return WallTime(Duration(json.at(key).get<std::int64_t>()));
}

std::optional<ObjectId> id_at(const Json& json, const char* key) {
  return ObjectId::parse(json.at(key).get<std::string>());
}

CloneRecord record_in(const Json& json) {
  const auto base = id_at(json, "base");
  if (!base) throw Error(Code::invalid, "\"base\" is no commit");
  return {.item = {json.at("repository"), json.at("number"), json.at("playbook"),
                   // Hosts before this one did not know it, and named the folder by the name.
                   json.value("repository_id", std::int64_t{0})},
          .branch = json.at("branch"),
          .base_branch = json.at("base_branch"),
          .base = *base,
          .imported = id_at(json, "imported"),
          .made = time_at(json, "made"),
          .used = time_at(json, "used"),
          // Hosts before this one had no such word, and kept all; nor the one below.
          .disposable = json.value("disposable", false),
          .owner = json.value("owner", std::int64_t{0})};
}

}  // namespace

CloneRecord read_record(const std::filesystem::path& file) {
  const auto text = read_file(file, kLargest);
  try {
    return record_in(parse_json(text, file.string()));
  } catch (const std::exception& wrong) {
    throw Error(Code::corrupt, "\"" + file.string() + "\" is no record of a clone: " + wrong.what(),
                "Look at the clone beside it, take out what is of use, and remove its folder.");
  }
}

void write_record(const std::filesystem::path& file, const CloneRecord& record) {
  const Json json = {{"repository", record.item.repository},
                     {"repository_id", record.item.repository_id},
                     {"number", record.item.number},
                     {"playbook", record.item.playbook},
                     {"branch", record.branch},
                     {"base_branch", record.base_branch},
                     {"base", record.base.text()},
                     {"imported", record.imported ? record.imported->text() : std::string()},
                     {"made", record.made.time_since_epoch().count()},
                     {"used", record.used.time_since_epoch().count()},
                     {"disposable", record.disposable},
                     {"owner", record.owner}};
  write_atomically(file, to_indented_text(json) + "\n", 0600);
}

}  // namespace host::workspaces
