// SPDX-License-Identifier: Apache-2.0
#include "manifest_file.hpp"

#include <timmy/failure.hpp>

#include "files.hpp"
#include "redaction_rules.hpp"

namespace provenance {
namespace {

using timmy::Json;

constexpr const char* kForm = "timmy-provenance/1";
constexpr std::size_t kLargest = 256 << 20;

RedactionCounts redactions_from(const Json& json) {
  RedactionCounts counts(redaction_rules().size());
  for (std::size_t rule = 0; rule < counts.size(); ++rule)
    counts[rule] = json.value(redaction_rules()[rule].name, 0u);
  return counts;
}

OutputFile file_from(const Json& json) {
  OutputFile file;
  file.number = json.at("number");
  file.name = json.at("name");
  file.bytes = json.at("bytes");
  file.pairs = json.at("pairs");
  file.sha256 = json.at("sha256");
  file.redactions = redactions_from(json.at("redactions"));
  if (file.name.find('/') != std::string::npos) throw std::runtime_error("a name with a /");
  return file;
}

Manifest manifest_from(const Json& json) {
  if (json.at("form") != kForm) throw std::runtime_error("its form is not " + std::string(kForm));
  Manifest manifest;
  manifest.generation = json.at("generation");
  manifest.terms = json.at("terms");
  manifest.about = {{"policy", json.at("policy")},
                    {"counts", json.at("counts")},
                    {"sources", json.at("sources")}};
  manifest.withdrawals = json.at("withdrawals");
  for (const auto& file : json.at("files")) manifest.files.push_back(file_from(file));
  return manifest;
}

}  // namespace

std::filesystem::path path_of(const std::filesystem::path& folder, const OutputFile& file) {
  return folder / "pairs" / file.name;
}

Json redactions_json(const RedactionCounts& counts) {
  Json json = Json::object();
  for (std::size_t rule = 0; rule < counts.size(); ++rule)
    if (counts[rule] != 0) json[redaction_rules()[rule].name] = counts[rule];
  return json;
}

Manifest Manifest::load(const std::filesystem::path& path) {
  const auto text = read_if_there(path, kLargest);
  if (!text) return {};
  try {
    return manifest_from(Json::parse(*text));
  } catch (const std::exception& error) {
    throw timmy::Permanent("damaged", path.string() + " is no manifest of provenance (" +
                                          error.what() + "); put it back from a copy, or move " +
                                          path.parent_path().string() + " away to begin anew");
  }
}

void Manifest::save(const std::filesystem::path& path) const {
  write_file(path, to_json().dump(1) + "\n");
}

Json Manifest::to_json() const {
  Json all{{"form", kForm},
           {"generation", generation},
           {"tool", {{"name", "provenance"}, {"version", PROVENANCE_VERSION}}},
           {"terms", terms},
           {"withdrawals", withdrawals},
           {"files", Json::array()}};
  for (const auto* key : {"policy", "counts", "sources"}) all[key] = about.value(key, Json());
  for (const auto& file : files)
    all["files"].push_back({{"number", file.number},
                            {"name", file.name},
                            {"bytes", file.bytes},
                            {"pairs", file.pairs},
                            {"sha256", file.sha256},
                            {"redactions", redactions_json(file.redactions)}});
  return all;
}

std::int64_t Manifest::pairs() const {
  std::int64_t sum = 0;
  for (const auto& file : files) sum += file.pairs;
  return sum;
}

std::int64_t Manifest::bytes() const {
  std::int64_t sum = 0;
  for (const auto& file : files) sum += file.bytes;
  return sum;
}

RedactionCounts Manifest::redactions() const {
  RedactionCounts sum(redaction_rules().size());
  for (const auto& file : files)
    for (std::size_t rule = 0; rule < sum.size(); ++rule) sum[rule] += file.redactions[rule];
  return sum;
}

const OutputFile* Manifest::file(std::int64_t number) const {
  for (const auto& file : files)
    if (file.number == number) return &file;
  return nullptr;
}

}  // namespace provenance
