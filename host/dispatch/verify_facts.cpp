// SPDX-License-Identifier: Apache-2.0
#include "dispatch/verify_facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "workspaces/import_changes.hpp"

namespace host::dispatch {
namespace {

using workspaces::Mirror;
using workspaces::ObjectId;
using workspaces::TreeChange;

constexpr std::size_t kMostListed = std::size_t{64} << 20;
constexpr Duration kLimit = std::chrono::minutes(5);
// More than any playbook allows.
constexpr std::int64_t kTooManyLines = 1'000'000'000;

std::string range(const ObjectId& base, const ObjectId& head) {
  return base.text() + ".." + head.text();
}

// Takes what stands before the next NUL off `text`.
std::string_view field(std::string_view& text) {
  const auto end = std::min(text.find('\0'), text.size());
  const auto taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

std::int64_t number_in(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string listed(const Mirror& mirror, std::vector<std::string> arguments,
                   std::string_view doing) {
  auto command = mirror.command(std::move(arguments));
  command.most_output = kMostListed;
  command.limit = kLimit;
  return mirror.git().must(command, doing);
}

std::vector<WorkCommit> read_commits(const Mirror& mirror, const ObjectId& base,
                                     const ObjectId& head) {
  const auto text =
      listed(mirror,
             {"log", "--reverse", "--topo-order", "-z", "--no-show-signature", "--encoding=UTF-8",
              "--format=%H%x01%an <%ae>%x01%B", range(base, head)},
             "reading the work's commits");
  std::vector<WorkCommit> commits;
  for (std::string_view rest = text; !rest.empty();) {
    auto one = field(rest);
    const auto id = ObjectId::parse(one.substr(0, 40));
    const auto author = one.find('\x01', 41);
    if (!id || one.size() < 42 || author == one.npos)
      throw Error(Code::corrupt, "git log prints what it should not");
    commits.push_back(
        {*id, std::string(one.substr(41, author - 41)), std::string(one.substr(author + 1))});
  }
  return commits;
}

// The paths, without a look at what is in them.
std::vector<TreeChange> read_changes(const Mirror& mirror, const ObjectId& base,
                                     const ObjectId& head) {
  const auto text = listed(
      mirror,
      {"diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", base.text(), head.text()},
      "reading what the work changes");
  std::vector<TreeChange> changes;
  workspaces::TreeChanges reader;
  (void)reader.take(text, [&](TreeChange change) {
    changes.push_back(std::move(change));
    return true;
  });
  if (!reader.ended()) throw Error(Code::corrupt, "git diff-tree prints what it should not");
  return changes;
}

// git's own numbers (--numstat) leave out what it takes for binary: one byte that is NUL would hide
// a file's lines.
std::vector<AddedLines::Count> count_lines(const Mirror& mirror, const ObjectId& base,
                                           const ObjectId& head) {
  AddedLines lines([](const AddedLine&) {});
  auto command = mirror.command({"diff-tree", "-r", "-p", "--text", "--no-renames", "--unified=0",
                                 "--no-prefix", "--no-color", "--no-ext-diff", "--no-textconv",
                                 base.text(), head.text()});
  std::uint64_t bytes = 0;
  command.limit = kLimit;
  command.sink = [&](std::string_view piece) {
    bytes += piece.size();
    if (bytes > kMostPatch) return false;
    lines.take(piece);
    return true;
  };
  const auto ending = mirror.git().run(command);
  if (!ending.stopped && ending.status != 0)
    (void)mirror.git().must(command, "reading what the work changes");
  if (!ending.stopped) lines.end();
  auto counts = lines.counts();
  if (ending.stopped && !counts.empty()) counts.back().added += kTooManyLines;
  return counts;
}

std::vector<FileLines> read_files(const Mirror& mirror, const ObjectId& base,
                                  const ObjectId& head) {
  const auto counts = count_lines(mirror, base, head);
  std::vector<FileLines> files;
  std::size_t at = 0;
  for (const auto& change : read_changes(mirror, base, head)) {
    FileLines file{change.path, 0, 0, change.status == 'D'};
    // What becomes of another kind, a link of a file, is taken away and added: two parts.
    for (int parts = change.status == 'T' ? 2 : 1; parts > 0 && at < counts.size(); --parts, ++at)
      file.added += counts[at].added, file.removed += counts[at].removed;
    files.push_back(std::move(file));
  }
  return files;
}

std::set<std::string> read_touched(const Mirror& mirror, const ObjectId& base,
                                   const ObjectId& head) {
  const auto text = listed(mirror,
                           {"log", "-m", "-z", "--format=", "--name-only", "--no-renames",
                            "--no-show-signature", range(base, head)},
                           "reading what the work touches");
  std::set<std::string> touched;
  for (std::string_view rest = text; !rest.empty();)
    if (const auto path = field(rest); !path.empty()) touched.emplace(path);
  return touched;
}

// The count in "12,3" of "@@ -1,2 +12,3 @@", and where it begins; a count of one is left out.
void read_side(std::string_view side, std::int64_t& begin, std::int64_t& count) {
  const auto comma = side.find(',');
  begin = number_in(side.substr(0, comma));
  count = comma == side.npos ? 1 : number_in(side.substr(comma + 1));
}

}  // namespace

WorkFacts read_work(const Mirror& mirror, const ObjectId& base, const ObjectId& head) {
  return {read_commits(mirror, base, head), read_files(mirror, base, head),
          read_touched(mirror, base, head)};
}

void AddedLines::take(std::string_view piece) {
  for (std::size_t at; (at = piece.find('\n')) != piece.npos;) {
    if (kept_.empty()) {
      line(piece.substr(0, at));
    } else {
      kept_.append(piece.substr(0, at));
      line(kept_);
      kept_.clear();
    }
    piece.remove_prefix(at + 1);
  }
  kept_.append(piece);
}

void AddedLines::end() {
  if (!kept_.empty()) line(kept_);
  kept_.clear();
}

void AddedLines::line(std::string_view text) {
  const char first = text.empty() ? '\0' : text.front();
  if (left_to_remove_ > 0 && first == '-') {
    --left_to_remove_;
    ++count().removed;
  } else if (left_to_add_ > 0 && first == '+') {
    --left_to_add_;
    ++count().added;
    each_({commit_, path_, number_++, text.substr(1)});
  } else if (first != '\\') {  // "\ No newline at end of file"
    if (left_to_add_ > 0 || left_to_remove_ > 0)
      throw Error(Code::corrupt, "git log prints a patch that breaks off");
    header(text);
  }
}

AddedLines::Count& AddedLines::count() {
  if (counts_.empty()) counts_.emplace_back();
  return counts_.back();
}

void AddedLines::header(std::string_view text) {
  if (text.starts_with("commit ")) {
    commit_ = text.substr(7, 40);
  } else if (text.starts_with("diff --git ")) {
    counts_.emplace_back();
  } else if (text.starts_with("+++ ")) {
    path_ = text.substr(4);
    if (path_.ends_with('\t')) path_.pop_back();
  } else if (text.starts_with("@@ -")) {
    const auto plus = text.find(" +");
    const auto end = text.find(" @@");
    if (plus == text.npos || end == text.npos || end < plus)
      throw Error(Code::corrupt, "git log prints a hunk that is none");
    std::int64_t ignored = 0;
    read_side(text.substr(4, plus - 4), ignored, left_to_remove_);
    read_side(text.substr(plus + 2, end - plus - 2), number_, left_to_add_);
  }
}

bool for_each_added(const Mirror& mirror, const ObjectId& base, const ObjectId& head,
                    const AddedLines::Each& each) {
  AddedLines lines(each);
  std::uint64_t bytes = 0;
  auto command =
      mirror.command({"log", "-m", "-p", "--text", "--no-renames", "--unified=0", "--no-prefix",
                      "--no-color", "--no-ext-diff", "--no-textconv", "--no-show-signature",
                      "--inter-hunk-context=0", "--format=commit %H", range(base, head)});
  command.limit = kLimit;
  command.sink = [&](std::string_view piece) {
    bytes += piece.size();
    if (bytes > kMostPatch) return false;
    lines.take(piece);
    return true;
  };
  const auto ending = mirror.git().run(command);
  if (ending.stopped) return false;
  if (ending.status != 0) (void)mirror.git().must(command, "reading the work's lines");
  lines.end();
  return true;
}

}  // namespace host::dispatch
