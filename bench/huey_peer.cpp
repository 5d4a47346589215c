// SPDX-License-Identifier: Apache-2.0
#include "huey_peer.hpp"

#include "base/error.hpp"
#include "python.hpp"

namespace bench {
PeerRate huey_rate(bool fsync) {
  try {
    const auto reply = run_python(TIMMY_HUEY_PEER, {fsync ? "--fsync" : "--no-fsync"});
    if (reply.contains("missing")) return {std::nullopt, {}, reply["missing"].get<std::string>()};
    return {reply.at("rate").get<double>(), Seconds(reply.at("seconds").get<double>()),
            reply.at("note").get<std::string>()};
  } catch (const host::Error& error) {
    return {std::nullopt, {}, error.what()};
  }
}

}  // namespace bench
