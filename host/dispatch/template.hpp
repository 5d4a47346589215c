// SPDX-License-Identifier: Apache-2.0
//
// Text with variables: "Fix {{issue.title}}". The variables are a fixed list; there is no logic, no
// nesting, no escape. What people and agents wrote goes in as a quotation that it can't end, see
// template_quote.hpp.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace host::dispatch {

// What a template is for. It decides which variables there are, and how a value is quoted.
enum class TemplatePlace {
  prompt,  // what an agent reads
  title,   // of a pull request: one line, plain text
  body,    // of a pull request or comment: Markdown
};
// "a prompt", "a title" ..., for messages.
[[nodiscard]] std::string_view describe(TemplatePlace place) noexcept;

// What a variable's value is made of.
enum class VariableKind {
  number,  // digits
  name,    // one line that the host made or has checked; goes in as it is
  block,   // lines that the host wrote; stands alone on its line
  line,    // one line by people or agents; quoted
  text,    // lines by people or agents; quoted, stands alone on its line
};
[[nodiscard]] std::string_view name(VariableKind kind) noexcept;

struct Variable {
  std::string_view name;
  VariableKind kind;
  std::vector<TemplatePlace> places;  // where it may stand
  std::string_view meaning;
};
// All there are, by name.
[[nodiscard]] const std::vector<Variable>& variables();

// What is wrong with a template, and where in its text.
struct TemplateFault {
  std::size_t offset;  // of the "{{" at fault, in bytes
  std::string message;
};

using TemplateValues = std::map<std::string, std::string, std::less<>>;

// A template that was read. Immutable, cheap to copy, any thread.
class Template {
 public:
  Template() = default;

  // Reads `text`; each fault is added to `faults`, and what could be read is given back.
  [[nodiscard]] static Template parse(std::string_view text, TemplatePlace place,
                                      std::vector<TemplateFault>& faults);

  // With the values put in. What it can grow to is bounded: by the file that it stands in, by
  // kMostVariables, and by the caps of template_quote.hpp. Throws Error{internal} when a variable
  // that the template uses has no value.
  [[nodiscard]] std::string render(const TemplateValues& values) const;

  // Whether a variable stands in it.
  [[nodiscard]] bool uses(std::string_view variable) const;
  // As it was written.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

  static constexpr std::size_t kMostVariables = 64;

 private:
  struct Piece {
    std::string literal;                 // before the variable
    const Variable* variable = nullptr;  // none after the last literal
    std::string indent;                  // of a block or text: what each of its lines begins with
  };
  class Parser;

  std::string text_;
  TemplatePlace place_ = TemplatePlace::prompt;
  std::vector<Piece> pieces_;
};

}  // namespace host::dispatch
