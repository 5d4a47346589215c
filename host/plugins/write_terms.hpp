// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace host {

// On what terms a plugin's runs write outside this host, besides what they are granted.
struct WriteTerms {
  int most = 50;         // writes of one run; a rule that is wrong stops there
  bool dry_run = false;  // none is sent: what would be is logged and audited
};

}  // namespace host
