-- The first form of the journal: what happened, and how each order stands after it.

CREATE TABLE records (
  seq INTEGER PRIMARY KEY,
  time REAL NOT NULL,            -- seconds UTC
  gateway TEXT NOT NULL,
  kind TEXT NOT NULL,
  script TEXT NOT NULL,
  key TEXT NOT NULL,
  order_id INTEGER NOT NULL,
  perm_id INTEGER NOT NULL,
  exec_id TEXT NOT NULL,
  status TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  body BLOB NOT NULL
);
CREATE INDEX records_of_order ON records (gateway, script, key) WHERE key <> '';
-- What scripts are told (`reading.TOLD`), and notes; each index ends with seq.
CREATE INDEX records_told ON records (gateway, script) WHERE kind IN ('sent', 'unsent', 'order', 'fill', 'commission');
CREATE INDEX records_noted ON records (gateway) WHERE kind = 'note';

-- One row for each order, small: what an intent writes is what an order waits for. The bodies of its intent and of its
-- last event are those of the records `intent_seq` and `event_seq`, 0 where there is none.
CREATE TABLE orders (
  gateway TEXT NOT NULL,
  script TEXT NOT NULL,
  key TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  order_id INTEGER NOT NULL,
  perm_id INTEGER NOT NULL,
  state TEXT NOT NULL,
  finished INTEGER NOT NULL,
  intent_seq INTEGER NOT NULL,
  event_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  time REAL NOT NULL,            -- of the last record, seconds UTC
  PRIMARY KEY (gateway, script, key)
) WITHOUT ROWID;

-- One row for each fill, however often it is told; a commission may come first (seq is 0 until the fill comes).
CREATE TABLE fills (
  gateway TEXT NOT NULL,
  exec_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  commission_seq INTEGER NOT NULL,
  PRIMARY KEY (gateway, exec_id)
) WITHOUT ROWID;

-- What outlives retention: the highest orderId of each gateway.
CREATE TABLE counters (
  gateway TEXT NOT NULL,
  name TEXT NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (gateway, name)
) WITHOUT ROWID;

-- Sequence numbers that retention took away, from `first` to `last`.
CREATE TABLE pruned (first INTEGER PRIMARY KEY, last INTEGER NOT NULL);

-- The rules are `ledger.advance`'s; `ibmux journal verify` compares the two.
CREATE TRIGGER advance_order AFTER INSERT ON records WHEN new.key <> '' AND new.kind NOT IN ('refusal', 'note')
BEGIN
  INSERT INTO orders VALUES (
    new.gateway, new.script, new.key, new.fingerprint, new.order_id, new.perm_id,
    CASE new.kind WHEN 'intent' THEN 'intent' WHEN 'sent' THEN 'sent' WHEN 'unsent' THEN 'unsent'
      WHEN 'order' THEN new.status ELSE '' END,
    new.kind = 'unsent'
      OR new.kind = 'order' AND new.status IN ('Filled', 'Cancelled', 'ApiCancelled', 'Inactive'),
    iif(new.kind = 'intent', new.seq, 0), iif(new.kind = 'order' AND length(new.body) > 0, new.seq, 0),
    new.seq, new.time
  )
  ON CONFLICT DO UPDATE SET
    fingerprint = iif(length(new.fingerprint) > 0, new.fingerprint, fingerprint),
    order_id = iif(new.order_id <> 0, new.order_id, order_id),
    perm_id = iif(new.perm_id <> 0, new.perm_id, perm_id),
    state = CASE
      WHEN new.kind = 'intent' THEN iif(state = 'unsent', 'intent', RAISE(ABORT, 'the key is taken'))
      WHEN new.kind = 'sent' AND state = 'intent' THEN 'sent'
      WHEN new.kind = 'unsent' AND intent_seq > 0 AND NOT finished THEN 'unsent'
      WHEN new.kind = 'order' AND new.status <> '' THEN new.status
      ELSE state END,
    finished = CASE
      WHEN new.kind = 'intent' THEN 0
      WHEN new.kind = 'unsent' AND intent_seq > 0 THEN 1
      WHEN new.kind = 'order' AND new.status <> ''
        THEN new.status IN ('Filled', 'Cancelled', 'ApiCancelled', 'Inactive')
      ELSE finished END,
    intent_seq = iif(new.kind = 'intent', new.seq, intent_seq),
    event_seq = CASE
      WHEN new.kind = 'intent' THEN 0
      WHEN new.kind = 'order' AND length(new.body) > 0 THEN new.seq
      ELSE event_seq END,
    last_seq = new.seq,
    time = new.time;
END;

CREATE TRIGGER count_order_id AFTER INSERT ON records WHEN new.order_id > 0
BEGIN
  INSERT INTO counters VALUES (new.gateway, 'order_id', new.order_id)
  ON CONFLICT DO UPDATE SET value = excluded.value WHERE excluded.value > value;
END;

CREATE TRIGGER keep_fill AFTER INSERT ON records WHEN new.kind = 'fill' AND new.exec_id <> ''
BEGIN
  UPDATE fills SET seq = new.seq WHERE gateway = new.gateway AND exec_id = new.exec_id AND seq = 0;
  INSERT INTO fills SELECT new.gateway, new.exec_id, new.seq, 0 WHERE NOT changes();
END;

CREATE TRIGGER keep_commission AFTER INSERT ON records WHEN new.kind = 'commission' AND new.exec_id <> ''
BEGIN
  INSERT INTO fills VALUES (new.gateway, new.exec_id, 0, new.seq)
  ON CONFLICT DO UPDATE SET commission_seq = excluded.commission_seq;
END;
