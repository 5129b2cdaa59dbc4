/// The tables of the ledger.
package enum LedgerSchema {
  /// Raised with every change that an older program cannot read.
  package static let version: Int64 = 1

  /// `acknowledged` is null while the message is in the outbox, -1 when it was given up. `bytes` is the draft until
  /// `frozen`. `form` is that of `OutgoingMessage.Form`. `pruned` says up to which sequence the history of a stream was removed.
  package static let tables = """
    CREATE TABLE meta(key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
    CREATE TABLE records(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE pruned(stream TEXT PRIMARY KEY, through INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE messages(
      row INTEGER PRIMARY KEY, root INTEGER NOT NULL, lane INTEGER NOT NULL, stream TEXT NOT NULL, sequence INTEGER,
      id TEXT NOT NULL, form INTEGER NOT NULL, revision INTEGER NOT NULL, topic TEXT NOT NULL,
      detected INTEGER NOT NULL, boot TEXT NOT NULL, created INTEGER NOT NULL, acknowledged INTEGER,
      frozen INTEGER NOT NULL, bytes BLOB NOT NULL);
    CREATE UNIQUE INDEX messages_sequence ON messages(stream, sequence) WHERE sequence IS NOT NULL;
    CREATE UNIQUE INDEX messages_revision ON messages(id, form, revision);
    CREATE INDEX messages_outbox ON messages(lane, root DESC, row) WHERE acknowledged IS NULL;
    PRAGMA user_version = 1;
    """

  /// What a message is read with: see `Ledger.message(from:)`.
  package static let columns =
    "row, root, stream, sequence, id, revision, topic, detected, boot, created, acknowledged, frozen, bytes, form"

  /// The mark of a message that was given up, in place of the time of its acknowledgment.
  package static let givenUp: Int64 = -1
}
