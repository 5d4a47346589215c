// SPDX-License-Identifier: Apache-2.0
#include "comment_template.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "names_text.hpp"

namespace triage {
namespace {

constexpr std::array<std::string_view, 7> kVariables{"author", "repo",      "number", "title",
                                                     "kind",   "assignees", "rule"};

// Shows as nothing, and keeps what stands on its sides from being read together.
constexpr std::string_view kNothing = "\u200b";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Markup anywhere in a line. An underscore within a word is none.
bool is_markup(std::string_view text, std::size_t at) {
  if (text[at] == '_')
    return !(at > 0 && is_word(text[at - 1]) && at + 1 < text.size() && is_word(text[at + 1]));
  return std::string_view("\\`*[]()<>~|&$^={}").find(text[at]) != std::string_view::npos;
}

// Markup where it begins a line: "- ", "+ ", "1. ".
bool begins_list(std::string_view text, std::size_t at) {
  if (at == 0) return text[at] == '-' || text[at] == '+';
  return text[at] == '.' && text.substr(0, at).find_first_not_of("0123456789") == text.npos;
}

// What forges make a mention, a reference or a link of, where something follows.
bool is_reference(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c == '@' || c == '#' || c == '!') return true;
  if (c == ':') return at + 1 < text.size() && text[at + 1] == '/';
  return c == '.' && at >= 3 &&
         (text.substr(at - 3, 3) == "www" || text.substr(at - 3, 3) == "WWW");
}

[[noreturn]] void refuse(const std::string& rule, const std::string& why) {
  throw timmy::Permanent("bad_template", "rule \"" + rule + "\": comment " + why);
}

std::string known_variables() {
  std::string all;
  for (const auto name : kVariables) all += (all.empty() ? "{" : ", {") + std::string(name) + "}";
  return all;
}

}  // namespace

std::string plain_markdown(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x20 || byte == 0x7F) {
      plain += ' ';
      continue;
    }
    if (is_markup(text, at) || begins_list(text, at)) plain += '\\';
    plain += text[at];
    if (is_reference(text, at)) plain += kNothing;
  }
  return plain;
}

CommentTemplate::CommentTemplate(const std::string& text, const std::string& rule) : rule_(rule) {
  std::string literal;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if ((c == '{' || c == '}') && at + 1 < text.size() && text[at + 1] == c) {
      literal += c;
      ++at;
      continue;
    }
    if (c == '}') refuse(rule, "has a } that ends nothing; write }} for the brace itself");
    if (c != '{') {
      literal += c;
      continue;
    }
    const auto end = text.find('}', at);
    if (end == std::string::npos)
      refuse(rule, "has a { that nothing ends; write {{ for the brace itself");
    const std::string name = text.substr(at + 1, end - at - 1);
    if (std::find(kVariables.begin(), kVariables.end(), name) == kVariables.end())
      refuse(rule, "has no variable {" + shortened(name) + "}; known are " + known_variables());
    parts_.push_back({false, std::exchange(literal, {})});
    parts_.push_back({true, name});
    at = end;
  }
  parts_.push_back({false, literal});
}

std::string CommentTemplate::text(const Snapshot& issue, const Names& assignees) const {
  std::string all;
  for (const auto& part : parts_)
    all += part.variable ? plain_markdown(value(part.text, issue, assignees)) : part.text;
  return all;
}

std::string CommentTemplate::value(const std::string& variable, const Snapshot& issue,
                                   const Names& assignees) const {
  if (variable == "author") return issue.author;
  if (variable == "repo") return issue.repo;
  if (variable == "number") return std::to_string(issue.number);
  if (variable == "title") return shortened(issue.title, 255);
  if (variable == "kind") return issue.kind == Kind::pull ? "pull request" : "issue";
  if (variable == "assignees") return listed(assignees, "nobody");
  return rule_;
}

}  // namespace triage
