// SPDX-License-Identifier: Apache-2.0
#include "card.hpp"

#include <algorithm>
#include <cctype>

namespace provenance {
namespace {

constexpr const char* kMessages = R"(    list:
    - name: role
      dtype: string
    - name: content
      dtype: string
    - name: tool_calls
      list:
      - name: id
        dtype: string
      - name: type
        dtype: string
      - name: function
        struct:
        - name: name
          dtype: string
        - name: arguments
          dtype: string
    - name: tool_call_id
      dtype: string
    - name: name
      dtype: string
)";

constexpr const char* kMetadata = R"(  - name: metadata
    struct:
    - name: id
      dtype: string
    - name: tokens
      struct:
      - name: known
        dtype: bool
      - name: input
        dtype: int64
      - name: output
        dtype: int64
      - name: cache_read
        dtype: int64
      - name: cache_write
        dtype: int64
      - name: reasoning
        dtype: int64
    - name: schema
      dtype: string
    - name: session_id
      dtype: string
    - name: turn
      dtype: int64
    - name: timestamp
      dtype: string
    - name: timestamp_of
      dtype: string
    - name: model_provider
      dtype: string
    - name: model_name
      dtype: string
    - name: consent_level
      dtype: string
    - name: consent_rule
      dtype: string
    - name: license
      dtype: string
    - name: source
      dtype: string
    - name: descent
      dtype: string
    - name: store
      struct:
      - name: kind
        dtype: string
      - name: path
        dtype: string
    - name: context_messages
      dtype: int64
    - name: context_left_out
      dtype: int64
    - name: tool_call_trajectory
      list:
      - name: id
        dtype: string
      - name: name
        dtype: string
      - name: outcome
        dtype: string
      - name: result_bytes
        dtype: int64
    - name: redactions
      list:
      - name: rule
        dtype: string
      - name: count
        dtype: int64
    - name: chain
      struct:
      - name: lineage
        list: string
      - name: before
        dtype: string
      - name: rows
        list:
        - name: anchor
          dtype: string
        - name: sha256
          dtype: string
      - name: after
        dtype: string
      - name: content_sha256
        dtype: string
)";

}  // namespace

std::string dataset_card(const std::string& license) {
  std::string lower(license);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return "---\nlicense: " + lower +
         "\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n"
         "    path: \"pairs-*.jsonl\"\ndataset_info:\n  features:\n  - name: prompt\n" +
         kMessages + "  - name: response\n" + kMessages + kMetadata +
         "---\n\n# Training pairs\n\n"
         "Made by the plugin `provenance` of timmy-host from sessions whose people consented.\n"
         "`../manifest.json` lists the files that count. Each line is one pair: `prompt`,\n"
         "`response` and `metadata`, under the licence that its metadata names.\n";
}

}  // namespace provenance
