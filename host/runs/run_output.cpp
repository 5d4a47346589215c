// SPDX-License-Identifier: Apache-2.0
#include "runs/run_output.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/json.hpp"

namespace host::runs {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestLine = 16 * 1024;
// As long as a secret can be, in each of its forms.
constexpr std::size_t kLongestSecret = 8 * 1024;
constexpr std::size_t kStep = 64;
constexpr std::size_t kGapText = 4096;

fs::path log_of(const fs::path& folder) { return folder / "output.log"; }
fs::path gap_of(const fs::path& folder) { return folder / "output.gap"; }
fs::path part_of(const fs::path& folder, std::uint64_t offset) {
  return folder / fmt::format("output.{}", offset);
}

// Of the tail, by the offset of each.
std::map<std::uint64_t, fs::path> parts_in(const fs::path& folder) {
  std::map<std::uint64_t, fs::path> parts;
  std::error_code failed;
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    const std::string name = at->path().filename();
    if (!name.starts_with("output.")) continue;
    std::uint64_t offset = 0;
    const char* const last = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data() + 7, last, offset);
    if (error == std::errc() && stop == last) parts.emplace(offset, at->path());
  }
  return parts;
}

Fd open_to_read(const fs::path& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) throw system_error("opening " + path.string());
  return file;
}

std::uint64_t size_of(const Fd& file) {
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw system_error("looking at a run's output");
  return static_cast<std::uint64_t>(info.st_size);
}

std::string bytes_at(const Fd& file, std::uint64_t offset, std::size_t most) {
  std::string bytes(most, '\0');
  const auto got = ::pread(file.get(), bytes.data(), most, static_cast<off_t>(offset));
  if (got < 0) throw system_error("reading a run's output");
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

void write_all(const Fd& file, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw system_error("writing a run's output");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void append_file(const Fd& to, const fs::path& from) {
  const Fd file = open_to_read(from);
  for (std::uint64_t at = 0;;) {
    const auto block = bytes_at(file, at, 64 * 1024);
    if (block.empty()) return;
    write_all(to, block);
    at += block.size();
  }
}

Fd create(const fs::path& path, int flags = O_EXCL) {
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0600));
  if (!file) throw system_error("making " + path.string());
  return file;
}

std::string left_out_text(std::uint64_t bytes) {
  return fmt::format("\n[timmy-host left out {} bytes here]\n", bytes);
}

// Where in a log that was put together something is missing.
struct Gap {
  std::uint64_t at = 0;        // offset of the first byte that is missing
  std::uint64_t left_out = 0;  // bytes
  std::uint64_t text = 0;      // bytes of the line that stands there
};

std::optional<Gap> gap_in(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::exists(gap_of(folder), ignored)) return std::nullopt;
  const auto json = parse_json(read_file(gap_of(folder), kGapText), "output.gap");
  return Gap{json.value("at", std::uint64_t{0}), json.value("left_out", std::uint64_t{0}),
             json.value("text", std::uint64_t{0})};
}

OutputPiece read_with_gap(const fs::path& folder, const Gap& gap, std::uint64_t offset,
                          std::size_t most) {
  const Fd log = open_to_read(log_of(folder));
  if (offset < gap.at) {
    auto text = bytes_at(log, offset, std::min<std::uint64_t>(most, gap.at - offset));
    const auto next = offset + text.size();
    return {std::move(text), next};
  }
  if (offset < gap.at + gap.left_out) {
    // With the line that says so.
    auto text = bytes_at(log, gap.at, std::max<std::uint64_t>(most, gap.text + 1));
    const auto next = gap.at + gap.left_out + text.size() - std::min(gap.text, text.size());
    return {std::move(text), next};
  }
  auto text = bytes_at(log, offset - gap.left_out + gap.text, most);
  const auto next = offset + text.size();
  return {std::move(text), next};
}

}  // namespace

std::string StreamRedactor::scrub(std::string_view text) const {
  return redactor_ ? redactor_->scrub(text) : std::string(text);
}

std::string StreamRedactor::feed(std::string_view bytes) {
  line_.append(bytes);
  std::string ready;
  if (const auto end = line_.rfind('\n'); end != std::string::npos) {
    ready = scrub(std::string_view(line_).substr(0, end + 1));
    line_.erase(0, end + 1);
  }
  if (line_.size() <= kLongestLine) return ready;
  // Where both sides read as they do together, nothing lies across.
  const auto whole = scrub(line_);
  for (std::size_t cut = line_.size() - kLongestSecret; cut > 0; cut -= std::min(cut, kStep)) {
    auto first = scrub(std::string_view(line_).substr(0, cut));
    if (first + scrub(std::string_view(line_).substr(cut)) != whole) continue;
    ready += first;
    line_.erase(0, cut);
    return ready;
  }
  ready += whole;
  line_.clear();
  return ready;
}

std::string StreamRedactor::finish() { return scrub(std::exchange(line_, {})); }

OutputWriter::OutputWriter(fs::path folder, std::uint64_t kept, std::shared_ptr<Redactor> redactor)
    : folder_(std::move(folder)),
      redactor_(std::move(redactor)),
      head_room_(kept == 0 ? ~std::uint64_t{0} : kept / 2),
      part_most_(std::max<std::uint64_t>(kept / 4, 1)),
      file_(create(log_of(folder_))) {}

void OutputWriter::append(std::string_view bytes) { write(redactor_.feed(bytes)); }

void OutputWriter::write(std::string_view text) {
  const auto head = text.substr(0, std::min<std::uint64_t>(head_room_, text.size()));
  write_all(file_, head);
  head_room_ -= head.size();
  total_ += head.size();
  write_tail(text.substr(head.size()));
}

void OutputWriter::write_tail(std::string_view text) {
  while (!text.empty()) {
    if (!in_tail_ || part_size_ == part_most_) begin_part();
    const auto piece =
        text.substr(0, std::min<std::uint64_t>(part_most_ - part_size_, text.size()));
    write_all(file_, piece);
    part_size_ += piece.size();
    total_ += piece.size();
    text.remove_prefix(piece.size());
  }
}

void OutputWriter::begin_part() {
  auto parts = parts_in(folder_);
  for (; parts.size() > 1; parts.erase(parts.begin())) fs::remove(parts.begin()->second);
  file_ = create(part_of(folder_, total_));
  part_size_ = 0;
  in_tail_ = true;
}

void OutputWriter::finish() {
  write(redactor_.finish());
  const auto parts = parts_in(folder_);
  if (parts.empty()) return;
  const auto head = size_of(open_to_read(log_of(folder_)));
  const auto left_out = parts.begin()->first - head;
  // A crash in between leaves a log without its tail at worst; the tail is still beside it.
  const auto whole = folder_ / "output.new";
  const Fd file = create(whole, O_TRUNC);
  append_file(file, log_of(folder_));
  if (left_out > 0) {
    const auto text = left_out_text(left_out);
    write_all(file, text);
    write_atomically(gap_of(folder_),
                     to_text({{"at", head}, {"left_out", left_out}, {"text", text.size()}}), 0600);
  }
  for (const auto& [offset, path] : parts) append_file(file, path);
  fs::rename(whole, log_of(folder_));
  for (const auto& [offset, path] : parts) fs::remove(path);
}

OutputPiece read_output(const fs::path& folder, std::uint64_t offset, std::size_t most) {
  const auto parts = parts_in(folder);
  if (parts.empty())
    if (const auto gap = gap_in(folder)) return read_with_gap(folder, *gap, offset, most);
  const Fd log = open_to_read(log_of(folder));
  if (auto text = bytes_at(log, offset, most); !text.empty() || parts.empty()) {
    const auto next = offset + text.size();
    return {std::move(text), next};
  }
  std::string note;
  if (offset < parts.begin()->first) {
    note = left_out_text(parts.begin()->first - offset);
    offset = parts.begin()->first;
  }
  const auto& [start, path] = *std::prev(parts.upper_bound(offset));
  auto text = bytes_at(open_to_read(path), offset - start, most);
  // The end of a part is the beginning of the next, if there is one.
  if (text.empty() && parts.upper_bound(offset) != parts.end())
    return read_output(folder, parts.upper_bound(offset)->first, most);
  const auto next = offset + text.size();
  return {note + text, next};
}

}  // namespace host::runs
