// SPDX-License-Identifier: Apache-2.0
#include "plugins/trust.hpp"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <span>

#include "base/file.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;

std::string quoted(const fs::path& path) { return "\"" + path.string() + "\""; }

fs::path signature_path(const fs::path& plugin) { return plugin.string() + ".sig"; }

// What mends a signature that is missing or not one.
std::string sign_command(const fs::path& plugin) {
  return "Run: openssl pkeyutl -sign -inkey KEY.pem -rawin -in " + plugin.string() + " -out " +
         signature_path(plugin).string();
}

// An image's bytes in memory. The memfd is sealed, so they can't change or shrink under it.
class Mapped {
 public:
  explicit Mapped(const PluginImage& image)
      : size_(image.size), start_(::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, image.fd(), 0)) {
    if (start_ == MAP_FAILED) throw system_error("looking at the bytes of " + quoted(image.path));
  }
  ~Mapped() { ::munmap(start_, size_); }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(start_), size_};
  }

 private:
  std::size_t size_;
  void* start_;
};

void check_pin(const TrustRule& rule, const fs::path& path, const std::string& sha256) {
  if (rule.pin.empty() || rule.pin == sha256) return;
  throw RefusedError(
      Refusal::other_bytes, Code::denied,
      quoted(path) + " has the SHA-256 " + sha256 + ", but " + rule.pin_where + " pins " + rule.pin,
      "Put the pinned file back; or, if the new one is wanted, write there: sha256: " + sha256);
}

RefusedError unsigned_error(const TrustRule& rule, const fs::path& path) {
  return {Refusal::unsigned_file, Code::denied,
          quoted(path) + " is not signed, but " + rule.require_where + " asks for a signature in " +
              quoted(signature_path(path)),
          sign_command(path)};
}

RefusedError foreign_error(const TrustRule& rule, const fs::path& path,
                           const std::map<std::string, Ed25519Key>& keys) {
  std::string names;
  for (const auto& [name, key] : keys) names += (names.empty() ? "" : ", ") + name;
  return {Refusal::foreign_signature, Code::denied,
          quoted(signature_path(path)) + " is no signature of these bytes by a key of " +
              rule.keys_where + ": " + (names.empty() ? "trust.keys has none" : names),
          "Sign the file with one of these keys, or put the signer's into trust.keys. " +
              sign_command(path)};
}

}  // namespace

TrustRule trust_rule(const LoadedConfig& config, const std::string& id, bool author) {
  TrustRule rule;
  const auto settings = config.config.plugins.find(id);
  if (settings != config.config.plugins.end() && !settings->second.sha256.empty()) {
    rule.pin = settings->second.sha256;
    rule.pin_where = config.position(child_pointer("/plugins", id) + "/sha256");
  }
  if (author) return rule;
  const auto& trust = config.config.trust;
  rule.require = trust.require_signature;
  rule.look = rule.require || !trust.keys.empty();
  if (rule.look) {
    rule.require_where = config.position("/trust/require_signature");
    rule.keys_where = config.position("/trust/keys");
  }
  return rule;
}

std::optional<Ed25519Signature> read_signature(const fs::path& plugin, bool allow_sticky) {
  const auto path = signature_path(plugin);
  Fd fd;
  try {
    fd = open_plugin_file(path);
  } catch (const Error& error) {
    if (error.code() == Code::not_found) return std::nullopt;
    throw;
  }
  check_plugin_trusted(fd.get(), path, allow_sticky);
  Ed25519Signature signature;
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) throw system_error("examining " + quoted(path));
  const auto size = static_cast<std::size_t>(info.st_size);
  const std::string bytes =
      size == signature.size() ? read_all(fd.get(), signature.size(), quoted(path)) : "";
  if (bytes.size() != signature.size())
    throw RefusedError(Refusal::malformed_signature, Code::invalid,
                       quoted(path) + " holds " + std::to_string(size) + " bytes, expected the " +
                           std::to_string(signature.size()) + " raw bytes of an Ed25519 signature",
                       sign_command(plugin));
  std::copy(bytes.begin(), bytes.end(), signature.begin());
  return signature;
}

void Trust::set_keys(const std::map<std::string, Ed25519Key>& keys) {
  if (keys_ == keys) return;
  keys_ = keys;
  known_.clear();
}

Trust::Verdict Trust::judge(const TrustRule& rule, const fs::path& path, bool allow_sticky,
                            const std::string& text, bool load) {
  Verdict verdict;
  try {
    const auto signature = rule.look ? read_signature(path, allow_sticky) : std::nullopt;
    if (!signature && rule.require) throw unsigned_error(rule, path);
    if (!signature && rule.pin.empty()) return verdict;
    const auto image = [&] { return files_.load(path, allow_sticky, text); };
    if (load) verdict.image = image();
    verdict.sha256 = load ? verdict.image->sha256 : files_.sha256(path, allow_sticky);
    check_pin(rule, path, verdict.sha256);
    if (!signature) return verdict;
    verdict.signed_by = signer(verdict.sha256, *signature, image);
    if (!load) files_.unload(path);
    if (verdict.signed_by.empty()) throw foreign_error(rule, path, keys_);
  } catch (const Error& error) {
    verdict.image.reset();
    verdict.refusal = refused(error);
  }
  return verdict;
}

std::string Trust::signer(const std::string& sha256, const Ed25519Signature& signature,
                          const std::function<std::shared_ptr<const PluginImage>()>& load) {
  const std::pair bytes_and_signature(sha256, signature);
  if (const auto known = known_.find(bytes_and_signature); known != known_.end()) {
    known->second.used = true;
    return known->second.signer;
  }
  const auto image = load();
  if (image->sha256 != sha256)
    throw RefusedError(Refusal::changing, Code::conflict,
                       quoted(image->path) + " changed while it was read",
                       "Install a plugin by writing it under another name and renaming it.");
  const Mapped mapped(*image);
  Known found;
  for (const auto& [name, key] : keys_)
    if (found.signer.empty() && key.verifies(mapped.bytes(), signature)) found.signer = name;
  return known_.emplace(bytes_and_signature, std::move(found)).first->second.signer;
}

void Trust::forget_unused() {
  std::erase_if(known_, [](const auto& item) { return !item.second.used; });
  for (auto& [bytes, known] : known_) known.used = false;
}

}  // namespace host
