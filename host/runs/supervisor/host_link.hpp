// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/file.hpp"
#include "runs/run_frame.hpp"

namespace host::runs::supervisor {

// A supervisor's end of the channel to its host. Never blocks, but for finish().
class HostLink {
 public:
  // `reader`: what was read of it before, of which receive() hands out the rest.
  HostLink(Fd socket, RunFrameReader reader);

  [[nodiscard]] int descriptor() const { return socket_.get(); }
  [[nodiscard]] bool gone() const { return gone_; }
  // Whether something waits to be sent.
  [[nodiscard]] bool sending() const { return !out_.empty() && !gone_; }
  // Whether so much waits that the run's output had better do so, too.
  [[nodiscard]] bool full() const;

  void send(RunFrameType type, std::string_view body);
  void send_some();
  // What the host said since; copies of the frames' bodies. A host that breaks the protocol is
  // gone. Does not wait.
  struct Said {
    RunFrameType type;
    std::string body;
  };
  [[nodiscard]] std::vector<Said> receive();

  // Sends all that waits, while the host reads within ten seconds each time.
  void finish();

 private:
  Fd socket_;
  RunFrameReader reader_;
  std::string out_;
  bool gone_ = false;
};

}  // namespace host::runs::supervisor
