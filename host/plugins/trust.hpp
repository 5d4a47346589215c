// SPDX-License-Identifier: Apache-2.0
//
// Whether somebody stands behind a plugin's bytes: by a pin in host.yaml, or by a signature beside
// the file. Who may have written the file is another question, see check_trusted().
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/ed25519.hpp"
#include "config/host_config.hpp"
#include "plugins/image.hpp"
#include "plugins/plugin_file.hpp"
#include "plugins/refusal.hpp"

namespace host {

// What host.yaml asks of one plugin's bytes.
struct TrustRule {
  std::string pin;        // their SHA-256, 64 lower-case hexadecimal digits; empty: any
  std::string pin_where;  // "file:line:col" of it
  bool look = false;      // a signature that is there must be by one of the keys
  bool require = false;   // and one must be there
  std::string require_where;
  std::string keys_where;
};
// `author`: the plugin lies in a folder named with --plugin-dir, where signatures are not looked
// at. A pin was written for this very plugin, and counts everywhere.
[[nodiscard]] TrustRule trust_rule(const LoadedConfig& config, const std::string& id, bool author);

// The signature beside a plugin, in PLUGIN.sig; nothing when there is no such file. Its owner, mode
// and parents are held to what a plugin's are. Throws Error{denied}, Error{io}, or Error{invalid}
// when it is no regular file of 64 bytes.
[[nodiscard]] std::optional<Ed25519Signature> read_signature(const std::filesystem::path& plugin,
                                                             bool allow_sticky);

// Holds plugins against their rules. Remembers by which key some bytes are signed for as long as
// bytes, signature and keys are the same. One thread.
class Trust {
 public:
  // `files` is not owned and outlives this.
  explicit Trust(PluginFiles& files) : files_(files) {}

  // The keys in force from now on.
  void set_keys(const std::map<std::string, Ed25519Key>& keys);

  // What was found out about a file. Each part is there as far as it got, also of a refused one.
  struct Verdict {
    std::optional<RefusedError> refusal;
    std::string sha256;     // empty: nobody had to know
    std::string signed_by;  // the name of the first key that fits; empty: none, or not looked at
    // With `load`, unless it is refused or nobody had to know: the very bytes that were looked at,
    // so that no others run.
    std::shared_ptr<const PluginImage> image;
  };
  // `text`: the manifest that was read from the file. Where there is neither pin nor signature it
  // reads none of the plugin's bytes. Never throws for what the files are.
  [[nodiscard]] Verdict judge(const TrustRule& rule, const std::filesystem::path& path,
                              bool allow_sticky, const std::string& text, bool load);

  // Forgets what was not asked for since the last call.
  void forget_unused();

 private:
  struct Known {
    std::string signer;  // empty: none of the keys
    bool used = true;
  };
  // `load` is called only for what is not known yet.
  std::string signer(const std::string& sha256, const Ed25519Signature& signature,
                     const std::function<std::shared_ptr<const PluginImage>()>& load);

  PluginFiles& files_;
  std::map<std::string, Ed25519Key> keys_;
  std::map<std::pair<std::string, Ed25519Signature>, Known> known_;  // by SHA-256 and signature
};

}  // namespace host
