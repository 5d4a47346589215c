// SPDX-License-Identifier: Apache-2.0
//
// Metered runs for programs that the host does not start itself (timmy-host tokens run):
//
//   POST /v1/tokens/runs {route?, model?, pipeline?, playbook?, issue?, reserve?}
//   POST /v1/tokens/runs/ID/close
//
// The first is answered with a line of JSON, {"run", "route", "url", "key"}, and then the answer
// goes on without a byte for as long as the run is open. The second closes the run and says what it
// was charged. So does, without a word, the end of the first one's connection, whoever ends it: a
// run does not outlive the program that asked for it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "control/respond.hpp"
#include "control/token_routes.hpp"
#include "tokens/meter.hpp"

namespace host {

// Loop thread. The meter outlives it.
class RunRoutes {
 public:
  explicit RunRoutes(const TokenSources& sources);

  // Throws Error{usage} for a wrong request.
  [[nodiscard]] static RunTerms terms_in(const Json& request);
  // Throws Error{unavailable} without a meter, {rate_limited} with too many runs open already,
  // or while the pipeline pauses.
  void open(RunTerms terms, Reply<MeteredRun> done);
  // Answers whoever asked for the run, and closes it when they go.
  [[nodiscard]] Reply<MeteredRun> answer_opened(Respond respond);
  void close(const std::string& run, Reply<Json> done);
  // Ends the answers; the runs are closed.
  void stop();

 private:
  class Answer;
  struct State {
    TokenSources sources;
    std::map<std::string, std::weak_ptr<Answer>> open;
    std::size_t opening = 0;  // asked for, not answered yet
  };
  std::shared_ptr<State> state_;
};

}  // namespace host
