public import Observations

/// Who turns the transceiver of a two-wire RS-485 line round to sending and back, where it does not do so by itself.
public struct RS485Settings: Sendable, Hashable {
  public enum Way: String, Sendable, CaseIterable {
    /// The port's driver in the kernel, exactly to the bit (ioctl TIOCSRS485).
    case kernel
    /// This program, by the port's RTS line: late by up to a millisecond or two.
    case rts
  }

  public let way: Way
  /// Whether RTS is active (its voltage high on RS-232, low on a logic-level port) while bytes are sent.
  public let isActiveWhileSending: Bool
  /// From turning round to the first bit, and from the last bit to turning back: 0 to 100 ms, in whole milliseconds.
  public let delayBefore: TimeSpan
  public let delayAfter: TimeSpan

  public init(
    way: Way, isActiveWhileSending: Bool = true, delayBefore: TimeSpan = .zero, delayAfter: TimeSpan = .zero
  ) {
    self.way = way
    self.isActiveWhileSending = isActiveWhileSending
    self.delayBefore = delayBefore
    self.delayAfter = delayAfter
  }
}

/// When RTS is to be raised and dropped around what is sent: a value without a port or a clock, that waits for nothing.
///
/// RTS is dropped when the bytes have left: not before they can have, by the line's speed, and not before the port says
/// so; a port that says nothing for a second keeps the line no longer.
public struct RS485Direction: Sendable {
  enum Phase: Sendable, Hashable {
    case listening
    /// RTS is raised, and nothing is sent before `until`.
    case turning(until: MonotonicTime)
    /// Bytes were handed over; they cannot have left before `until`.
    case sending(until: MonotonicTime, atMost: MonotonicTime)
    /// They have left; RTS is dropped at `until`.
    case lingering(until: MonotonicTime)
  }

  private static let checkInterval = TimeSpan.milliseconds(1)
  private static let patience = TimeSpan.seconds(1)

  private let settings: RS485Settings
  private let characterNanoseconds: Int64
  private(set) var phase = Phase.listening

  /// The direction of a port that listens.
  public init(_ settings: RS485Settings, line: SerialLine) {
    self.settings = settings
    characterNanoseconds = line.characterNanoseconds
  }

  /// Bytes wait to be sent. Returns whether RTS is to be raised for them now.
  public mutating func begin(at time: MonotonicTime) -> Bool {
    switch phase {
    case .listening:
      phase = .turning(until: time + settings.delayBefore)
      return true
    case .lingering:
      phase = .turning(until: time)
      return false
    case .turning, .sending:
      return false
    }
  }

  /// Whether bytes may be handed over.
  public func maySend(at time: MonotonicTime) -> Bool {
    switch phase {
    case .turning(let until): time >= until
    case .sending: true
    case .listening, .lingering: false
    }
  }

  /// So many bytes were handed over.
  public mutating func sent(_ count: Int, at time: MonotonicTime) {
    var start = time
    if case .sending(let until, _) = phase { start = max(start, until) }
    let end = start + TimeSpan(nanoseconds: Int64(count) * characterNanoseconds)
    phase = .sending(until: end, atMost: end + Self.patience)
  }

  /// Time passed. `hasSentAll` says whether the port holds nothing more; it is asked only when that matters. Returns
  /// whether RTS is to be dropped now.
  public mutating func pass(at time: MonotonicTime, hasSentAll: () -> Bool) -> Bool {
    if case .sending(let until, let atMost) = phase, time >= until {
      if time >= atMost || hasSentAll() {
        phase = .lingering(until: time + settings.delayAfter)
      } else {
        phase = .sending(until: time + Self.checkInterval, atMost: atMost)
      }
    }
    guard case .lingering(let until) = phase, time >= until else { return false }
    phase = .listening
    return true
  }

  /// When `pass`, or another attempt to send, is due. While there are bytes that may be handed over and the port takes
  /// none, it is the port that is waited for, and no time.
  public func deadline(withBytesWaiting hasBytes: Bool, at time: MonotonicTime) -> MonotonicTime? {
    hasBytes && maySend(at: time) ? nil : deadline
  }

  var deadline: MonotonicTime? {
    switch phase {
    case .listening: nil
    case .turning(let until), .sending(let until, _), .lingering(let until): until
    }
  }
}
