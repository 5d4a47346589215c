// SPDX-License-Identifier: Apache-2.0
#include "redaction.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "json_text.hpp"
#include "json_walk.hpp"
#include "plain_bytes.hpp"

namespace provenance {
namespace {

// JSON in a string of JSON: an agent's file in a tool's arguments in a log. Deeper it is a text.
constexpr int kDeepest = 4;
constexpr int kMostGroups = 7;                    // of a pattern, with all of it as the first
constexpr std::int64_t kPatternMemory = 2 << 20;  // bytes, of each pattern

std::string placeholder(std::size_t rule) {
  return std::string("[REDACTED:") + redaction_rules()[rule].name + "]";
}

std::size_t rule_named(std::string_view name) {
  const auto& rules = redaction_rules();
  for (std::size_t rule = 0; rule < rules.size(); ++rule)
    if (rules[rule].name == name) return rule;
  throw std::logic_error("no such rule: " + std::string(name));
}

bool looks_like_json(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || (text[first] != '{' && text[first] != '[')) return false;
  return is_json(text);
}

// An escape that a match begins with stays whole, as in the source text "\nada@example.org".
std::size_t behind_escape(std::string_view text, std::size_t begin, std::size_t end) {
  if (begin < end && text[begin] == '\\') return std::min(begin + 2, end);
  std::size_t backslashes = 0;
  while (backslashes < begin && text[begin - 1 - backslashes] == '\\') ++backslashes;
  return begin + backslashes % 2;
}

bool took_part(const re2::StringPiece& group) { return group.data() != nullptr; }

}  // namespace

// The strings of one text that is JSON.
class JsonRedaction {
 public:
  JsonRedaction(const Redactor& redactor, std::string_view text, int depth, std::string& out,
                RedactionCounts& counts)
      : redactor_(redactor), text_(text), depth_(depth), out_(out), counts_(counts) {}

  bool run() {
    out_.clear();
    while (at_ < text_.size()) {
      if (text_[at_] == '"')
        take_string();
      else if (!secret_)
        pass_to_string();
      else if (is_scalar(text_[at_]))
        take_scalar();
      else
        take_other();
    }
    return changed_;
  }

 private:
  static bool is_scalar(char c) { return c == '-' || (c >= '0' && c <= '9'); }

  void pass_to_string() {
    const auto quote = std::min(text_.find('"', at_), text_.size());
    out_.append(text_, at_, quote - at_);
    at_ = quote;
  }

  void take_other() {
    const char c = text_[at_++];
    out_ += c;
    // A secret's name counts for the value that follows it, not for what is in a list or object.
    if (c == ',' || c == '{' || c == '[' || c == '}' || c == ']') secret_ = false;
  }

  void take_scalar() {
    while (at_ < text_.size() && text_.find_first_of(",}] \t\r\n", at_) != at_) ++at_;
    replace();
  }

  void take_string() {
    const auto begin = ++at_;
    bool escapes = false;
    while ((at_ = next_special()) < text_.size() && text_[at_] != '"') {
      escapes = escapes || text_[at_] == '\\';
      at_ += text_[at_] == '\\' ? 2 : 1;
    }
    const auto literal = text_.substr(begin, std::min(at_, text_.size()) - begin);
    at_ = std::min(at_ + 1, text_.size());
    if (secret_ && !literal.empty() && !literal.starts_with("[REDACTED:")) return replace();
    // Without an escape it is what it means.
    std::optional<std::string> decoded;
    if (escapes) decoded = decoded_json_string(literal);
    const bool known = !escapes || decoded;
    const auto meant = decoded ? std::string_view(*decoded) : literal;
    std::string left;
    if (known && redactor_.redact_at(meant, depth_ + 1, left, counts_)) {
      changed_ = true;
      append_json_string(out_, left);
    } else {
      ((out_ += '"') += literal) += '"';
    }
    secret_ = is_name() && known && names_a_secret(meant);
  }

  void replace() {
    static const std::size_t rule = rule_named("assigned_secret");
    ++counts_[rule];
    append_json_string(out_, placeholder(rule));
    changed_ = true;
    secret_ = false;
  }

  [[nodiscard]] std::size_t next_special() const {
    const auto rest = text_.substr(std::min(at_, text_.size()));
    return text_.size() -
           static_cast<std::size_t>(rest.data() + rest.size() -
                                    plain_until(rest.data(), rest.data() + rest.size()));
  }
  [[nodiscard]] bool is_name() const {
    const auto next = text_.find_first_not_of(" \t\r\n", at_);
    return next != std::string_view::npos && text_[next] == ':';
  }

  const Redactor& redactor_;
  std::string_view text_;
  int depth_;
  std::string& out_;
  RedactionCounts& counts_;
  std::size_t at_ = 0;
  bool secret_ = false;  // the next value is one, by its name
  bool changed_ = false;
};

Redactor::Redactor() : hints_(redaction_rules()) {
  re2::RE2::Options options(re2::RE2::Latin1);  // bytes: a text may be no UTF-8
  options.set_max_mem(kPatternMemory);
  options.set_log_errors(false);
  for (const auto& rule : redaction_rules()) {
    patterns_.push_back(std::make_unique<re2::RE2>(rule.pattern, options));
    if (!patterns_.back()->ok())
      throw std::logic_error(std::string(rule.name) + ": " + patterns_.back()->error());
  }
  digest_ = redaction_digest(redaction_rules(), kRedactionVersion);
}

Redactor::~Redactor() = default;

bool Redactor::redact(std::string_view text, std::string& out, RedactionCounts& counts) const {
  return redact_at(text, 0, out, counts);
}

bool Redactor::redact_at(std::string_view text, int depth, std::string& out,
                         RedactionCounts& counts) const {
  const auto rules = hints_.rules_for(text);
  if (rules == 0) return false;
  if (depth < kDeepest && looks_like_json(text))
    return JsonRedaction(*this, text, depth, out, counts).run();
  return redact_plain(text, rules, out, counts);
}

bool Redactor::redact_plain(std::string_view text, std::uint32_t rules, std::string& out,
                            RedactionCounts& counts) const {
  std::string before;
  bool changed = false;
  for (std::size_t rule = 0; rule < patterns_.size(); ++rule) {
    if ((rules >> rule & 1) == 0) continue;
    if (!apply(rule, changed ? std::string_view(before) : text, out, counts)) continue;
    changed = true;
    before.swap(out);
  }
  if (changed) out.swap(before);
  return changed;
}

bool Redactor::apply(std::size_t rule, std::string_view text, std::string& out,
                     RedactionCounts& counts) const {
  const re2::StringPiece input(text.data(), text.size());
  const auto& pattern = *patterns_[rule];
  const auto is_meant = redaction_rules()[rule].is_meant;
  const bool grouped = pattern.NumberOfCapturingGroups() >= 2;
  std::array<re2::StringPiece, kMostGroups> groups;
  std::size_t from = 0;  // what is not yet copied
  std::size_t at = 0;
  bool changed = false;
  while (at <= text.size() && pattern.Match(input, at, text.size(), re2::RE2::UNANCHORED,
                                            groups.data(), grouped ? kMostGroups : 1)) {
    const auto& found =
        grouped ? *std::find_if(groups.begin() + 2, groups.end() - 1, took_part) : groups[0];
    auto begin = static_cast<std::size_t>(found.data() - text.data());
    const auto end = begin + found.size();
    at = std::max(end, at + 1);
    if (!grouped) begin = behind_escape(text, begin, end);
    if (begin >= end || (is_meant != nullptr && !is_meant(text.substr(begin, end - begin))))
      continue;
    if (!changed) out.clear();
    changed = true;
    ++counts[rule];
    out.append(text, from, begin - from);
    out += placeholder(rule);
    from = end;
  }
  if (changed) out.append(text, from);
  return changed;
}

}  // namespace provenance
