#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A straightforward reader of Hermes' sessions, for provenance.vs_python: it makes the very bytes that the
plugin makes of the home that bench/provenance_home.cpp makes, by docs/provenance.md and docs/provenance-stores.md.

Usage: provenance_peer.py HOME OUT SOURCES. SOURCES is the plugin's folder: the patterns of redaction and of the
filters are read out of it. Prints {"seconds", "pairs"}; the interpreter's start is not counted.
"""
import datetime
import hashlib
import hmac
import ipaddress
import json
import os
import re
import sqlite3
import struct
import sys
import time

FILE_BYTES, FILE_PAIRS, MOST_CONTEXT, MOST_PAIR = 64 << 20, 100_000, 128 << 10, 1 << 20
ROW_KEY = bytes(32)
RULE, LICENSE, OWN = "own", "CC-BY-SA-4.0", ("acp", "cli", "cron", "kanban", "tool")


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def sha256(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()


# Redaction.

def is_phone(text):
    return 8 <= sum(c.isdigit() for c in text) <= 15


def is_ipv6(text):
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return bool(re.search("[0-9]", text)) and text != "::1" and (text.count(":") >= 3 or text.find(":") == 4)


def is_password(text):
    return not (text.startswith("[REDACTED:") and text.find("]") == len(text) - 1) and not text.startswith("--")


MEANT = {
    "password": is_password,
    "authorization": lambda t: t.lower() not in ("bearer", "basic", "digest", "negotiate"),
    "assigned_secret": lambda t: bool(re.search("[0-9]", t)) or len(t) >= 24,
    "email": lambda t: not t.startswith("git@"),
    "ipv4": lambda t: not t.startswith("127.") and t not in ("0.0.0.0", "255.255.255.255"),
    "ipv6": is_ipv6,
    "phone": is_phone,
}
SECRET_NAME = re.compile(
    r"(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|"
    r"credential|authorization)$", re.I)
TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?|-?[0-9][^,}\] \t\r\n]*|[,{}\[\]]', re.S)


def raw_strings(path):
    with open(path, encoding="utf-8") as file:
        return re.findall(r'R"(?:re)?\((.*?)\)(?:re)?"', file.read(), re.S)


class Redactor:
    def __init__(self, sources):
        with open(os.path.join(sources, "redaction_rules.cpp"), encoding="utf-8") as file:
            found = re.findall(r'\{"([a-z0-9_]+)",\s*R"\((.*?)\)",', file.read(), re.S)
        self.rules = [(name, re.compile(pattern, re.A)) for name, pattern in found]
        assert len(self.rules) == 16, len(self.rules)

    def redact(self, text, counts, depth=0):
        if depth < 4 and text.lstrip(" \t\r\n")[:1] in ("{", "["):
            try:
                json.loads(text)
            except ValueError:
                pass
            else:
                return self.redact_json(text, counts, depth)
        for name, pattern in self.rules:
            text = self.apply(name, pattern, text, counts)
        return text

    def apply(self, name, pattern, text, counts):
        grouped = pattern.groups >= 2
        meant = MEANT.get(name)

        def replace(match):
            whole = match.group()
            group = match.lastindex if grouped else 0
            begin = match.start(group)
            if not grouped:
                begin = behind_escape(text, begin, match.end())
            end = match.end(group)
            found = text[begin:end]
            if not found or (meant and not meant(found)):
                return whole
            counts[name] = counts.get(name, 0) + 1
            return text[match.start():begin] + "[REDACTED:%s]" % name + text[end:match.end()]

        return pattern.sub(replace, text)

    # Of JSON only the strings, as they are meant; all else stays as it stands.
    def redact_json(self, text, counts, depth):
        secret = False

        def replace(match):
            nonlocal secret
            token = match.group()
            if token[0] != '"':
                if token in ",{[}]":
                    secret = False
                elif secret:
                    secret = False
                    counts["assigned_secret"] = counts.get("assigned_secret", 0) + 1
                    return '"[REDACTED:assigned_secret]"'
                return token
            literal, colon = match.group(1), match.group(2) or ""
            if secret and literal and not literal.startswith("[REDACTED:"):
                secret = False
                counts["assigned_secret"] = counts.get("assigned_secret", 0) + 1
                return '"[REDACTED:assigned_secret]"' + colon
            meant = json.loads('"' + literal + '"')
            left = self.redact(meant, counts, depth + 1)
            secret = bool(colon) and len(meant) <= 256 and bool(SECRET_NAME.search(meant))
            return (compact(left) if left != meant else '"' + literal + '"') + colon

        return TOKEN.sub(replace, text)


def behind_escape(text, begin, end):
    if begin < end and text[begin] == "\\":
        return min(begin + 2, end)
    backslashes = len(text[:begin]) - len(text[:begin].rstrip("\\"))
    return begin + backslashes % 2


# The filters.

class Filters:
    def __init__(self, sources):
        patterns = raw_strings(os.path.join(sources, "curation.cpp"))
        self.error, self.refusal = (re.compile(p.replace(r"\xe2\x80\x99", "\u2019"), re.A) for p in patterns)

    def reason(self, turn):
        last = turn["messages"][-1]
        opening = last["content"].encode()[:400].decode(errors="ignore")
        if last["finish_reason"] == "length":
            return "truncated"
        if last["finish_reason"] in ("error", "content_filter") or self.error.search(opening):
            return "error"
        if not last["content"]:
            return "short_answer"
        if self.refusal.search(opening):
            return "refusal"
        calls = [(c["name"], c["arguments"]) for c, _ in turn["steps"]]
        if any(len(set(calls[i:i + 4])) == 1 for i in range(len(calls) - 3)):
            return "loop"
        words = [m["content"] for m in turn["messages"] if m["role"] == "assistant" and len(m["content"]) >= 8]
        lines = [line for line in last["content"].split("\n") if len(line) >= 8]
        if any(words.count(w) >= 3 for w in words) or any(lines.count(line) >= 20 for line in set(lines)):
            return "loop"
        return ""


# The stores.

def hash_row(values):
    data = []
    for value in values:
        if value is None:
            data.append(b"n")
        elif isinstance(value, int):
            data.append(b"i" + struct.pack(">q", value))
        elif isinstance(value, float):
            data.append(b"r" + struct.pack(">d", value))
        else:
            text = value.encode()
            data.append(b"t" + struct.pack(">Q", len(text)) + text)
    return hashlib.sha256(b"".join(data)).hexdigest()


def calls_of(raw):
    calls = json.loads(raw) if isinstance(raw, str) else raw or []
    return [{"id": c["id"], "name": c["function"]["name"], "arguments": c["function"]["arguments"]} for c in calls]


def sessions_of_database(path):
    db = sqlite3.connect("file:" + path + "?mode=ro&immutable=1", uri=True)
    kin = {}
    for row in db.execute("SELECT id, source, model, billing_provider, parent_session_id, started_at, input_tokens, "
                          "output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, model_config "
                          "FROM sessions ORDER BY rowid"):
        tokens = dict(zip(("input", "output", "cache_read", "cache_write", "reasoning"), row[6:11]))
        session = {"id": row[0], "source": row[1], "model": row[2], "provider": row[3] or "unknown", "parent": row[4],
                   "started": row[5], "store": ("database", path), "messages": [],
                   "descent": "subagent" if row[4] else "none",
                   "tokens": {"known": any(tokens.values()), **tokens}}
        kin[row[0]] = session["parent"], session["source"]
        for m in db.execute("SELECT id, session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, "
                            "finish_reason FROM messages WHERE session_id = ? ORDER BY id", (row[0],)):
            session["messages"].append({
                "role": m[2], "content": m[3] or "", "call_id": m[4] or "", "calls": calls_of(m[5]), "at": m[7],
                "finish_reason": m[8] or "", "anchor": "messages:%d" % m[0], "sha256": hash_row(m)})
        session["lineage"] = []
        parent = session["parent"]
        while parent:
            session["lineage"].append(parent)
            parent = kin[parent][0]
        session["sources"] = [session["source"]] + [kin[p][1] for p in session["lineage"]]
        yield session


def sessions_of_folder(folder):
    def key(name):
        data = name.encode()
        return hashlib.sha256(b"t" + struct.pack(">Q", len(data)) + data).digest()[:8]

    decoder = json.JSONDecoder()
    names = [n for n in os.listdir(folder) if n.startswith("session_") and n.endswith(".json")]
    for name in sorted(names, key=key):
        path = os.path.join(folder, name)
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read()
        whole = json.loads(text)
        session = {"id": name[8:-5], "source": whole["platform"], "model": whole["model"],
                   "provider": whole["base_url"], "descent": "none", "lineage": [], "sources": [whole["platform"]],
                   "started": datetime.datetime.fromisoformat(whole["session_start"]).timestamp(),
                   "store": ("snapshot", path), "messages": [],
                   "tokens": {"known": False, "input": 0, "output": 0, "cache_read": 0, "cache_write": 0,
                              "reasoning": 0}}
        at = text.index("[", text.index('"messages"')) + 1
        for number, m in enumerate(whole["messages"]):
            at = text.index("{", at)
            _, end = decoder.raw_decode(text, at)
            session["messages"].append({
                "role": m["role"], "content": m["content"] or "", "call_id": m.get("tool_call_id", ""), "at": None,
                "calls": calls_of(m.get("tool_calls")), "finish_reason": m.get("finish_reason") or "",
                "anchor": "/messages/%d" % number, "sha256": sha256(text[at:end])})
            at = end
        yield session


# Pairs.

def outcome_of(result):
    if not result.startswith("{"):
        return "ok"
    value = json.loads(result)
    return "error" if value.get("error") or value.get("exit_code") else "ok"


def turns_of(session):
    """Messages as trainers see them, each with its rows; and where turns begin."""
    rows, results, opened = session["messages"], {}, {}
    for number, row in enumerate(rows):
        for call in range(len(row["calls"])):
            opened.setdefault(row["calls"][call]["id"], []).append((number, call))
        if row["role"] == "tool" and opened.get(row["call_id"]):
            results[opened[row["call_id"]].pop()] = number
    entries, turns, turn = [], [], None
    for number, row in enumerate(rows):
        if row["role"] == "tool":
            continue
        if row["role"] == "user":
            if turn is None or turn["answer"] is not None:
                turn = {"prompt": len(entries), "answer": None, "first": number, "last": number, "steps": []}
                turns.append(turn)
        elif row["role"] == "assistant" and turn is not None and turn["answer"] is None:
            turn["answer"] = len(entries)
        entries.append((row, row["calls"], None))
        if turn is not None:
            turn["last"] = max(turn["last"], number)
        for call, what in enumerate(row["calls"]):
            result = results[(number, call)]
            entries.append((rows[result], [], what))
            turn["steps"].append((what, rows[result]["content"]))
            turn["last"] = max(turn["last"], result)
        if turn is not None:
            turn["end"] = len(entries)
    for each in turns:
        each["messages"] = [entry[0] for entry in entries[each["answer"]:each["end"]]]
    return entries, turns


def time_text(seconds):
    at = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (at.microsecond // 1000)


class Maker:
    def __init__(self, out, sources):
        self.out, self.redactor, self.filters = out, Redactor(sources), Filters(sources)
        self.seen, self.lines, self.bytes, self.files, self.pairs = set(), [], 0, 0, 0

    def message(self, entry):
        row, calls, answers = entry
        counts = {}
        text = compact({
            "role": row["role"], "content": self.redactor.redact(row["content"], counts),
            "tool_calls": [{"id": c["id"], "type": "function",
                            "function": {"name": c["name"],
                                         "arguments": self.redactor.redact(c["arguments"], counts)}}
                           for c in calls],
            "tool_call_id": answers["id"] if answers else "", "name": answers["name"] if answers else ""})
        return text, sha256(text), counts

    def take(self, session):
        if any(source not in OWN for source in session["sources"]):
            return
        entries, turns = turns_of(session)
        made = [self.message(entry) for entry in entries]
        chain = [sha256("timmy-chain/1\n" + session["id"])]
        for row in session["messages"]:
            row["sealed"] = hmac.new(ROW_KEY, row["sha256"].encode(), "sha256").hexdigest()
            chain.append(sha256(chain[-1] + row["sealed"]))
        head = 0
        while head < len(entries) and entries[head][0]["role"] == "system":
            head += 1
        for number, turn in enumerate(turns):
            if not self.filters.reason(turn):
                self.pair(session, turns, number, made, chain, head)

    def pair(self, session, turns, number, made, chain, head):
        turn = turns[number]

        def size(first, last):
            return len(",".join(m[0] for m in made[first:last]).encode())

        start = head
        for begin in [t["prompt"] for t in turns[:number + 1]]:
            if size(start, turn["prompt"]) <= MOST_CONTEXT:
                break
            start = begin
        prompt = made[:head] + made[start:turn["answer"]]
        response = made[turn["answer"]:turn["end"]]
        content = sha256("timmy-content/1\n%d\n" % len(prompt) + "".join(m[1] for m in prompt + response))
        counts = {}
        for message in prompt + response:
            for name, count in message[2].items():
                counts[name] = counts.get(name, 0) + count
        rows = session["messages"][turn["first"]:turn["last"] + 1]
        at = session["messages"][turn["first"]]["at"]
        metadata = {
            "schema": "timmy-pair/1", "session_id": session["id"], "turn": number + 1,
            "timestamp": time_text(session["started"] if at is None else at),
            "timestamp_of": "session" if at is None else "turn",
            "model_provider": session["provider"], "model_name": session["model"], "consent_level": "internal",
            "consent_rule": RULE, "license": LICENSE, "source": session["source"], "descent": session["descent"],
            "store": {"kind": session["store"][0], "path": self.redactor.redact(session["store"][1], {})},
            "context_messages": head + turn["prompt"] - start, "context_left_out": start - head,
            "tool_call_trajectory": [{"id": c["id"], "name": c["name"], "outcome": outcome_of(r),
                                      "result_bytes": len(r.encode())} for c, r in turn["steps"]],
            "redactions": [{"rule": name, "count": counts[name]} for name, _ in self.redactor.rules
                           if name in counts],
            "chain": {"lineage": session["lineage"], "before": chain[turn["first"]],
                      "rows": [{"anchor": r["anchor"], "sha256": r["sealed"]} for r in rows],
                      "after": chain[turn["last"] + 1], "content_sha256": content}}
        if content in self.seen:
            return
        self.seen.add(content)
        head_of = {"id": sha256("timmy-pair/1\n" + content + "\n" + compact(metadata)), "tokens": session["tokens"]}
        self.add('{"prompt":[' + ",".join(m[0] for m in prompt) + '],"response":[' +
                 ",".join(m[0] for m in response) + '],"metadata":' + compact({**head_of, **metadata}) + "}\n")

    def add(self, line):
        data = line.encode()
        if self.lines and (self.bytes + len(data) > FILE_BYTES or len(self.lines) >= FILE_PAIRS):
            self.flush()
        self.lines.append(data)
        self.bytes += len(data)
        self.pairs += 1

    def flush(self):
        if not self.lines:
            return
        self.files += 1
        data = b"".join(self.lines)
        name = "pairs-%06d-%s.jsonl" % (self.files, sha256(data)[:12])
        with open(os.path.join(self.out, name), "wb") as file:
            file.write(data)
        self.lines, self.bytes = [], 0


def main(home, out, sources):
    begin = time.perf_counter()
    os.makedirs(out, exist_ok=True)
    maker = Maker(out, sources)
    for session in sessions_of_database(os.path.join(home, "state.db")):
        maker.take(session)
    for session in sessions_of_folder(os.path.join(home, "sessions")):
        maker.take(session)
    maker.flush()
    print(json.dumps({"seconds": time.perf_counter() - begin, "pairs": maker.pairs}))


main(*sys.argv[1:])
