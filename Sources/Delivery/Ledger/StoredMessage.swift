/// Whom a message is for: what may be given up first when there is no room.
package enum Lane: Int64, Sendable, Hashable {
  /// Never given up.
  case alert = 0
  /// A person's notices.
  case notice = 1
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

  package var lane: Lane { message.stream == OutgoingMessage.alertStream ? .alert : .notice }
  /// 0 is the message that counts in its stream, 1 its second form.
  package var form: Int64 { message.sequence == nil ? 1 : 0 }
}

/// What one transaction writes.
package struct LedgerEntry: Sendable {
  package var messages: [StoredMessage] = []
  package var records: [StateRecord] = []
  /// Bytes by row, of messages that are in the ledger already.
  package var frozen: [(row: Int64, bytes: [UInt8])] = []
  /// Rows and when they were acknowledged.
  package var acknowledged: [(row: Int64, milliseconds: Int64)] = []

  package init() {}

  package var isEmpty: Bool {
    messages.isEmpty && records.isEmpty && frozen.isEmpty && acknowledged.isEmpty
  }

  /// Losing an acknowledgment only makes a duplicate, which receivers drop: it waits for no disk.
  package var mustBeDurable: Bool { !messages.isEmpty || !records.isEmpty || !frozen.isEmpty }
}
