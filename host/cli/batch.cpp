// SPDX-License-Identifier: Apache-2.0
#include "cli/batch.hpp"

#include <charconv>
#include <fstream>
#include <iostream>

#include "base/error.hpp"
#include "base/kept_json.hpp"
#include "base/result.hpp"

namespace host::cli {
namespace {

constexpr std::size_t kBatchJobs = 2'000;
constexpr std::size_t kBatchBytes = 512 * 1024;

class Batch {
 public:
  Batch(AdminClient client, std::string file)
      : client_(std::move(client)), file_(std::move(file)) {}

  void add(const std::string& line) {
    ++line_;
    if (line.find_first_not_of(" \t\r") == std::string::npos) return;
    // Checked here for its form, so that the line can be named; sent as it is.
    const auto job = attempt([&] { return parse_kept_json(line, "it"); });
    if (!job.ok() || !job.value().is_object())
      fail(line_, job.ok() ? "it is not a JSON object" : job.error().message());
    if (lines_.empty()) first_ = line_;
    body_ += (body_.empty() ? "" : ",") + line;
    lines_.push_back(line_);
    if (lines_.size() >= kBatchJobs || body_.size() >= kBatchBytes) send();
  }

  Json finish() {
    send();
    return {{"inserted", inserted_}, {"duplicates", duplicates_}};
  }

 private:
  [[noreturn]] void fail(std::size_t line, const std::string& why) {
    throw Error(Code::invalid,
                file_ + ":" + std::to_string(line) + ": " + why + "; " + std::to_string(inserted_) +
                    " jobs of the lines before " + std::to_string(first_) + " are in",
                "Mend the line, and go on from line " + std::to_string(first_) + ".");
  }

  // Of "job N: ...", as the host says it of a batch; 0 for any other text.
  static std::size_t place_in(std::string_view message) {
    constexpr std::string_view kPrefix = "job ";
    if (!message.starts_with(kPrefix)) return 0;
    message.remove_prefix(kPrefix.size());
    std::size_t place = 0;
    const auto end = std::from_chars(message.data(), message.data() + message.size(), place).ptr;
    return end != message.data() + message.size() && *end == ':' ? place : 0;
  }

  [[nodiscard]] std::string range() const {
    return file_ + ":" + std::to_string(first_) + "-" + std::to_string(line_);
  }

  void send() {
    if (lines_.empty()) return;
    try {
      const Json done = client_.post_text("/v1/jobs/batch", "{\"jobs\":[" + body_ + "]}");
      inserted_ += done["inserted"].get<std::size_t>();
      duplicates_ += done["duplicates"].get<std::size_t>();
    } catch (const Error& error) {
      const auto place = place_in(error.message());
      if (place >= 1 && place <= lines_.size())
        fail(lines_[place - 1], error.message().substr(error.message().find(": ") + 2));
      throw Error(error.code(),
                  range() + ": " + error.message() + "; " + std::to_string(inserted_) +
                      " jobs of the lines before are in",
                  error.next_step() + " Then go on from line " + std::to_string(first_) +
                      "; if only the answer was lost, those lines may be in already: jobs with a "
                      "unique_key are not doubled.");
    }
    body_.clear();
    lines_.clear();
    first_ = line_ + 1;
  }

  AdminClient client_;
  std::string file_;
  std::string body_;
  std::vector<std::size_t> lines_;  // of the jobs in body_
  std::size_t line_ = 0;
  std::size_t first_ = 1;  // of body_
  std::size_t inserted_ = 0;
  std::size_t duplicates_ = 0;
};

}  // namespace

int enqueue_batch(Session& session, const std::string& file) {
  std::ifstream opened;
  if (file != "-") {
    opened.open(file);
    if (!opened) throw system_error("reading " + file);
  }
  std::istream& in = file == "-" ? std::cin : opened;
  Batch batch(session.client(), file == "-" ? "standard input" : file);
  for (std::string line; std::getline(in, line);) batch.add(line);
  const Json done = batch.finish();
  if (session.json)
    session.out << to_indented_text(done) << '\n';
  else
    session.out << to_text(done["inserted"]) << " jobs, " << to_text(done["duplicates"])
                << " waited already\n";
  return 0;
}

}  // namespace host::cli
