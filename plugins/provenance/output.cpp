// SPDX-License-Identifier: Apache-2.0
#include "output.hpp"

#include <re2/re2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <timmy/failure.hpp>

#include "pair_hash.hpp"
#include "redaction_rules.hpp"

namespace provenance {
namespace {

constexpr std::size_t kLongestLine = 256 << 20;

bool is_ours(const std::string& name) {
  static const re2::RE2 form("pairs-[0-9]{6,}-[0-9a-f]{12}\\.jsonl|part-[0-9]+\\.new");
  return re2::RE2::FullMatch(name, form);
}

std::string name_of(std::int64_t number, const std::string& sha256) {
  char text[64];
  std::snprintf(text, sizeof text, "pairs-%06lld-%.12s.jsonl", static_cast<long long>(number),
                sha256.c_str());
  return text;
}

// The hash that follows `key`, which stands once in a line: inside of a text its quotes have
// backslashes.
std::string hash_after(std::string_view line, std::string_view key) {
  const auto at = line.rfind(key);
  if (at == std::string_view::npos || line.size() < at + key.size() + 64) return {};
  return short_digest(line.substr(at + key.size(), 64));
}

// What a line that was written says of its redactions.
RedactionCounts redactions_of(std::string_view line) {
  RedactionCounts counts(redaction_rules().size());
  constexpr std::string_view kKey = "\"redactions\":[";
  const auto at = line.rfind(kKey);
  if (at == std::string_view::npos) return counts;
  auto list = line.substr(at + kKey.size());
  list = list.substr(0, list.find(']'));
  re2::StringPiece rest(list.data(), list.size());
  static const re2::RE2 item(R"re(\{"rule":"([a-z0-9_]+)","count":([0-9]+)\},?)re");
  std::string rule;
  std::uint32_t count = 0;
  while (re2::RE2::Consume(&rest, item, &rule, &count))
    for (std::size_t i = 0; i < counts.size(); ++i)
      if (rule == redaction_rules()[i].name) counts[i] += count;
  return counts;
}

}  // namespace

LineKey key_of(std::string_view line) {
  return {hash_after(line, "\"content_sha256\":\""), hash_after(line, "\"metadata\":{\"id\":\"")};
}

Output::Output(const Settings& settings, StepHook hook)
    : folder_(settings.folder),
      file_bytes_(settings.file_bytes),
      file_pairs_(settings.file_pairs),
      hook_(std::move(hook)) {
  make_folder(folder_ / "pairs");
  manifest_ = Manifest::load(folder_ / "manifest.json");
}

std::vector<std::int64_t> Output::sweep() {
  std::set<std::string> listed;
  for (const auto& file : manifest_.files) listed.insert(file.name);
  bool removed = false;
  for (const auto& name : names_in(folder_ / "pairs")) {
    // What somebody else has put there stays.
    if (listed.contains(name) || !is_ours(name)) continue;
    step("remove " + name);
    remove_file(folder_ / "pairs" / name);
    removed = true;
  }
  if (removed) sync_folder(folder_ / "pairs");
  std::vector<std::int64_t> lost;
  for (const auto& file : manifest_.files) {
    struct stat info {};
    const bool there = ::stat(path_of(file).c_str(), &info) == 0 && info.st_size == file.bytes;
    if (!there) lost.push_back(file.number);
  }
  return lost;
}

Draft::Draft(Output& output) : output_(output) {
  for (const auto& file : output.manifest_.files) next_ = std::max(next_, file.number + 1);
  const auto& files = output.manifest_.files;
  if (!files.empty() && files.back().bytes < output.file_bytes_ &&
      files.back().pairs < output.file_pairs_)
    tail_ = &files.back();
}

void Draft::drop(std::int64_t file) {
  dropped_.insert(file);
  touched_.erase(file);
  if (tail_ != nullptr && tail_->number == file && parts_.empty()) tail_ = nullptr;
}

Draft::Part Draft::begin_part(std::int64_t number) {
  Part part;
  part.file.number = number;
  part.file.redactions.resize(redaction_rules().size());
  part.path = output_.folder_ / "pairs" / ("part-" + std::to_string(++temporary_) + ".new");
  part.open = std::make_unique<NewFile>(part.path);
  return part;
}

// The first goes on with the last file of the output, where that has room.
Draft::Part& Draft::part_for(std::size_t line) {
  if (parts_.empty()) {
    parts_.push_back(begin_part(tail_ != nullptr ? tail_->number : next_++));
    return parts_.back();
  }
  const OutputFile& file = parts_.back().file;
  const bool joins = tail_ != nullptr && parts_.size() == 1;
  const auto bytes = file.bytes + (joins ? tail_->bytes : 0) + static_cast<std::int64_t>(line);
  const auto pairs = file.pairs + (joins ? tail_->pairs : 0);
  if (bytes > output_.file_bytes_ || pairs >= output_.file_pairs_) {
    parts_.back().open->seal();
    parts_.push_back(begin_part(next_++));
  }
  return parts_.back();
}

void Draft::write(Part& part, std::string_view line, const RedactionCounts& redactions) {
  part.open->append(line);
  part.open->append("\n");
  part.file.bytes += static_cast<std::int64_t>(line.size()) + 1;
  ++part.file.pairs;
  for (std::size_t rule = 0; rule < redactions.size(); ++rule)
    part.file.redactions[rule] += redactions[rule];
}

std::int64_t Draft::add(std::string_view line, const RedactionCounts& redactions) {
  Part& part = part_for(line.size() + 1);
  write(part, line, redactions);
  return part.file.number;
}

// The lines that stay.
void Draft::copy(const std::filesystem::path& from, Part& into, const Keep& keep) const {
  const bool all = !touched_.contains(into.file.number);
  each_line(from, kLongestLine, [&](const Line& line) {
    if (!line.whole) throw timmy::Permanent("damaged", from.string() + " ends inside a line");
    if (all || keep(into.file.number, line.text)) write(into, line.text, redactions_of(line.text));
    return true;
  });
}

// A part that goes on with the last file gets its lines before its own; one of which lines have
// gone again loses them.
void Draft::settle_parts(const Keep& keep) {
  for (auto& part : parts_) {
    part.open->seal();
    const bool joins = tail_ != nullptr && part.file.number == tail_->number;
    if (!joins && !touched_.contains(part.file.number)) continue;
    Part settled = begin_part(part.file.number);
    if (joins) copy(output_.path_of(*tail_), settled, keep);
    copy(part.path, settled, keep);
    settled.open->seal();
    remove_file(part.path);
    part = std::move(settled);
  }
}

void Draft::rewrite_touched(const Keep& keep) {
  for (const auto number : touched_) {
    const auto* file = output_.manifest_.file(number);
    const bool settled = std::any_of(parts_.begin(), parts_.end(),
                                     [&](const Part& part) { return part.file.number == number; });
    if (file == nullptr || settled) continue;
    Part part = begin_part(number);
    copy(output_.path_of(*file), part, keep);
    part.open->seal();
    parts_.push_back(std::move(part));
  }
}

std::vector<OutputFile> Draft::publish_parts() {
  std::vector<OutputFile> files;
  for (auto& part : parts_) {
    if (part.file.pairs == 0) continue;
    part.open->seal();
    part.file.sha256 = part.open->sha256();
    part.file.name = name_of(part.file.number, part.file.sha256);
    output_.step("publish " + part.file.name);
    part.open->publish(output_.path_of(part.file));
    files.push_back(part.file);
  }
  sync_folder(output_.folder_ / "pairs");
  return files;
}

void Draft::publish(Manifest manifest, const std::string& card, const Keep& keep,
                    const std::function<void()>& commit) {
  settle_parts(keep);
  rewrite_touched(keep);
  auto files = publish_parts();
  std::set<std::int64_t> replaced(dropped_);
  for (const auto& part : parts_) replaced.insert(part.file.number);
  for (const auto& file : output_.manifest_.files)
    if (!replaced.contains(file.number)) files.push_back(file);
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  manifest.files = std::move(files);
  manifest.generation = output_.manifest_.generation + 1;
  const auto readme = output_.folder_ / "pairs" / "README.md";
  if (read_if_there(readme, 1 << 20) != card) write_file(readme, card);
  output_.step("index");
  commit();
  output_.step("manifest");
  manifest.save(output_.folder_ / "manifest.json");
  output_.step("sweep");
  tail_ = nullptr;  // of the manifest that goes
  output_.manifest_ = std::move(manifest);
  (void)output_.sweep();
}

}  // namespace provenance
