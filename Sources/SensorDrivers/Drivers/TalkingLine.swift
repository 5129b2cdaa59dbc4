import Observations

/// The watch over a line whose sensor talks by itself: when its bytes are only garbage, and when it has fallen silent.
struct TalkingLine: Sendable {
  /// Longer than any pause inside a frame or a line of text, an adapter's pause included.
  private static let frameGap = TimeSpan.milliseconds(50)
  private static let garbageLimit = TimeSpan.seconds(2)
  private static let garbageInterval = TimeSpan.seconds(1)
  /// Bytes that stay away for so long end a run of garbage: a stray byte now and then is no fault.
  private static let garbagePause = TimeSpan.seconds(1)

  /// How long nothing may be heard before the port is opened again.
  let patience: TimeSpan
  private var lastByte: MonotonicTime?
  /// When a run of bytes without a frame will have lasted too long.
  private var garbageDue: MonotonicTime?
  private var reopenAt: MonotonicTime?

  init(patience: TimeSpan = .seconds(60)) {
    self.patience = patience
  }

  var nextDeadline: MonotonicTime? {
    guard let reopenAt, let garbageDue else { return reopenAt }
    return min(reopenAt, garbageDue)
  }

  mutating func opened(at time: MonotonicTime) {
    lastByte = nil
    garbageDue = nil
    reopenAt = time + patience
  }

  mutating func closed() {
    reopenAt = nil
    garbageDue = nil
  }

  /// Bytes have come. Returns whether they begin something new.
  mutating func heard(at time: MonotonicTime) -> Bool {
    defer { lastByte = time }
    if reopenAt != nil { reopenAt = time + patience }
    guard let lastByte else { return false }
    return time - lastByte > Self.frameGap
  }

  mutating func understood() {
    garbageDue = nil
  }

  mutating func misunderstood(at time: MonotonicTime) {
    if garbageDue == nil { garbageDue = time + Self.garbageLimit }
  }

  /// A run of garbage has lasted too long, or for another second: a fault if bytes still come. Decided by time alone,
  /// before the bytes that come now, so that it does not matter how they are split.
  mutating func hasGarbageLasted(at time: MonotonicTime) -> Bool {
    guard let due = garbageDue, time >= due else { return false }
    guard let lastByte, due - lastByte <= Self.garbagePause else {
      garbageDue = nil
      return false
    }
    garbageDue = time + Self.garbageInterval
    return true
  }

  /// Nothing has been heard for so long that the port may have lost its settings.
  mutating func isSilent(at time: MonotonicTime) -> Bool {
    guard let reopenAt, time >= reopenAt else { return false }
    self.reopenAt = time + patience
    return true
  }
}

/// How often one sensor may say something: ten values a second, and the same fault once a second.
struct SpeakingPace: Sendable {
  /// A tenth of a second, less what the clock's and the kernel's whims take.
  private static let interval = TimeSpan.milliseconds(90)
  private static let faultInterval = TimeSpan.seconds(1)

  private var lastValue: MonotonicTime?
  private var lastFault: (cause: FaultCause, time: MonotonicTime)?

  mutating func maySayValue(at time: MonotonicTime) -> Bool {
    if let lastValue, time - lastValue < Self.interval { return false }
    lastValue = time
    lastFault = nil
    return true
  }

  mutating func maySay(_ cause: FaultCause, at time: MonotonicTime) -> Bool {
    if let lastFault {
      let pause = lastFault.cause == cause ? Self.faultInterval : Self.interval
      if time - lastFault.time < pause { return false }
    }
    lastFault = (cause, time)
    return true
  }

  /// The port has failed, which was said already.
  mutating func failed(_ cause: FaultCause, at time: MonotonicTime) {
    lastFault = (cause, time)
  }
}
