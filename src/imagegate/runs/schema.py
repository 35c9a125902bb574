"""The tables of ``index.sqlite``."""

from __future__ import annotations

APPLICATION = 0x49476978
"""``IGix``: whose file it is (``PRAGMA application_id``)."""

VERSION = 1
"""Counted up with every change of the tables: an index of any other version is made anew."""

TABLES = """
CREATE TABLE runs(
  id TEXT PRIMARY KEY, command TEXT NOT NULL, policy TEXT NOT NULL, policy_version INTEGER NOT NULL,
  policy_digest TEXT NOT NULL, started TEXT NOT NULL, finished TEXT NOT NULL, complete INTEGER NOT NULL,
  interrupted INTEGER NOT NULL, exit_code INTEGER NOT NULL, selected INTEGER NOT NULL, seen INTEGER NOT NULL,
  deselected INTEGER NOT NULL, counts TEXT NOT NULL, standing TEXT NOT NULL, catalogs TEXT NOT NULL,
  size INTEGER NOT NULL, changed INTEGER NOT NULL,
  fail_pairs BLOB NOT NULL, fail_problems BLOB NOT NULL, fail_codes BLOB NOT NULL, good BLOB NOT NULL,
  blind BLOB NOT NULL);
CREATE INDEX runs_in_order ON runs(policy, command, finished, id);
CREATE TABLE ignored(id TEXT PRIMARY KEY, size INTEGER NOT NULL, changed INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE TABLE checks(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, title TEXT NOT NULL);
CREATE TABLE targets(
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, ident TEXT NOT NULL, name TEXT NOT NULL,
  cloud TEXT, region TEXT, owner TEXT);
CREATE TABLE pairs(
  id INTEGER PRIMARY KEY, "check" INTEGER NOT NULL, target INTEGER NOT NULL, UNIQUE("check", target));
CREATE TABLE problems(
  id INTEGER PRIMARY KEY, pair INTEGER NOT NULL, fingerprint BLOB NOT NULL, subjects TEXT NOT NULL,
  UNIQUE(pair, fingerprint));
CREATE TABLE spans(
  policy TEXT NOT NULL, pair INTEGER NOT NULL, since TEXT NOT NULL, until TEXT,
  PRIMARY KEY(policy, pair, since)) WITHOUT ROWID;
CREATE INDEX spans_open ON spans(policy, pair) WHERE until IS NULL;
CREATE TABLE deltas(
  run TEXT NOT NULL, base TEXT NOT NULL, new INTEGER NOT NULL, changed INTEGER NOT NULL, same INTEGER NOT NULL,
  resolved INTEGER NOT NULL, PRIMARY KEY(run, base)) WITHOUT ROWID;
"""
"""
``runs`` has the numbers of the pairs that failed, with the problem and a code (severity, waived) of each, of those that
were in order, and of those that could not be judged. ``size`` and ``changed`` (nanoseconds) are those of report.json
when it was read. A row of ``spans`` is a time during which a pair was a fail (waived or not) under a policy: from the
end of the first run that saw it to the end of the first that saw it in order. ``deltas`` keeps counts of comparisons.
"""

INCOMING = """
CREATE TEMP TABLE IF NOT EXISTS in_checks(n INTEGER PRIMARY KEY, name TEXT, title TEXT);
CREATE TEMP TABLE IF NOT EXISTS in_targets(
  n INTEGER PRIMARY KEY, key TEXT, kind TEXT, ident TEXT, name TEXT, cloud TEXT, region TEXT, owner TEXT);
CREATE TEMP TABLE IF NOT EXISTS incoming(
  c INTEGER, t INTEGER, state INTEGER, severity INTEGER, fingerprint BLOB, subjects TEXT, PRIMARY KEY(c, t));
DELETE FROM in_checks; DELETE FROM in_targets; DELETE FROM incoming;
"""
"""One run on its way in: what is in temporary tables holds no lock on the index."""

INTERN = """
INSERT INTO checks(name, title) SELECT name, title FROM in_checks WHERE true
  ON CONFLICT(name) DO UPDATE SET title = excluded.title WHERE title <> excluded.title;
INSERT INTO targets(key, kind, ident, name, cloud, region, owner)
  SELECT key, kind, ident, name, cloud, region, owner FROM in_targets WHERE true ORDER BY n
  ON CONFLICT(key) DO UPDATE SET
    name = excluded.name, cloud = excluded.cloud, region = excluded.region, owner = excluded.owner
  WHERE name <> excluded.name OR cloud IS NOT excluded.cloud OR region IS NOT excluded.region
    OR owner IS NOT excluded.owner;
INSERT OR IGNORE INTO pairs("check", target)
  SELECT checks.id, targets.id FROM incoming
  JOIN in_checks ON in_checks.n = c JOIN checks USING(name)
  JOIN in_targets ON in_targets.n = t JOIN targets USING(key) ORDER BY targets.id, checks.id;
INSERT OR IGNORE INTO problems(pair, fingerprint, subjects)
  SELECT pairs.id, fingerprint, subjects FROM incoming
  JOIN in_checks ON in_checks.n = c JOIN checks USING(name)
  JOIN in_targets ON in_targets.n = t JOIN targets USING(key)
  JOIN pairs ON pairs."check" = checks.id AND pairs.target = targets.id
  WHERE fingerprint IS NOT NULL ORDER BY pairs.id;
"""

NUMBERED = """
SELECT pairs.id, state, severity, problems.id FROM incoming
  JOIN in_checks ON in_checks.n = c JOIN checks USING(name)
  JOIN in_targets ON in_targets.n = t JOIN targets USING(key)
  JOIN pairs ON pairs."check" = checks.id AND pairs.target = targets.id
  LEFT JOIN problems ON problems.pair = pairs.id AND problems.fingerprint = incoming.fingerprint
  ORDER BY pairs.id
"""
