// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "snapshot.hpp"

namespace triage {

// A text of somebody who may be anybody, for the middle of a line of Markdown: it shows as it is,
// and is neither markup nor a mention, a reference to an issue or a link.
[[nodiscard]] std::string plain_markdown(std::string_view text);

// A comment that a rule writes, with its variables: {author}, {repo}, {number}, {title}, {kind},
// {assignees}, {rule}. {{ and }} stand for the braces themselves. The text around them is the
// operator's Markdown; what is put in is plain_markdown().
class CommentTemplate {
 public:
  // Throws timmy::Permanent "bad_template" naming the rule and what is wrong.
  CommentTemplate(const std::string& text, const std::string& rule);

  // `assignees`: those whom it has, or will have once the comment is written.
  [[nodiscard]] std::string text(const Snapshot& issue, const Names& assignees) const;

 private:
  struct Part {
    bool variable = false;
    std::string text;  // its name, or the text itself
  };
  [[nodiscard]] std::string value(const std::string& variable, const Snapshot& issue,
                                  const Names& assignees) const;

  std::string rule_;
  std::vector<Part> parts_;
};

}  // namespace triage
