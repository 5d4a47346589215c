// SPDX-License-Identifier: Apache-2.0
#include "dispatch/verify_facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.hpp"

namespace host::dispatch {
namespace {

using workspaces::Mirror;
using workspaces::ObjectId;

constexpr std::size_t kMostListed = std::size_t{64} << 20;
constexpr Duration kLimit = std::chrono::minutes(5);

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

// "12\t3\tpath": with every file taken for text there is no other form.
std::vector<FileLines> read_files(const Mirror& mirror, const ObjectId& base,
                                  const ObjectId& head) {
  const std::vector<std::string> common{
      "-r", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", base.text(), head.text()};
  const auto ask = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), common.begin(), common.end());
    return listed(mirror, std::move(arguments), "reading what the work changes");
  };
  const auto gone = ask({"diff-tree", "--name-only", "--diff-filter=D"});
  std::set<std::string_view> gone_paths;
  for (std::string_view rest = gone; !rest.empty();) gone_paths.insert(field(rest));
  const auto text = ask({"diff-tree", "--numstat", "--text"});
  std::vector<FileLines> files;
  for (std::string_view rest = text; !rest.empty();) {
    const auto one = field(rest);
    const auto first = one.find('\t');
    const auto second = first == one.npos ? one.npos : one.find('\t', first + 1);
    if (second == one.npos) throw Error(Code::corrupt, "git diff-tree prints what it should not");
    const auto path = one.substr(second + 1);
    files.push_back({std::string(path), number_in(one.substr(0, first)),
                     number_in(one.substr(first + 1, second - first - 1)),
                     gone_paths.contains(path)});
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
  } else if (left_to_add_ > 0 && first == '+') {
    --left_to_add_;
    each_({commit_, path_, number_++, text.substr(1)});
  } else if (first != '\\') {  // "\ No newline at end of file"
    if (left_to_add_ > 0 || left_to_remove_ > 0)
      throw Error(Code::corrupt, "git log prints a patch that breaks off");
    header(text);
  }
}

void AddedLines::header(std::string_view text) {
  if (text.starts_with("commit ")) {
    commit_ = text.substr(7, 40);
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
