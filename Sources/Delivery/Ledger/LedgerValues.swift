extension Ledger {
  /// What the ledger knew when it was opened.
  package struct Opening: Sendable {
    /// The random id made with this ledger, and that of the one before it.
    package var epoch: String
    package var previousEpoch: String?
    /// The boot in which the ledger was last used.
    package var savedBoot: String?
    package var records: [StateRecord]
    package var streams: [StreamOpening]
    /// Numbers that an earlier run sent from memory and never stored.
    package var unstored: [UnstoredNumbers]
    /// The highest number of a connection that may have been used.
    package var connectionNumber: UInt64
    package var lastRow: Int64
    package var rows: Int
    package var outboxRows: Int
    package var outboxBytes: Int
    /// What had to be set aside, for the log.
    package var setAside: String?
    /// Why the ledger cannot be written: it was opened for reading, or begun in memory. Nil: it may be written.
    package var trouble: String?
  }

  /// How far one stream had come.
  package struct StreamOpening: Sendable {
    package var stream: String
    package var last: UInt64
    package var firstUnacknowledged: UInt64?
  }

  /// What history may be removed.
  package struct Retention: Sendable {
    /// Acknowledged messages above this number are removed, oldest first.
    package var historyRows: Int
    package var noticeAgeNanoseconds: Int64
    package var boot: String
    package var nowNanoseconds: Int64
    package var wallMilliseconds: Int64

    package init(
      historyRows: Int, noticeAgeNanoseconds: Int64, boot: String, nowNanoseconds: Int64, wallMilliseconds: Int64
    ) {
      self.historyRows = historyRows
      self.noticeAgeNanoseconds = noticeAgeNanoseconds
      self.boot = boot
      self.nowNanoseconds = nowNanoseconds
      self.wallMilliseconds = wallMilliseconds
    }

    /// Whether a notice is older than its time.
    func isOver(boot: String, detectedNanoseconds: Int64, createdMilliseconds: Int64) -> Bool {
      boot == self.boot
        ? nowNanoseconds - detectedNanoseconds > noticeAgeNanoseconds
        : wallMilliseconds - createdMilliseconds > noticeAgeNanoseconds / 1_000_000
    }
  }

  /// A notice that was given up, with its stream, its number there, and its bytes.
  package struct GivenUpNotice: Sendable {
    package var row: Int64
    package var stream: String
    package var sequence: UInt64?
    package var bytes: Int
  }
}
