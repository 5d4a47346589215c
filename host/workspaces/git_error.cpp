// SPDX-License-Identifier: Apache-2.0
#include "workspaces/git_error.hpp"

#include <fmt/format.h>

#include <array>

#include "base/utf8.hpp"

namespace host::workspaces {
namespace {

constexpr std::size_t kLongestLine = 600;

struct Sign {
  std::string_view text;  // in what git prints
  Code code;
  std::string_view next_step;
};

constexpr std::string_view kToken =
    "Check the forge's token: it must be valid, and may read and write this repository.";
constexpr std::string_view kName =
    "Check the repository's name, and that the token's user may see it.";
// Between two looks at the forge: the next one knows the new name.
constexpr std::string_view kMoved =
    "The repository has moved, and its new name is learned by the next look at the forge. If it "
    "has not, check gitea.url.";
constexpr std::string_view kReach = "Check that the forge is up and reached from here.";
constexpr std::string_view kDamage =
    "Nothing was taken in. Run git fsck in the repository at the forge.";

// The first that is found decides: what a server answered stands before what git makes of it.
constexpr std::array kSigns{
    Sign{"error: 429", Code::rate_limited, "It is tried again later."},
    Sign{"error: 401", Code::denied, kToken},
    Sign{"error: 403", Code::denied, kToken},
    Sign{"Authentication failed", Code::denied, kToken},
    Sign{"could not read Username", Code::denied, kToken},
    Sign{"could not read Password", Code::denied, kToken},
    Sign{"error: 404", Code::not_found, kName},
    Sign{"not found", Code::not_found, kName},
    Sign{"does not appear to be a git repository", Code::not_found, kName},
    Sign{"error: 301", Code::unavailable, kMoved},
    Sign{"error: 302", Code::unavailable, kMoved},
    Sign{"error: 307", Code::unavailable, kMoved},
    Sign{"error: 308", Code::unavailable, kMoved},
    Sign{"update url base from redirection", Code::unavailable, kMoved},
    Sign{"SSL certificate problem", Code::denied,
         "The forge's certificate is not trusted here: name its CA file."},
    Sign{"server certificate verification failed", Code::denied,
         "The forge's certificate is not trusted here: name its CA file."},
    Sign{"No space left on device", Code::unavailable, "Free some space."},
    Sign{"Disk quota exceeded", Code::unavailable, "Free some space."},
    Sign{"mismatched algorithms", Code::unsupported,
         "Repositories with SHA-256 object names can't be worked on."},
    Sign{"fsck error", Code::corrupt, kDamage},
    Sign{"Could not resolve host", Code::unavailable, kReach},
    Sign{"Failed to connect", Code::unavailable, kReach},
    Sign{"Couldn't connect", Code::unavailable, kReach},
    Sign{"timed out", Code::unavailable, kReach},
    Sign{"Operation too slow", Code::unavailable, kReach},
    Sign{"error: 5", Code::unavailable, kReach},
    Sign{"Empty reply from server", Code::unavailable, kReach},
    Sign{"RPC failed", Code::unavailable, kReach},
    Sign{"early EOF", Code::unavailable, kReach},
    Sign{"unexpected disconnect", Code::unavailable, kReach},
    Sign{"remote end hung up", Code::unavailable, kReach},
    Sign{"expected flush after ref listing", Code::unavailable, kReach},
    Sign{"invalid server response", Code::unavailable, kReach},
    Sign{"corrupt", Code::corrupt, kDamage},
    Sign{"bad object", Code::corrupt, kDamage},
    Sign{"unable to read tree", Code::corrupt, kDamage},
    Sign{"missing", Code::corrupt, kDamage},
    Sign{"index-pack failed", Code::corrupt, kDamage},
};

}  // namespace

std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text.substr(0, 4 * kLongestLine)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool blank = byte <= ' ' || byte == 0x7f;
    if (blank && (line.empty() || line.back() == ' ')) continue;
    line += blank ? ' ' : c;
  }
  if (!line.empty() && line.back() == ' ') line.pop_back();
  cut_text(line, kLongestLine);
  return line;
}

Error git_error(std::string_view doing, int status, const std::string& errors) {
  const std::string text =
      fmt::format("{}: git ended with status {}: {}", doing, status,
                  errors.empty() ? std::string("it says nothing more") : errors);
  for (const auto& sign : kSigns)
    if (errors.find(sign.text) != std::string::npos)
      return {sign.code, text, std::string(sign.next_step)};
  return {Code::io, text};
}

}  // namespace host::workspaces
