-- Times are milliseconds since 1970 (…_at, ts), keys are ours and short, ids are what people and rooms use.
-- Only what both SQLite and PostgreSQL read: TEXT, BIGINT, INTEGER, BOOLEAN, DOUBLE PRECISION, BYTEA.

CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL);
-- 'rooms': rises with every change of a room; who shows rooms asks for what changed since
INSERT INTO counters (name, value) VALUES ('rooms', 0);
-- these rise likewise with every change of a job or an execution, of an alert, of anything that alerts are made from
INSERT INTO counters (name, value) VALUES ('jobs', 0);
INSERT INTO counters (name, value) VALUES ('alerts', 0);
INSERT INTO counters (name, value) VALUES ('rules', 0);
INSERT INTO counters (name, value) VALUES ('layers', 0);

-- who does what only one may do: 'control', 'ingest'. A lease, since a dead process gives nothing back
CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until_at BIGINT NOT NULL);

CREATE TABLE sites (
  key SERIAL_KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  timezone TEXT NOT NULL DEFAULT 'UTC',
  keep_raw_days INTEGER NOT NULL DEFAULT 7,
  keep_5min_days INTEGER NOT NULL DEFAULT 90,
  keep_hours_days INTEGER NOT NULL DEFAULT 730,
  keep_events_days INTEGER NOT NULL DEFAULT 730,
  -- when its rooms may be booked, for how well they are used: days from Monday, 1, and minutes of the day
  open_days TEXT NOT NULL DEFAULT '12345',
  open_from INTEGER NOT NULL DEFAULT 480,
  open_until INTEGER NOT NULL DEFAULT 1080
);

CREATE TABLE rooms (
  key SERIAL_KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL DEFAULT '',
  site INTEGER REFERENCES sites (key),
  floor TEXT NOT NULL DEFAULT '',
  capacity INTEGER,
  -- 'ready', 'meeting', 'warning', 'broken', 'offline', 'new'
  status TEXT NOT NULL DEFAULT 'new',
  status_at BIGINT NOT NULL DEFAULT 0,
  -- 'online', 'offline', 'lost', 'silent' (its reports do not come), 'unknown'
  presence TEXT NOT NULL DEFAULT 'unknown',
  presence_at BIGINT NOT NULL DEFAULT 0,
  -- the newest session at the broker, and the boot it belongs to
  bd BIGINT NOT NULL DEFAULT 0,
  boot TEXT NOT NULL DEFAULT '',
  seen_at BIGINT NOT NULL DEFAULT 0,
  -- it reports, and has not told its state since it began anew: control asks it to tell everything again
  untold BOOLEAN NOT NULL DEFAULT FALSE,
  health_at BIGINT NOT NULL DEFAULT 0,
  -- by which time the next report is due
  due_at BIGINT NOT NULL DEFAULT 0,
  -- our clock less the room's
  skew_ms BIGINT,
  phase TEXT NOT NULL DEFAULT 'unknown',
  issue_count INTEGER NOT NULL DEFAULT 0,
  -- what is worst, for one line of a list
  worst TEXT NOT NULL DEFAULT '',
  -- the version of Salon that it runs
  sw TEXT NOT NULL DEFAULT '',
  -- what the console itself has found wrong, such as two machines with one identity
  trouble TEXT NOT NULL DEFAULT '',
  -- JSON: what the room said, without what this console does not know, texts cleaned
  state TEXT, info TEXT, health TEXT, reported TEXT,
  rev_desired BIGINT NOT NULL DEFAULT 0,
  rev_applied BIGINT NOT NULL DEFAULT 0,
  enrolled_at BIGINT,
  certificate TEXT,
  -- a retired room is not listened to any more
  retired_at BIGINT,
  version BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX rooms_version ON rooms (version);
CREATE INDEX rooms_site ON rooms (site);
-- counts the rooms twice a second without reading what they said
CREATE INDEX rooms_live ON rooms (key) WHERE retired_at IS NULL;
CREATE INDEX rooms_due ON rooms (due_at) WHERE presence = 'online';

-- what the console's authority has signed for rooms: a renewed certificate goes on until it ends, or is revoked
CREATE TABLE certificates (serial TEXT PRIMARY KEY, room TEXT NOT NULL, until_at BIGINT NOT NULL);
CREATE INDEX certificates_room ON certificates (room);

CREATE TABLE room_tags (room INTEGER NOT NULL REFERENCES rooms (key) ON DELETE CASCADE, tag TEXT NOT NULL,
  PRIMARY KEY (room, tag));
CREATE INDEX room_tags_tag ON room_tags (tag);

-- what has arrived of each boot of a room: ranges of numbers such as "1-400,500-812". Each record counts once.
CREATE TABLE boots (
  key SERIAL_KEY,
  room INTEGER NOT NULL REFERENCES rooms (key) ON DELETE CASCADE,
  boot TEXT NOT NULL,
  no BIGINT NOT NULL,
  got TEXT NOT NULL DEFAULT '',
  heard_at BIGINT NOT NULL,
  UNIQUE (room, boot)
);

-- samples are in tables of their own, one a day: see samples.py. 'rolled': up to when they have been summed up, all but
-- those that came late, which are named here
INSERT INTO counters (name, value) VALUES ('rolled', 0);
CREATE TABLE late_samples (room INTEGER NOT NULL, at BIGINT NOT NULL, boot INTEGER NOT NULL, n BIGINT NOT NULL,
  PRIMARY KEY (at, room, boot, n));

-- the processes that are alive, each by itself: when it last said so, since when it does its work, JSON counters
CREATE TABLE pulses (name TEXT PRIMARY KEY, at BIGINT NOT NULL, since_at BIGINT, detail TEXT NOT NULL DEFAULT '{}');

CREATE TABLE events (
  room INTEGER NOT NULL REFERENCES rooms (key) ON DELETE CASCADE,
  -- a key of boots; 0 for what no record of the room says: answers to calls, what the console found
  boot INTEGER NOT NULL,
  n BIGINT NOT NULL,
  -- corrected, when the room's clock was not set
  at BIGINT NOT NULL,
  ts BIGINT NOT NULL,
  heard_at BIGINT NOT NULL,
  type TEXT NOT NULL,
  severity TEXT NOT NULL,
  issue TEXT,
  text TEXT NOT NULL DEFAULT '',
  -- the rest, JSON
  data TEXT,
  PRIMARY KEY (room, boot, n)
);
CREATE INDEX events_at ON events (room, at);
CREATE INDEX events_age ON events (at);

CREATE TABLE meetings (
  room INTEGER NOT NULL REFERENCES rooms (key) ON DELETE CASCADE,
  boot INTEGER NOT NULL,
  n BIGINT NOT NULL,
  at BIGINT NOT NULL,
  meeting TEXT NOT NULL,
  outcome TEXT NOT NULL,
  booked_from BIGINT, booked_until BIGINT, began_at BIGINT, ended_at BIGINT,
  began TEXT NOT NULL DEFAULT 'unknown',
  server TEXT NOT NULL DEFAULT '',
  participants INTEGER NOT NULL DEFAULT 0,
  reconnects INTEGER NOT NULL DEFAULT 0,
  loss DOUBLE PRECISION, worst_loss DOUBLE PRECISION, jitter_ms DOUBLE PRECISION, rtt_ms DOUBLE PRECISION,
  freezes INTEGER NOT NULL DEFAULT 0,
  longest_gap_ms INTEGER NOT NULL DEFAULT 0,
  title TEXT,
  PRIMARY KEY (room, boot, n)
);
CREATE INDEX meetings_at ON meetings (at);
CREATE INDEX meetings_room ON meetings (room, at);

-- a room's use of a day (UTC), a row for each weekday that it is by the room's clock: what can be added up, and the
-- milliseconds in use by hour. Which days have news; for which hours a room's sums are. 'used': before when all is summed up
CREATE TABLE use_days (
  day BIGINT NOT NULL,
  room INTEGER NOT NULL REFERENCES rooms (key) ON DELETE CASCADE,
  weekday INTEGER NOT NULL,
  in_use_ms BIGINT NOT NULL, held INTEGER NOT NULL, booked INTEGER NOT NULL, no_shows INTEGER NOT NULL,
  failed INTEGER NOT NULL, loss DOUBLE PRECISION NOT NULL, loss_n INTEGER NOT NULL,
  jitter DOUBLE PRECISION NOT NULL, jitter_n INTEGER NOT NULL, rtt DOUBLE PRECISION NOT NULL, rtt_n INTEGER NOT NULL,
  reconnects BIGINT NOT NULL, freezes BIGINT NOT NULL, worst_loss DOUBLE PRECISION,
  h0 INTEGER NOT NULL, h1 INTEGER NOT NULL, h2 INTEGER NOT NULL, h3 INTEGER NOT NULL, h4 INTEGER NOT NULL, h5 INTEGER NOT NULL, h6 INTEGER NOT NULL, h7 INTEGER NOT NULL, h8 INTEGER NOT NULL, h9 INTEGER NOT NULL, h10 INTEGER NOT NULL, h11 INTEGER NOT NULL,
  h12 INTEGER NOT NULL, h13 INTEGER NOT NULL, h14 INTEGER NOT NULL, h15 INTEGER NOT NULL, h16 INTEGER NOT NULL, h17 INTEGER NOT NULL, h18 INTEGER NOT NULL, h19 INTEGER NOT NULL, h20 INTEGER NOT NULL, h21 INTEGER NOT NULL, h22 INTEGER NOT NULL, h23 INTEGER NOT NULL,
  PRIMARY KEY (day, room, weekday)
);
CREATE INDEX use_days_room ON use_days (room);
CREATE TABLE use_marks (day BIGINT NOT NULL, room INTEGER NOT NULL REFERENCES rooms (key) ON DELETE CASCADE,
  PRIMARY KEY (day, room));
CREATE TABLE use_hours (room INTEGER PRIMARY KEY REFERENCES rooms (key) ON DELETE CASCADE, hours TEXT NOT NULL);
INSERT INTO counters (name, value) VALUES ('used', 0);
INSERT INTO counters (name, value) VALUES ('used_at', 0);
-- when old things were last forgotten, and since when the clock is suspect
INSERT INTO counters (name, value) VALUES ('forgot_at', 0);
INSERT INTO counters (name, value) VALUES ('jumped_at', 0);

CREATE TABLE files (
  key SERIAL_KEY,
  room INTEGER NOT NULL REFERENCES rooms (key) ON DELETE CASCADE,
  file TEXT NOT NULL,
  job TEXT NOT NULL,
  name TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size BIGINT NOT NULL,
  chunks INTEGER NOT NULL,
  at BIGINT NOT NULL,
  UNIQUE (room, file)
);
CREATE TABLE file_chunks (file INTEGER NOT NULL REFERENCES files (key) ON DELETE CASCADE, place INTEGER NOT NULL,
  data BYTEA NOT NULL, PRIMARY KEY (file, place));

CREATE TABLE jobs (
  key SERIAL_KEY,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  args TEXT NOT NULL DEFAULT '{}',
  -- 'waiting' (for its time or an approval), 'running', 'paused', 'stopped' (by its threshold), 'cancelled', 'done'
  state TEXT NOT NULL,
  why TEXT NOT NULL DEFAULT '',
  made_at BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  not_before BIGINT NOT NULL DEFAULT 0,
  expires_at BIGINT NOT NULL,
  if_idle BOOLEAN NOT NULL,
  -- JSON: waves in percent, soak in seconds, stop at so many percent or rooms
  policy TEXT NOT NULL,
  wave INTEGER NOT NULL DEFAULT 0,
  wave_at BIGINT NOT NULL DEFAULT 0,
  note TEXT NOT NULL DEFAULT '',
  -- JSON: the scopes it was made for; with dynamic, rooms that come to be in them later do it too
  target TEXT NOT NULL DEFAULT '{}',
  -- where somebody else has to agree
  needs_approval BOOLEAN NOT NULL DEFAULT FALSE,
  approved_by TEXT,
  approved_at BIGINT,
  -- who took it back
  ended_by TEXT
);
CREATE INDEX jobs_state ON jobs (state);
CREATE TABLE executions (
  job INTEGER NOT NULL REFERENCES jobs (key) ON DELETE CASCADE,
  room INTEGER NOT NULL REFERENCES rooms (key) ON DELETE CASCADE,
  wave INTEGER NOT NULL,
  -- 'held' (a later wave), 'queued', 'accepted', 'running'; final: 'succeeded', 'failed', 'rejected', 'expired', 'cancelled'
  state TEXT NOT NULL,
  attempt INTEGER NOT NULL DEFAULT 0,
  step TEXT NOT NULL DEFAULT '',
  detail TEXT NOT NULL DEFAULT '',
  changed_at BIGINT NOT NULL,
  -- the final state is the room's own word, and not what the console made of its silence
  told BOOLEAN NOT NULL DEFAULT FALSE,
  -- of settings in waves: the room's own number of the revision; NULL until it has come to the room
  rev BIGINT,
  PRIMARY KEY (job, room)
);
CREATE INDEX executions_open ON executions (room, state, job);
-- counts how far a job is without reading what rooms said of it
CREATE INDEX executions_of ON executions (job, state);
CREATE INDEX executions_standing ON executions (state) WHERE state IN ('held', 'queued', 'accepted', 'running');

-- live requests, worth something until they expire; `answer` is the room's: 'ok', 'refused', 'failed'
CREATE TABLE calls (
  key SERIAL_KEY,
  id TEXT NOT NULL UNIQUE,
  room INTEGER NOT NULL REFERENCES rooms (key) ON DELETE CASCADE,
  cmd TEXT NOT NULL,
  args TEXT NOT NULL DEFAULT '{}',
  made_at BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  sent_at BIGINT,
  answer TEXT,
  reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX calls_unsent ON calls (sent_at, expires_at);

-- settings that admins make, every revision kept: the newest of a scope is in force, or on its way
CREATE TABLE layers (
  -- 'org', 'site:ID', 'tag:TAG', 'room:ID'
  scope TEXT NOT NULL,
  rev BIGINT NOT NULL,
  doc TEXT NOT NULL,
  -- JSON list of keys that no lower layer may change
  locks TEXT NOT NULL DEFAULT '[]',
  made_at BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  note TEXT NOT NULL DEFAULT '',
  -- that brings it to the rooms in waves: until it is done, the others have the revision before. NULL: for all at once
  job INTEGER REFERENCES jobs (key) ON DELETE SET NULL,
  PRIMARY KEY (scope, rev)
);
-- what each room is told, merged
CREATE TABLE desired (room INTEGER NOT NULL REFERENCES rooms (key) ON DELETE CASCADE, rev BIGINT NOT NULL,
  doc TEXT NOT NULL, made_at BIGINT NOT NULL, PRIMARY KEY (room, rev));

CREATE TABLE alert_rules (
  key SERIAL_KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  enabled BOOLEAN NOT NULL DEFAULT TRUE,
  -- JSON: what is looked at, see rules.py
  condition TEXT NOT NULL,
  severity TEXT NOT NULL,
  for_s INTEGER NOT NULL DEFAULT 0,
  clear_s INTEGER NOT NULL DEFAULT 0,
  -- 'org', 'site:ID', 'tag:TAG', 'room:ID'
  scope TEXT NOT NULL DEFAULT 'org',
  -- JSON list of channel ids
  channels TEXT NOT NULL DEFAULT '[]',
  repeat_s INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE alerts (
  key SERIAL_KEY,
  rule TEXT NOT NULL,
  -- NULL: of a whole site
  room INTEGER REFERENCES rooms (key) ON DELETE CASCADE,
  site INTEGER,
  -- the issue's id, or what else tells two alerts of a rule and room apart
  about TEXT NOT NULL DEFAULT '',
  severity TEXT NOT NULL,
  text TEXT NOT NULL,
  remedy TEXT NOT NULL DEFAULT '',
  -- 'pending', 'firing', 'resolved'
  state TEXT NOT NULL,
  began_at BIGINT NOT NULL,
  fired_at BIGINT,
  ended_at BIGINT,
  -- since when the condition has been gone, while the alert still stands
  clear_at BIGINT,
  acknowledged_by TEXT, acknowledged_at BIGINT,
  snoozed_until BIGINT,
  -- the site's alert that speaks for this one
  parent INTEGER,
  notified_at BIGINT
);
CREATE INDEX alerts_open ON alerts (state, room);
CREATE INDEX alerts_began ON alerts (began_at);
CREATE INDEX alerts_newest ON alerts (state, began_at DESC, key);
CREATE INDEX alerts_children ON alerts (parent) WHERE parent IS NOT NULL;
CREATE TABLE maintenance (
  key SERIAL_KEY, scope TEXT NOT NULL, from_at BIGINT NOT NULL, until_at BIGINT NOT NULL, reason TEXT NOT NULL DEFAULT '',
  made_by TEXT NOT NULL);
-- where alerts go; the address is a secret (tokens), never shown again
CREATE TABLE channels (key SERIAL_KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, url TEXT NOT NULL,
  least TEXT NOT NULL DEFAULT 'warning', enabled BOOLEAN NOT NULL DEFAULT TRUE);
-- what has to be sent, so that a dead process loses no notification
CREATE TABLE outbox (key SERIAL_KEY, channel INTEGER NOT NULL REFERENCES channels (key) ON DELETE CASCADE,
  alert INTEGER, title TEXT NOT NULL, body TEXT NOT NULL, made_at BIGINT NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
  next_at BIGINT NOT NULL, sent_at BIGINT, given_up_at BIGINT, trouble TEXT NOT NULL DEFAULT '');
CREATE INDEX outbox_due ON outbox (sent_at, next_at);

CREATE TABLE users (
  key SERIAL_KEY,
  name TEXT NOT NULL UNIQUE,
  full_name TEXT NOT NULL DEFAULT '',
  -- argon2id; NULL for one who comes by OIDC
  password TEXT,
  -- OIDC: issuer and subject
  subject TEXT UNIQUE,
  disabled BOOLEAN NOT NULL DEFAULT FALSE,
  made_at BIGINT NOT NULL,
  seen_at BIGINT
);
-- 'viewer', 'operator', 'admin', 'auditor'; site NULL: everywhere
CREATE TABLE grants (user_key INTEGER NOT NULL REFERENCES users (key) ON DELETE CASCADE, role TEXT NOT NULL,
  site INTEGER REFERENCES sites (key) ON DELETE CASCADE);
CREATE INDEX grants_user ON grants (user_key);
-- secrets are stored as their SHA-256 only
CREATE TABLE sessions (hash TEXT PRIMARY KEY, user_key INTEGER NOT NULL REFERENCES users (key) ON DELETE CASCADE,
  csrf TEXT NOT NULL, made_at BIGINT NOT NULL, used_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
CREATE TABLE api_tokens (key SERIAL_KEY, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  user_key INTEGER NOT NULL REFERENCES users (key) ON DELETE CASCADE, role TEXT NOT NULL, site INTEGER,
  made_at BIGINT NOT NULL, used_at BIGINT, expires_at BIGINT);
-- first admin, invitations, password resets: each works once
CREATE TABLE one_time_links (hash TEXT PRIMARY KEY, purpose TEXT NOT NULL, user_key INTEGER, made_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL, used_at BIGINT);
CREATE TABLE saved_views (key SERIAL_KEY, user_key INTEGER NOT NULL REFERENCES users (key) ON DELETE CASCADE,
  name TEXT NOT NULL, query TEXT NOT NULL, shared BOOLEAN NOT NULL DEFAULT FALSE);

CREATE TABLE enrolment_codes (id TEXT PRIMARY KEY, secret TEXT NOT NULL, room TEXT, name TEXT NOT NULL DEFAULT '',
  site INTEGER, floor TEXT NOT NULL DEFAULT '', made_at BIGINT NOT NULL, made_by TEXT NOT NULL, expires_at BIGINT NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0, used_at BIGINT);

-- each row's hash covers the row before: what is taken out or changed is seen
CREATE TABLE audit (n BIGINT PRIMARY KEY, at BIGINT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
  target TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '{}', hash TEXT NOT NULL);
