// SPDX-License-Identifier: Apache-2.0
//
// Whether pairs are what they say: a file of them by itself, and all of the output.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <timmy/job.hpp>

#include "pair_hash.hpp"
#include "settings.hpp"

namespace provenance {

// Why a line is no pair with anchor, consent, licence and whole hashes; "": it is one. What it says
// is only held against itself: whoever writes the file can write other hashes, too.
[[nodiscard]] std::string offence_in(std::string_view line, Consent least, Sha256& hash);

// Called now and then with the bytes done. May throw.
using ByteProgress = std::function<void(std::int64_t bytes)>;

// Checks each line of a file; returns {"pairs", "bytes", "sha256"}. Throws Permanent "offence" with
// "FILE:LINE: why" for the first that is none.
[[nodiscard]] timmy::Json validate_file(const std::filesystem::path& path, const Settings& settings,
                                        const ByteProgress& progress);

// Checks that the output is what its manifest lists, each line as above, that the index has each
// pair, and that the policy allows it today as its line says. Returns the sums. Throws likewise,
// and Retryable "busy" while it changes.
[[nodiscard]] timmy::Json validate_output(const Settings& settings, const ByteProgress& progress);

}  // namespace provenance
