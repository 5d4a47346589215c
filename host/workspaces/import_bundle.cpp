// SPDX-License-Identifier: Apache-2.0
#include "workspaces/import_bundle.hpp"

#include <fmt/format.h>

#include <optional>

#include "base/error.hpp"

namespace host::workspaces {
namespace {

constexpr std::size_t kMostPrerequisites = 64;
constexpr std::size_t kPackHeader = 12;  // "PACK", version, number of objects
constexpr std::size_t kName = 40;        // of an object

[[noreturn]] void refuse(std::size_t line, const std::string& what) {
  throw Error(Code::invalid, fmt::format("line {} of the bundle: {}", line, what),
              "A bundle comes from git bundle create with one ref.");
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes.substr(0, kBundleHeader)) {}

  BundleHeader read() {
    const auto first = line();
    if (first != "# v2 git bundle" && first != "# v3 git bundle")
      refuse(number_, "this is no bundle of version 2 or 3");
    const int version = first[3] - '0';
    std::vector<ObjectId> prerequisites;
    std::optional<ObjectId> head;
    std::string ref;
    for (auto text = line(); !text.empty(); text = line()) {
      if (text.front() == '@') {
        check_capability(version, text, head || !prerequisites.empty());
      } else if (text.front() == '-') {
        if (head) refuse(number_, "a prerequisite stands behind a ref");
        if (prerequisites.size() == kMostPrerequisites) refuse(number_, "too many prerequisites");
        prerequisites.push_back(id_at(text.substr(1)));
      } else {
        if (head) refuse(number_, "there is more than one ref");
        head = id_at(text);
        if (text.size() < kName + 2) refuse(number_, "a ref without a name");
        ref = text.substr(kName + 1);
      }
    }
    if (!head) refuse(number_, "there is no ref");
    return {version, std::move(prerequisites), *head, std::move(ref), at_, pack_objects()};
  }

 private:
  std::string_view line() {
    ++number_;
    const auto end = bytes_.find('\n', at_);
    if (end == bytes_.npos) refuse(number_, "the header has no end");
    const auto text = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    if (text.find('\0') != text.npos) refuse(number_, "a zero byte");
    return text;
  }

  void check_capability(int version, std::string_view text, bool late) {
    if (version != 3 || late) refuse(number_, "a capability in the wrong place");
    if (text != "@object-format=sha1") refuse(number_, "only @object-format=sha1 is taken");
  }

  // The name at the start of a line, with a blank or nothing behind it.
  ObjectId id_at(std::string_view text) {
    const auto id = ObjectId::parse(text.substr(0, kName));
    if (!id || (text.size() > kName && text[kName] != ' '))
      refuse(number_, "expected 40 hexadecimal digits and a blank");
    return *id;
  }

  [[nodiscard]] std::uint32_t number_in_pack(std::size_t at) const {
    std::uint32_t value = 0;
    for (const char c : bytes_.substr(at_ + at, 4))
      value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }

  std::uint32_t pack_objects() {
    if (bytes_.size() - at_ < kPackHeader || bytes_.substr(at_, 4) != "PACK" ||
        number_in_pack(4) != 2)
      refuse(number_ + 1, "expected a pack of version 2");
    return number_in_pack(8);
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  std::size_t number_ = 0;
};

}  // namespace

BundleHeader parse_bundle_header(std::string_view bytes) { return Reader(bytes).read(); }

}  // namespace host::workspaces
