// SPDX-License-Identifier: Apache-2.0
#include "gitea/token.hpp"

#include <sys/stat.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/redactor.hpp"
#include "base/result.hpp"

namespace host {

std::vector<std::filesystem::path> default_token_files(const std::filesystem::path& hermes_home,
                                                       const std::filesystem::path& home) {
  return {hermes_home / "gitea_token", hermes_home / "gitea_token_vps",
          home / ".config" / "gitea" / "token"};
}

TokenSource::TokenSource(std::vector<std::filesystem::path> files,
                         std::shared_ptr<Redactor> redactor, std::string what, const Clock* clock)
    : files_(std::move(files)),
      redactor_(std::move(redactor)),
      what_(std::move(what)),
      clock_(clock) {}

// lstat, so that a dangling symbolic link counts as a file that is there and may not be used.
std::optional<TokenSource::Mark> TokenSource::mark(const std::filesystem::path& path) const {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw system_error("looking for the " + what_ + " in \"" + path.string() + "\"");
  }
  return Mark{info.st_dev, info.st_ino, info.st_size, info.st_mode,
              std::int64_t{info.st_ctim.tv_sec} * 1'000'000'000 + info.st_ctim.tv_nsec};
}

bool TokenSource::is_kept() {
  if (clock_ == nullptr || !seen_) return false;
  const auto now = clock_->monotonic();
  if (!gone_since_) gone_since_ = now;
  return now - *gone_since_ < kTokenGrace;
}

void TokenSource::read(const std::filesystem::path& file, const Mark& now) {
  auto found = attempt([&] { return Secret(read_secret_file(file)); });
  if (!found.ok()) {
    // It went between the look and the reading.
    if (found.error().code() == Code::not_found && file_ == file && is_kept()) return;
    seen_.reset();
    throw found.error();
  }
  Secret token = std::move(found).value();
  if (redactor_) redactor_->add(token);
  if (token.expose() != token_.expose()) ++generation_;
  token_ = std::move(token);
  file_ = file;
  seen_ = now;
}

const Secret& TokenSource::get() {
  for (const auto& file : files_) {
    const auto now = mark(file);
    const bool gone = !now || (S_ISREG(now->mode) && now->size == 0);
    if (file_ == file && gone && is_kept()) return token_;
    if (!now) continue;
    if (file_ != file || seen_ != now) read(file, *now);
    if (seen_ == now) gone_since_.reset();  // else it went while it was read
    return token_;
  }
  std::string places;
  for (const auto& file : files_) places += (places.empty() ? "" : ", ") + file.string();
  throw Error(Code::denied,
              "there is no " + what_ + "; looked for " +
                  (places.empty() ? std::string("no file at all") : places),
              files_.empty() ? "Name a token file in the config."
                             : "Write one, mode 0600, to " + files_.front().string());
}

}  // namespace host
