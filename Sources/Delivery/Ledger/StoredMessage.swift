/// Whom a message is for: what may be given up first when there is no room.
package enum Lane: Int64, Sendable, Hashable {
  /// Never given up.
  case alert = 0
  /// A person's notices.
  case notice = 1
  /// Answers to commands: the record of who commanded what. Never given up.
  case command = 2
}

/// A message as the ledger keeps it.
package struct StoredMessage: Sendable, Hashable {
  /// Counts all messages of the ledger in the order of raising.
  package var row: Int64
  /// The row of the first revision of the same id and form: what must be sent in order.
  package var root: Int64
  /// With the draft, or once frozen the bytes that are sent for ever.
  package var message: OutgoingMessage
  package var isFrozen = false
  /// The boot in which it was detected: only within it can its age be told.
  package var boot: String
  /// By the wall clock, in milliseconds since 1970, when it was raised and when it was acknowledged.
  package var createdMilliseconds: Int64
  package var acknowledgedMilliseconds: Int64?

  package init(row: Int64, root: Int64, message: OutgoingMessage, boot: String, createdMilliseconds: Int64) {
    self.row = row
    self.root = root
    self.message = message
    self.boot = boot
    self.createdMilliseconds = createdMilliseconds
  }

  package var lane: Lane {
    switch message.stream {
    case OutgoingMessage.alertStream: .alert
    case OutgoingMessage.commandStream: .command
    default: .notice
    }
  }
  /// The number of the message's form.
  package var form: Int64 { message.form.rawValue }
}

/// What one transaction writes.
package struct LedgerEntry: Sendable {
  package var messages: [StoredMessage] = []
  package var records: [StateRecord] = []
  /// Bytes by row, of messages that are in the ledger already.
  package var frozen: [(row: Int64, bytes: [UInt8])] = []
  /// Rows and when they were acknowledged.
  package var acknowledged: [(row: Int64, milliseconds: Int64)] = []

  /// For open data; and the present run, which is written with them. Neither waits for the disk.
  package var observations: [ObservationRecord] = []
  package var run: LedgerRun?
  /// For the backlog of observations, and rows of it that the broker has. Neither waits for the disk.
  package var waiting: [WaitingObservation] = []
  package var delivered: [Int64] = []
  /// What outputs did.
  package var actions: [OutputAction] = []
  /// Numbers that an earlier run sent from memory.
  package var unstored: [UnstoredNumbers] = []

  package init() {}

  package var isEmpty: Bool {
    messages.isEmpty && records.isEmpty && frozen.isEmpty && acknowledged.isEmpty && run == nil
      && actions.isEmpty && unstored.isEmpty && waiting.isEmpty && delivered.isEmpty
  }

  /// Losing an acknowledgment only makes a duplicate, which receivers drop: it waits for no disk.
  package var mustBeDurable: Bool {
    !messages.isEmpty || !records.isEmpty || !frozen.isEmpty || !actions.isEmpty || !unstored.isEmpty
  }
}
