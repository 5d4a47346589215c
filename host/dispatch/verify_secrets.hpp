// SPDX-License-Identifier: Apache-2.0
//
// What looks like a credential: the forms that well-known issuers give theirs, private keys, and a
// value that something called a password or a token is set to. By rules alone, so that the same
// line always gets the same answer; a secret of no known form passes.
#pragma once

#include <string_view>

namespace host::dispatch {

// What a line of text looks like ("a private key", "an AWS access key"); empty: nothing. Static
// storage.
[[nodiscard]] std::string_view credential_in(std::string_view line);

}  // namespace host::dispatch
