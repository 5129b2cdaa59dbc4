package import Alerts
package import Delivery
package import Observations

/// What is decided of messages and states as they are handed to the broker: the bytes with the times that the clock tells
/// by then. Called on the ledger's thread.
package struct HandOver: Sendable {
  private let formats: Formats
  private let now: @Sendable () -> Moment

  package init(formats: Formats, now: @escaping @Sendable () -> Moment) {
    self.formats = formats
    self.now = now
  }

  /// The bytes of a message for ever.
  package func freeze(_ message: HandedOver) -> [UInt8] {
    formats.freeze(
      draft: message.draft, delayed: message.isDelayed, at: now(),
      made: message.detectedNanoseconds.map { MonotonicTime(nanoseconds: $0) }, earlier: message.earlier)
  }

  /// The bytes of a state this time.
  package func correct(_ payload: [UInt8], madeNanoseconds: Int64?) -> [UInt8] {
    formats.corrected(payload, made: madeNanoseconds.map { MonotonicTime(nanoseconds: $0) }, at: now())
  }

  /// While the clock was never set, it may be set in the seconds until the hand-over.
  package var mayFreezeAhead: Bool { now().clock != .unsynchronized }
}
