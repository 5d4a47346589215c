// SPDX-License-Identifier: Apache-2.0
//
// For tests: what released Hermes said when it was asked, as it is recorded in testdata/hermes.
#pragma once

#include <map>
#include <string>

#include "base/file.hpp"
#include "dispatch/agent.hpp"

namespace host::dispatch {

class RecordedHermes {
 public:
  // Of this version ("0.6.0"), or "main". Throws where there is none.
  explicit RecordedHermes(const std::string& version) {
    const auto text = read_file(HERMES_RECORDS "/" + version + ".txt", std::size_t{1} << 20);
    std::string asked, said;
    for (std::size_t at = 0; at < text.size();) {
      const auto end = text.find('\n', at);
      const auto line = text.substr(at, end - at);
      at = end == std::string::npos ? text.size() : end + 1;
      if (line.starts_with("$ hermes ")) {
        asked = line.substr(9);
        said.clear();
      } else if (line.size() > 2 && line.front() == '[' && line.back() == ']') {
        answers_[asked] = {true, std::stoi(line.substr(1)), said};
      } else {
        said += line + "\n";
      }
    }
  }

  // To "chat --help" and the like. Throws where it was not asked that.
  [[nodiscard]] const ProbeAnswer& answer(const std::string& arguments) const {
    return answers_.at(arguments);
  }
  [[nodiscard]] const std::string& output(const std::string& arguments) const {
    return answer(arguments).output;
  }

 private:
  std::map<std::string, ProbeAnswer> answers_;
};

}  // namespace host::dispatch
