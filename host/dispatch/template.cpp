// SPDX-License-Identifier: Apache-2.0
#include "dispatch/template.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "config/json_schema.hpp"
#include "dispatch/template_quote.hpp"

namespace host::dispatch {
namespace {

constexpr std::string_view kOpening = "{{";
constexpr std::string_view kClosing = "}}";
constexpr std::size_t kShown = 40;  // of a wrong name, in a message

using Place = TemplatePlace;
using Kind = VariableKind;

bool may_stand(const Variable& variable, Place place) {
  return std::find(variable.places.begin(), variable.places.end(), place) != variable.places.end();
}

std::vector<std::string> names_for(Place place) {
  std::vector<std::string> names;
  for (const auto& variable : variables())
    if (may_stand(variable, place)) names.emplace_back(variable.name);
  return names;
}

const Variable* find_variable(std::string_view name) {
  const auto& all = variables();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Variable& each) { return each.name == name; });
  return found == all.end() ? nullptr : &*found;
}

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || c == '_' || c == '.';
  });
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

bool takes_lines(Kind kind) { return kind == Kind::block || kind == Kind::text; }

std::string unknown(std::string_view name, Place place) {
  const auto names = names_for(place);
  const auto near = nearest(name, names);
  return fmt::format("\"{}\" is no variable of {}; {}", name, describe(place),
                     near.empty() ? fmt::format("expected one of: {}", fmt::join(names, ", "))
                                  : fmt::format("did you mean \"{}\"?", near));
}

std::string indented(const std::string& lines, const std::string& indent) {
  if (indent.empty()) return lines;
  std::string result = indent;
  for (const char c : lines) {
    result += c;
    if (c == '\n') result += indent;
  }
  return result;
}

std::string quoted(const Variable& variable, Place place, const std::string& value) {
  switch (variable.kind) {
    case Kind::line: return quote_line(value, place);
    case Kind::text: return quote_text(value, place);
    case Kind::number:
    case Kind::name:
    case Kind::block: break;
  }
  return value;
}

}  // namespace

std::string_view describe(TemplatePlace place) noexcept {
  switch (place) {
    case Place::prompt: return "a prompt";
    case Place::title: return "a title";
    case Place::body: return "a report's body";
  }
  return "a template";
}

std::string_view name(VariableKind kind) noexcept {
  switch (kind) {
    case Kind::number: return "number";
    case Kind::name: return "name";
    case Kind::block: return "block";
    case Kind::line: return "line";
    case Kind::text: return "text";
  }
  return "text";
}

const std::vector<Variable>& variables() {
  constexpr auto prompt = Place::prompt, title = Place::title, body = Place::body;
  static const std::vector<Variable> all = {
      {"gates.feedback",
       Kind::text,
       {prompt},
       "what the gates said of the attempt before this one"},
      {"gates.results", Kind::block, {body}, "each gate and how it ended"},
      {"gates.rules", Kind::block, {prompt}, "what the gates will check, a line each"},
      {"issue.author", Kind::line, {prompt, body}, "the login of who wrote it"},
      {"issue.body", Kind::text, {prompt, body}, "its text"},
      {"issue.comments", Kind::text, {prompt}, "its comments, oldest first"},
      {"issue.kind", Kind::name, {prompt, title, body}, "issue or pull request"},
      {"issue.labels", Kind::line, {prompt, body}, "its labels, with commas between"},
      {"issue.number", Kind::number, {prompt, title, body}, "its number"},
      {"issue.title", Kind::line, {prompt, title, body}, "its title"},
      {"issue.url", Kind::line, {prompt, body}, "its page on the forge"},
      {"lane.name", Kind::name, {prompt, body}, "the lane that it goes through"},
      {"limits.attempts", Kind::number, {prompt}, "how many attempts there are"},
      {"limits.tokens", Kind::number, {prompt}, "how many tokens all attempts have together"},
      {"limits.wall", Kind::name, {prompt}, "how long an attempt may take, as 1h30m"},
      {"playbook.name", Kind::name, {prompt, title, body}, "the playbook"},
      {"repository.name", Kind::name, {prompt, title, body}, "owner/name"},
      {"run.attempt", Kind::number, {prompt}, "which attempt this is, from 1"},
      {"run.attempts", Kind::number, {body}, "how many attempts were made"},
      {"run.commits", Kind::text, {body}, "the subjects of the commits"},
      {"run.id", Kind::name, {prompt, body}, "the run, as the host's commands take it"},
      {"run.report", Kind::text, {body}, "what the agent wrote into run.report_file"},
      {"run.report_file", Kind::name, {prompt}, "the file for the agent's own report"},
      {"run.tokens", Kind::number, {body}, "the tokens that were spent"},
      {"workspace.base", Kind::line, {prompt, body}, "the branch that the work starts from"},
      {"workspace.branch", Kind::name, {prompt, body}, "the branch that the work goes to"},
  };
  return all;
}

// Reads a text once, from its beginning.
class Template::Parser {
 public:
  Parser(std::string_view text, Place place, std::vector<TemplateFault>& faults)
      : text_(text), place_(place), faults_(faults) {}

  std::vector<Piece> parse() {
    for (auto opening = text_.find(kOpening); opening != text_.npos;
         opening = text_.find(kOpening, at_)) {
      if (seen_++ == kMostVariables) {
        complain(opening,
                 fmt::format("is one more than {} variables; expected fewer", kMostVariables));
        break;
      }
      take(opening);
    }
    literal_ += text_.substr(literal_from_);
    pieces_.push_back({std::move(literal_), nullptr, {}});
    return std::move(pieces_);
  }

 private:
  void complain(std::size_t offset, std::string message) {
    faults_.push_back({offset, std::move(message)});
  }

  void take(std::size_t opening) {
    at_ = opening + kOpening.size();
    const auto line_end = std::min(text_.find('\n', opening), text_.size());
    const auto closing = text_.substr(0, line_end).find(kClosing, at_);
    if (closing == text_.npos)
      return complain(opening, "\"{{\" is never closed; expected \"}}\" on the same line");
    const auto inside = trimmed(text_.substr(at_, closing - at_));
    at_ = closing + kClosing.size();
    const auto* variable = checked(opening, inside);
    if (variable == nullptr) return;
    if (takes_lines(variable->kind)) return take_lines(opening, line_end, *variable);
    literal_ += text_.substr(literal_from_, opening - literal_from_);
    literal_from_ = at_;
    push(*variable, {});
  }

  const Variable* checked(std::size_t opening, std::string_view inside) {
    if (!is_name(inside)) {
      complain(opening, fmt::format("\"{}\" is no variable's name; a template has variables, as "
                                    "{{{{issue.title}}}}, and neither logic nor nesting",
                                    inside.substr(0, kShown)));
      return nullptr;
    }
    const auto* variable = find_variable(inside.substr(0, kShown));
    if (variable == nullptr || inside.size() > kShown || !may_stand(*variable, place_)) {
      complain(opening, unknown(inside.substr(0, kShown), place_));
      return nullptr;
    }
    return variable;
  }

  // Every line of the value begins as the variable's own line does.
  void take_lines(std::size_t opening, std::size_t line_end, const Variable& variable) {
    const auto before = text_.rfind('\n', opening);
    const auto line = before == text_.npos ? 0 : before + 1;
    const auto indent = text_.substr(line, opening - line);
    const auto rest = text_.substr(at_, line_end - at_);
    if (indent.find_first_not_of(' ') != indent.npos || rest.find_first_not_of(' ') != rest.npos)
      return complain(opening, fmt::format("{} is several lines; expected it alone on its line",
                                           variable.name));
    literal_ += text_.substr(literal_from_, line - literal_from_);
    literal_from_ = at_ = line_end;
    push(variable, std::string(indent));
  }

  void push(const Variable& variable, std::string indent) {
    pieces_.push_back({std::exchange(literal_, {}), &variable, std::move(indent)});
  }

  std::string_view text_;
  Place place_;
  std::vector<TemplateFault>& faults_;
  std::vector<Piece> pieces_;
  std::string literal_;
  std::size_t literal_from_ = 0;  // what is not yet in `literal_` or a piece
  std::size_t at_ = 0;
  std::size_t seen_ = 0;
};

Template Template::parse(std::string_view text, TemplatePlace place,
                         std::vector<TemplateFault>& faults) {
  Template result;
  result.text_ = std::string(text);
  result.place_ = place;
  result.pieces_ = Parser(text, place, faults).parse();
  return result;
}

std::string Template::render(const TemplateValues& values) const {
  std::string result;
  for (const auto& piece : pieces_) {
    result += piece.literal;
    if (piece.variable == nullptr) continue;
    const auto value = values.find(piece.variable->name);
    if (value == values.end())
      throw Error(Code::internal,
                  fmt::format("the template's variable {} has no value", piece.variable->name));
    result += indented(quoted(*piece.variable, place_, value->second), piece.indent);
  }
  return result;
}

bool Template::uses(std::string_view variable) const {
  return std::any_of(pieces_.begin(), pieces_.end(), [&](const Piece& piece) {
    return piece.variable != nullptr && piece.variable->name == variable;
  });
}

}  // namespace host::dispatch
