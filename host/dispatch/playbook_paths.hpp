// SPDX-License-Identifier: Apache-2.0
//
// Patterns over the paths of a repository, as gates and lanes name them. A pattern stands for a
// path and all that lies under it: "src" is the folder with everything in it. In a part between
// slashes
// `*` is any text and `?` any one byte; `**` as a part is any number of folders. "docs/*.md",
// "**/testdata".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace host::dispatch {

// Why this is no pattern; nothing when it is one.
[[nodiscard]] std::optional<std::string> path_pattern_fault(std::string_view pattern);

// Whether `path` ("src/main.c", as git names it) is what `pattern` stands for or lies under it. A
// path that is absolute or has an empty, "." or ".." part fits nothing. REQUIRES: pattern is one.
[[nodiscard]] bool path_matches(std::string_view pattern, std::string_view path);
// The same without ASCII case: for what is denied, where a file system may not tell "A" from "a".
[[nodiscard]] bool path_matches_any_case(std::string_view pattern, std::string_view path);

// Whether a link or a submodule in place of a folder at `path` would bring what `pattern` stands
// for: a link ".gitea" has a ".gitea/workflows" of its own, wherever it leads. What a "**" at the
// pattern's start stands for is denied there as it is elsewhere. Without ASCII case. REQUIRES:
// pattern is one.
[[nodiscard]] bool path_leads_to(std::string_view pattern, std::string_view path);

// What no agent may change unless a playbook unlocks it: what is run with others' secrets (the
// forge's workflows and the like, hooks), what says who has to look at a change, what names other
// repositories, and .timmy, where a repository says how its work is verified.
[[nodiscard]] const std::vector<std::string>& locked_paths();

}  // namespace host::dispatch
