// SPDX-License-Identifier: Apache-2.0
#include "validation.hpp"

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <timmy/failure.hpp>
#include <timmy/time.hpp>

#include "files.hpp"
#include "index.hpp"
#include "judgement.hpp"
#include "output.hpp"
#include "pair_line.hpp"

namespace provenance {
namespace {

using timmy::Json;
using Ordered = nlohmann::ordered_json;  // keys as the line has them

// A line has to be taken apart in the memory of a plugin's cage.
constexpr std::size_t kLongestLine = 83 << 20;
constexpr int kDeepest = 16;

// What is wrong, on its way out of the checks of one line.
struct Offence : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void require(bool holds, const std::string& otherwise) {
  if (!holds) throw Offence(otherwise);
}

void check_keys(const Ordered& object, const std::string& name,
                std::initializer_list<std::string_view> keys) {
  require(object.is_object(), name + " is no object");
  auto member = object.begin();
  for (const auto key : keys) {
    require(member != object.end() && member.key() == key,
            name + " has not \"" + std::string(key) + "\" in its place");
    ++member;
  }
  require(member == object.end(), name + " has more than its schema");
}

const std::string& text_in(const Ordered& object, const char* key, const std::string& name) {
  const auto& value = object.at(key);
  require(value.is_string(), name + "." + key + " is no text");
  return value.get_ref<const std::string&>();
}

void check_said(const Ordered& object, const char* key, const std::string& what) {
  require(!text_in(object, key, "metadata").empty(), "no " + what + ": metadata." + key);
}

bool is_hash(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

void check_message(const Ordered& message) {
  check_keys(message, "a message", {"role", "content", "tool_calls", "tool_call_id", "name"});
  for (const auto* key : {"role", "content", "tool_call_id", "name"})
    (void)text_in(message, key, "a message");
  require(message.at("tool_calls").is_array(), "a message's tool_calls is no list");
  for (const auto& call : message.at("tool_calls")) {
    check_keys(call, "a call", {"id", "type", "function"});
    check_keys(call.at("function"), "a call's function", {"name", "arguments"});
    (void)text_in(call.at("function"), "arguments", "a call's function");
  }
}

// Over each message's own text.
std::string content_of(const Ordered& pair, Sha256& hash) {
  std::string digests;
  for (const auto* part : {"prompt", "response"}) {
    require(pair.at(part).is_array() && !pair.at(part).empty(), std::string(part) + " is empty");
    for (const auto& message : pair.at(part)) {
      check_message(message);
      digests += hash.of(message.dump());
    }
  }
  return content_hash(hash, pair.at("prompt").size(), digests);
}

void check_number(const Ordered& object, const char* key, const std::string& name,
                  std::int64_t least = 0) {
  const auto& value = object.at(key);
  require(value.is_number_integer() && value >= least,
          name + "." + key + " is no whole number from " + std::to_string(least));
}

void check_tokens(const Ordered& tokens) {
  const std::string name = "metadata.tokens";
  check_keys(tokens, name, {"known", "input", "output", "cache_read", "cache_write", "reasoning"});
  require(tokens.at("known").is_boolean(), name + ".known is neither true nor false");
  for (const auto* key : {"input", "output", "cache_read", "cache_write", "reasoning"})
    check_number(tokens, key, name);
}

void check_store(const Ordered& store) {
  check_keys(store, "metadata.store", {"kind", "path"});
  const auto& kind = text_in(store, "kind", "metadata.store");
  const auto kinds = {Store::Kind::database, Store::Kind::snapshot, Store::Kind::transcript,
                      Store::Kind::export_};
  require(std::any_of(kinds.begin(), kinds.end(), [&](auto each) { return to_text(each) == kind; }),
          "metadata.store.kind is no kind of store");
  require(!text_in(store, "path", "metadata.store").empty(), "metadata.store.path is empty");
}

// A rule's name is any: another version may have had it.
void check_redactions(const Ordered& redactions) {
  require(redactions.is_array(), "metadata.redactions is no list");
  for (const auto& each : redactions) {
    check_keys(each, "a redaction", {"rule", "count"});
    require(!text_in(each, "rule", "a redaction").empty(), "a redaction has no rule");
    check_number(each, "count", "a redaction", 1);
  }
}

void check_trajectory(const Ordered& trajectory) {
  require(trajectory.is_array(), "metadata.tool_call_trajectory is no list");
  for (const auto& step : trajectory) {
    check_keys(step, "a step", {"id", "name", "outcome", "result_bytes"});
    for (const auto* key : {"id", "name", "outcome"}) (void)text_in(step, key, "a step");
    check_number(step, "result_bytes", "a step");
  }
}

void check_forms(const Ordered& metadata) {
  check_tokens(metadata.at("tokens"));
  check_store(metadata.at("store"));
  check_redactions(metadata.at("redactions"));
  check_trajectory(metadata.at("tool_call_trajectory"));
  check_number(metadata, "turn", "metadata", 1);
  check_number(metadata, "context_messages", "metadata");
  check_number(metadata, "context_left_out", "metadata");
  for (const auto* key : {"timestamp_of", "descent"}) check_said(metadata, key, key);
}

void check_metadata(const Ordered& metadata, Consent least) {
  check_keys(metadata, "metadata",
             {"id",
              "tokens",
              "schema",
              "session_id",
              "turn",
              "timestamp",
              "timestamp_of",
              "model_provider",
              "model_name",
              "consent_level",
              "consent_rule",
              "license",
              "source",
              "descent",
              "store",
              "context_messages",
              "context_left_out",
              "tool_call_trajectory",
              "redactions",
              "chain"});
  require(text_in(metadata, "schema", "metadata") == kPairSchema,
          "its schema is not " + std::string(kPairSchema));
  check_said(metadata, "session_id", "session");
  check_said(metadata, "model_name", "model");
  check_said(metadata, "model_provider", "provider");
  check_said(metadata, "source", "source");
  check_said(metadata, "license", "licence");
  check_said(metadata, "consent_rule", "rule that consents");
  require(timmy::parse_time(text_in(metadata, "timestamp", "metadata")).has_value(),
          "no time: metadata.timestamp");
  const auto consent = consent_named(text_in(metadata, "consent_level", "metadata"));
  require(consent && *consent != Consent::none, "no consent: metadata.consent_level");
  require(*consent >= least, "consent is less than least_consent: metadata.consent_level");
  check_forms(metadata);
}

void check_chain(const Ordered& metadata, const std::string& content, Sha256& hash) {
  const Ordered& chain = metadata.at("chain");
  check_keys(chain, "metadata.chain", {"lineage", "before", "rows", "after", "content_sha256"});
  auto at = text_in(chain, "before", "metadata.chain");
  require(is_hash(at), "metadata.chain.before is no hash");
  require(chain.at("rows").is_array() && !chain.at("rows").empty(),
          "no anchor: metadata.chain.rows is empty");
  for (const auto& row : chain.at("rows")) {
    check_keys(row, "a row of the chain", {"anchor", "sha256"});
    require(!text_in(row, "anchor", "a row").empty(), "no anchor: a row's is empty");
    require(is_hash(text_in(row, "sha256", "a row")), "a row's sha256 is no hash");
    at = chain_next(hash, at, row.at("sha256").get_ref<const std::string&>());
  }
  require(at == text_in(chain, "after", "metadata.chain"),
          "the chain does not lead from \"before\" to \"after\" over its rows");
  require(content == text_in(chain, "content_sha256", "metadata.chain"),
          "prompt and response are not those that content_sha256 was made of");
}

void check_id(Ordered metadata, const std::string& content, Sha256& hash) {
  const std::string id = text_in(metadata, "id", "metadata");
  metadata.erase("id");
  metadata.erase("tokens");
  require(id == pair_id(hash, content, metadata.dump()), "metadata is not what its id was made of");
}

Ordered parsed(std::string_view line) {
  try {
    return Ordered::parse(line, [](int depth, Ordered::parse_event_t, Ordered&) {
      require(depth <= kDeepest, "nested deeper than " + std::to_string(kDeepest));
      return true;
    });
  } catch (const Ordered::exception& error) {
    throw Offence(std::string("no JSON: ") + error.what());
  }
}

[[noreturn]] void refuse(const std::filesystem::path& path, std::int64_t line,
                         const std::string& why) {
  throw timmy::Permanent("offence", path.string() + ":" + std::to_string(line) + ": " + why);
}

struct Sums {
  std::int64_t pairs = 0, bytes = 0;
  std::string sha256;
};

Sums check_lines(const std::filesystem::path& path, const Settings& settings,
                 const std::function<std::string(std::string_view line)>& further,
                 const ByteProgress& progress) {
  Sums sums;
  Sha256 hash, of_file;
  each_line(path, kLongestLine, [&](const Line& line) {
    if (line.text.size() > kLongestLine)
      refuse(path, line.number, "the line has more than 83 MiB, which no pair has");
    if (!line.whole) refuse(path, line.number, "the file ends inside this line");
    auto why = offence_in(line.text, settings.least_consent, hash);
    if (why.empty()) why = further(line.text);
    if (!why.empty()) refuse(path, line.number, why);
    of_file.update(line.text);
    of_file.update("\n");
    ++sums.pairs;
    sums.bytes += static_cast<std::int64_t>(line.text.size()) + 1;
    progress(sums.bytes);
    return true;
  });
  sums.sha256 = of_file.hex();
  return sums;
}

// Of what the index says of a line.
std::string index_offence(const Index& index, const OutputFile& file, std::string_view line) {
  const auto key = key_of(line);
  const auto known = index.find(key.digest);
  if (!known || known->id != key.id || known->file != file.number)
    return "the index does not have this pair here";
  return "";
}

// The first pair that the policy of today does not allow as its line says.
std::string policy_offence(const Index& index, const Judge& judge) {
  std::int64_t at = 0;
  for (auto sessions = index.emitted_after(at, 1000); !sessions.empty();
       sessions = index.emitted_after(at, 1000)) {
    for (const auto& session : sessions) {
      const auto lineage =
          lineage_of(session.kin, [&](const std::string& id) -> std::optional<Kin> {
            const auto known = index.session(id);
            return known ? std::optional(known->kin) : std::nullopt;
          });
      for (const auto& pair : index.pairs_of(session.key)) {
        const auto decision = lineage ? judge.consent(*lineage, pair.until) : Decision{};
        if (decision.consent != pair.consent)
          return "session " + session.kin.id + " is not consented to as its pairs say";
      }
    }
    at = sessions.back().key;
  }
  return "";
}

// Only reads it: what a run that was ended left there is the next run's to find.
std::unique_ptr<const Index> index_of(const Manifest& manifest, const Settings& settings) {
  const auto path = settings.folder / "manifest.json";
  auto index = Index::as_of(settings.folder / "index.db", manifest.generation);
  if (!index && manifest.generation > 0)
    refuse(path, 1, "the index knows less than the manifest; run provenance_ingest");
  if (index && index->is_ahead())
    refuse(path, 1, "a run was ended midway, and what it saw is not here; run provenance_ingest");
  return index;
}

void check_policy(const Index& index, const Settings& settings) {
  const auto policy = ConsentPolicy::load(settings.policy);
  if (policy.problem()) refuse(settings.policy, 1, *policy.problem());
  const auto why = policy_offence(index, Judge(settings, policy));
  if (!why.empty()) refuse(settings.policy, 1, why + "; run provenance_ingest");
}

}  // namespace

std::string offence_in(std::string_view line, Consent least, Sha256& hash) {
  try {
    const Ordered pair = parsed(line);
    check_keys(pair, "a line", {"prompt", "response", "metadata"});
    check_metadata(pair.at("metadata"), least);
    const auto content = content_of(pair, hash);
    check_chain(pair.at("metadata"), content, hash);
    check_id(pair.at("metadata"), content, hash);
    require(pair.dump() == line, "the line is not in the form that it was written in");
    return "";
  } catch (const Offence& offence) {
    return offence.what();
  } catch (const Ordered::exception& error) {
    return error.what();
  }
}

Json validate_file(const std::filesystem::path& path, const Settings& settings,
                   const ByteProgress& progress) {
  const auto sums = check_lines(
      path, settings, [](std::string_view) { return ""; }, progress);
  return {{"file", path.string()},
          {"pairs", sums.pairs},
          {"bytes", sums.bytes},
          {"sha256", sums.sha256}};
}

Json validate_output(const Settings& settings, const ByteProgress& progress) {
  const FolderLock lock(settings.folder);
  const Output output(settings, [](std::string_view) {});
  const Manifest& manifest = output.manifest();
  const auto manifest_path = settings.folder / "manifest.json";
  const auto index = index_of(manifest, settings);  // none: nothing came out yet
  std::int64_t done = 0;
  for (const auto& file : manifest.files) {
    const auto path = output.path_of(file);
    const auto sums = check_lines(
        path, settings, [&](std::string_view line) { return index_offence(*index, file, line); },
        [&](std::int64_t bytes) { progress(done + bytes); });
    done += sums.bytes;
    if (sums.pairs != file.pairs || sums.sha256 != file.sha256)
      refuse(path, sums.pairs, "the file is not the one that the manifest lists");
  }
  if (index && index->totals().pairs != manifest.pairs())
    refuse(manifest_path, 1, "the index has other pairs than the files");
  if (manifest.pairs() > 0) check_policy(*index, settings);
  return {{"pairs", manifest.pairs()},
          {"files", manifest.files.size()},
          {"bytes", manifest.bytes()},
          {"generation", manifest.generation}};
}

}  // namespace provenance
