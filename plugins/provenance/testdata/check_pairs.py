#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the hashes of a folder of pairs again, by docs/provenance.md alone, and loads it as trainers do.

Usage: check_pairs.py FOLDER. Without Python's `datasets` it says that it was skipped after the hashes.
"""
import glob
import hashlib
import json
import os
import sys
import tempfile


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def check(line):
    pair = json.loads(line)
    assert compact(pair) == line, "not in its form"
    metadata = pair["metadata"]
    chain = metadata["chain"]
    link = chain["before"]
    for row in chain["rows"]:
        link = sha256(link + row["sha256"])
    assert link == chain["after"], "the chain"
    messages = "".join(sha256(compact(m)) for m in pair["prompt"] + pair["response"])
    content = sha256("timmy-content/1\n%d\n%s" % (len(pair["prompt"]), messages))
    assert content == chain["content_sha256"], "the content"
    rest = {k: v for k, v in metadata.items() if k not in ("id", "tokens")}
    assert metadata["id"] == sha256("timmy-pair/1\n" + content + "\n" + compact(rest)), "the id"
    return pair


def main(folder):
    pairs = []
    for path in sorted(glob.glob(os.path.join(folder, "pairs-*.jsonl"))):
        with open(path, encoding="utf-8") as lines:
            pairs += [check(line.rstrip("\n")) for line in lines]
    assert pairs, "no pairs"
    print("%d pairs, their hashes are right" % len(pairs))
    try:
        import datasets
    except ImportError:
        print("skipped: Python's datasets is not installed")
        return
    with tempfile.TemporaryDirectory() as cache:
        loaded = datasets.load_dataset(folder, split="train", cache_dir=cache)
        for mine, theirs in zip(pairs, loaded, strict=True):
            assert mine == theirs, "loaded as something else"
        print("%d pairs, loaded as they are" % len(loaded))


os.environ.setdefault("HF_HUB_OFFLINE", "1")
main(sys.argv[1])
