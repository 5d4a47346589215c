// SPDX-License-Identifier: Apache-2.0
#include "reading.hpp"

#include "row_hash.hpp"

namespace provenance {
namespace {

constexpr std::size_t kDamageCap = 20;

}  // namespace

void seal(Reading& reading) {
  RowHash hash;
  hash.raw(reading.own).raw("\n");
  for (const auto& message : reading.session.messages) hash.raw(message.digest).raw("\n");
  reading.session.digest = hash.hex();
}

void note_damage(Session& session, const std::string& place, const std::string& what) {
  if (session.damaged.size() < kDamageCap)
    session.damaged.push_back(place + ": " + what);
  else if (session.damaged.size() == kDamageCap)
    session.damaged.emplace_back("and more");
}

}  // namespace provenance
