// SPDX-License-Identifier: Apache-2.0
#include "cli/items_text.hpp"

#include <ostream>

#include "cli/table.hpp"

namespace host::cli {
namespace {

std::string text_of(const Json& value) {
  if (value.is_null()) return "-";
  return value.is_string() ? value.get<std::string>() : to_text(value);
}

std::string subject_of(const Json& item) {
  return text_of(item["repository"]) + "#" + text_of(item["number"]);
}

std::string standing_of(const Json& item) {
  const auto state = text_of(item["state"]);
  return state == "done" ? state : state + " at " + text_of(item["gate"]);
}

}  // namespace

void print_items(std::ostream& out, const Json& reply) {
  Table table({"ID", "ISSUE", "PLAYBOOK", "LANE", "STATE", "TOKENS", "PULL", "WHY"});
  for (const auto& item : reply["items"])
    table.add({text_of(item["id"]), subject_of(item), text_of(item["playbook"]),
               text_of(item["lane"]), standing_of(item), text_of(item["tokens"]),
               text_of(item["pull"]), text_of(item["reason"])});
  if (!table.empty()) return table.print(out);
  out << "no items\n";
}

void print_item(std::ostream& out, const Json& item) {
  const auto line = [&](const char* label, const std::string& text) {
    out << label << printable(text) << '\n';
  };
  line("item        ", text_of(item["id"]));
  line("issue       ", subject_of(item) + " \"" + text_of(item["title"]) + "\"");
  line("playbook    ", text_of(item["playbook"]) + ", by " + text_of(item["source"]));
  line("lane        ", text_of(item["lane"]));
  line("state       ", standing_of(item));
  if (!item["reason"].is_null()) line("why         ", text_of(item["reason"]));
  if (!item["due"].is_null()) line("not before  ", text_of(item["due"]));
  line("attempts    ", text_of(item["attempts"]) + " used up, " + text_of(item["runs"]) +
                           " runs started, last " + text_of(item["run"]));
  line("tokens      ", text_of(item["tokens"]));
  line("branch      ", text_of(item["branch"]));
  line("work        ",
       text_of(item["head"]) + (item["pushed"].is_null() ? ", not pushed" : ", pushed"));
  line("pull        ", text_of(item["pull"]));
  line("created     ", text_of(item["created"]));
  line("ended       ", text_of(item["ended"]));
  if (!item.contains("gates")) return;
  out << '\n';
  Table table({"GATE", "VERDICT", "BEGAN", "ENDED", "WHY"});
  for (const auto& gate : item["gates"])
    table.add({text_of(gate["gate"]), text_of(gate["verdict"]), text_of(gate["began"]),
               text_of(gate["ended"]), text_of(gate["reason"])});
  table.print(out);
}

void print_order_preview(std::ostream& out, const Json& preview) {
  const auto& item = preview["item"];
  out << printable(subject_of(item)) << ": ";
  if (preview["taken"] == true) {
    out << printable(text_of(preview["playbook"])) << " would take it, in lane "
        << printable(text_of(preview["lane"])) << "; nothing was done\n";
    return;
  }
  out << "it would not be taken\n";
  for (const auto& reason : preview["reasons"]) out << "  " << printable(text_of(reason)) << '\n';
}

}  // namespace host::cli
