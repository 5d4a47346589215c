// SPDX-License-Identifier: Apache-2.0
#include "plugins/image.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "plugins/refusal.hpp"

namespace host {
namespace {

std::string quoted(const std::filesystem::path& path) { return "\"" + path.string() + "\""; }

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) fail();
  }
  void add(std::span<const char> bytes) {
    if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) fail();
  }
  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned int length = 0;
    if (EVP_DigestFinal_ex(context_.get(), digest.data(), &length) != 1) fail();
    std::string text;
    for (const auto byte : std::span(digest).first(length)) {
      text += "0123456789abcdef"[byte >> 4];
      text += "0123456789abcdef"[byte & 15];
    }
    return text;
  }

 private:
  [[noreturn]] static void fail() { throw Error(Code::internal, "OpenSSL can't compute SHA-256"); }
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

struct stat stat_of(int fd, const std::filesystem::path& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) throw system_error("examining " + quoted(path));
  return info;
}

bool same_file_state(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec && a.st_ctim.tv_sec == b.st_ctim.tv_sec &&
         a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

// Hands the file's bytes to `take`, in order. Returns how many there were.
std::uint64_t read_through(int fd, const std::filesystem::path& path,
                           const std::function<void(std::span<const char>)>& take) {
  const auto before = stat_of(fd, path);
  if (static_cast<std::uint64_t>(before.st_size) > PluginImage::kCap)
    throw RefusedError(Refusal::too_large, Code::too_large,
                       quoted(path) + " is larger than " +
                           std::to_string(PluginImage::kCap / (1024 * 1024)) + " MiB",
                       "Strip its debug information: strip --strip-debug " + path.string());
  std::vector<char> block(256 * 1024);
  std::uint64_t total = 0;
  for (;;) {
    const auto got = ::pread(fd, block.data(), block.size(), static_cast<off_t>(total));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw system_error("reading " + quoted(path));
    if (got == 0) break;
    total += static_cast<std::uint64_t>(got);
    if (total > static_cast<std::uint64_t>(before.st_size)) break;
    take({block.data(), static_cast<std::size_t>(got)});
  }
  if (total != static_cast<std::uint64_t>(before.st_size) ||
      !same_file_state(before, stat_of(fd, path)))
    throw RefusedError(Refusal::changing, Code::conflict,
                       quoted(path) + " changed while it was read",
                       "Install a plugin by writing it under another name and renaming it.");
  return total;
}

void write_all(int fd, std::span<const char> bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw system_error("copying " + quoted(path) + " into memory");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

}  // namespace

PluginImage::PluginImage(Fd memory, std::string hash, std::filesystem::path from,
                         std::uint64_t bytes)
    : sha256(std::move(hash)), path(std::move(from)), size(bytes), memory_(std::move(memory)) {}

std::shared_ptr<const PluginImage> PluginImage::copy_of(int fd, const std::filesystem::path& path) {
  // The name shows in a debugger's and perf's list of mappings; the kernel takes 249 bytes of it.
  const std::string name = path.filename().string().substr(0, 200);
  Fd memory(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory) throw system_error("making room in memory for " + quoted(path));
  Sha256 hash;
  const auto size = read_through(fd, path, [&](std::span<const char> bytes) {
    hash.add(bytes);
    write_all(memory.get(), bytes, path);
  });
  // F_SEAL_WRITE would be refused with EBUSY while the kernel itself holds a page for longer than
  // it cares to wait. Nobody has mapped these, so that none may in future is as much.
  const int seals = F_SEAL_FUTURE_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  if (::fcntl(memory.get(), F_ADD_SEALS, seals) != 0)
    throw system_error("sealing the copy of " + quoted(path));
  return std::make_shared<const PluginImage>(std::move(memory), hash.hex(), path, size);
}

std::string sha256_of(std::string_view text) {
  Sha256 hash;
  hash.add(text);
  return hash.hex();
}

std::string sha256_of(int fd, const std::filesystem::path& path) {
  Sha256 hash;
  read_through(fd, path, [&](std::span<const char> bytes) { hash.add(bytes); });
  return hash.hex();
}

}  // namespace host
