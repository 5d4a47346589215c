// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>

#include <memory>
#include <vector>

#include "base/file.hpp"
#include "base/socket_address.hpp"

namespace host::runs::supervisor {

// From a socket that listens in a run's network to the meter in the host's: bytes, both ways. Knows
// nothing of what they mean. Bounded: 32 connections, 64 KiB each way that one end has not read.
class MeterRelay {
 public:
  // `listener` does not block.
  MeterRelay(Fd listener, SocketAddress meter);
  ~MeterRelay();

  // Appends what it waits for. After a poll, handle() gets the same entries, `watched[from]` on.
  void watch(std::vector<pollfd>& watched) const;
  void handle(const std::vector<pollfd>& watched, std::size_t from);

 private:
  class Connection;
  void accept_some();

  Fd listener_;
  SocketAddress meter_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace host::runs::supervisor
