// SPDX-License-Identifier: Apache-2.0
//
// For tests: a program that "timmy-host tokens run" runs. Writes the URL, the key and its arguments
// into the file that it is told, a line each; then does what its second argument says.
#include <sys/prctl.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include "base/loop.hpp"
#include "http/client.hpp"

namespace {

std::string variable(const char* name) {
  const char* set = std::getenv(name);
  return set == nullptr ? "(not set)" : set;
}

// Asks the model for a word; 0 if it answers.
int chat() {
  boost::asio::io_context context;
  const host::SystemClock clock;
  host::AsioLoop loop(context, clock);
  host::CurlClient http(context, loop);
  int status = 1;
  host::HttpRequest request;
  request.method = "POST";
  request.url = variable("OPENAI_BASE_URL") + "/chat/completions";
  request.headers = {{"content-type", "application/json"},
                     {"authorization", "Bearer " + variable("OPENAI_API_KEY")}};
  request.body =
      R"({"model": "small-1", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]})";
  http.send(std::move(request), [&](const host::Result<host::HttpResponse>& answer) {
    if (answer.ok() && answer.value().status == 200) status = 0;
    std::cerr << (answer.ok() ? answer.value().body : answer.error().what()) << '\n';
    context.stop();
  });
  context.run();
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  // One whose parent was killed is of no use.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const std::string then = argc > 2 ? argv[2] : "";
  {
    // Renamed when whole: who waits for the file reads all of it.
    const std::string unfinished = std::string(argv[1]) + ".new";
    std::ofstream file(unfinished);
    file << variable("OPENAI_BASE_URL") << '\n' << variable("OPENAI_API_KEY") << '\n';
    for (int i = 2; i < argc; ++i) file << argv[i] << '\n';
    file.close();
    std::rename(unfinished.c_str(), argv[1]);
  }
  if (then == "chat") return chat();
  if (then == "wait") ::pause();
  return then == "fail" ? 7 : 0;
}
