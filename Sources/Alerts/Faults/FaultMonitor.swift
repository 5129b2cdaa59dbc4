import Observations

/// Decides when a sensor is faulty and when it is sound again.
///
/// One lost answer is no fault. A sensor becomes faulty when nothing that can be believed was heard for longer than its
/// `stale_after`; where silence is normal, when its driver says so and nothing contradicts it for `confirmation`. It is
/// sound again after several believable readings in a row, so that one that answers now and then is faulty once and not
/// again and again.
struct FaultMonitor: Sendable {
  /// For a measuring sensor without `stale_after`.
  static let measuringConfirmation = TimeSpan.seconds(60)
  /// For a contact, a rain gauge and a receiver, whose drivers say themselves when something is wrong.
  static let drivenConfirmation = TimeSpan.seconds(5)
  /// So many readings in a row without a fault or a silence between them end a fault.
  static let readingsToRecover = 3

  private let staleAfter: TimeSpan?
  private let confirmation: TimeSpan
  /// A thing that each of its sensors finds lost by itself is confirmed only when all of them have.
  var sourceConfirmation = TimeSpan.zero
  /// Whether the driver's word suffices, beside silence.
  private let isDriven: Bool
  private let readingsNeeded: Int

  private(set) var believableAt: MonotonicTime
  /// What the driver or the range said since the last believable reading.
  private(set) var cause: FaultCause?
  private var causeSince: MonotonicTime
  /// Why the sensor is faulty: an alert is active.
  private(set) var declared: FaultCause?
  private var readingsInARow = 0

  init(_ plan: SensorPlan) {
    staleAfter = plan.staleAfter
    switch plan.quantity {
    case .waterLevel, .temperature, .voltage, .batteryCharge, .storageFree, .memoryFree, .position:
      isDriven = false
      readingsNeeded = Self.readingsToRecover
    case .beacon:
      isDriven = true
      readingsNeeded = Self.readingsToRecover
    case .floodContact where plan.staleAfter != nil, .contact where plan.staleAfter != nil:
      // It is asked again and again, as a gauge is: one lost answer is no fault.
      isDriven = false
      readingsNeeded = Self.readingsToRecover
    case .rain, .floodContact, .contact:
      // They speak only when something changes: waiting for a third word could take a year.
      isDriven = true
      readingsNeeded = 1
    }
    confirmation = isDriven ? Self.drivenConfirmation : Self.measuringConfirmation
    believableAt = MonotonicTime(nanoseconds: 0)
    causeSince = believableAt
  }

  /// Counts silence from `time`: watching begins.
  mutating func begin(at time: MonotonicTime) {
    believableAt = time
  }

  /// Something was heard that can be believed. Returns whether the sensor is sound again by it.
  mutating func believed(at time: MonotonicTime) -> Bool {
    guard declared != nil else {
      believableAt = time
      if cause != nil { cause = nil }
      return false
    }
    if let staleAfter, time - believableAt > staleAfter { readingsInARow = 0 }
    believableAt = time
    readingsInARow += 1
    guard readingsInARow >= readingsNeeded else { return false }
    declared = nil
    cause = nil
    readingsInARow = 0
    return true
  }

  /// The driver reported a fault, or a reading cannot be believed.
  mutating func failed(_ cause: FaultCause, at time: MonotonicTime) {
    if self.cause == nil { causeSince = time }
    self.cause = cause
    readingsInARow = 0
  }

  /// It speaks and is doubted, and that has gone on. `isHeard`: this one spoke just now.
  mutating func doubted(_ cause: FaultCause, isHeard: Bool, at time: MonotonicTime) {
    failed(cause, at: time)
    if isHeard { believableAt = time }
  }

  /// When the sensor becomes faulty if nothing is heard before; one that is only doubted can fall silent too.
  var deadline: MonotonicTime? {
    if declared?.isDoubt == true {
      return staleAfter.map { believableAt + $0 + TimeSpan(nanoseconds: 1) }
    }
    guard declared == nil else { return nil }
    // Longer than `stale_after`: a sensor that speaks exactly that often is never faulty.
    let silence = staleAfter.map { believableAt + $0 + TimeSpan(nanoseconds: 1) }
    guard cause != nil, isDriven || silence == nil else { return silence }
    let isOfTheSource = cause?.isOfTheSource == true
    let confirmed = causeSince + (isOfTheSource ? max(confirmation, sourceConfirmation) : confirmation)
    return silence.map { min($0, confirmed) } ?? confirmed
  }

  /// The deadline was reached: the sensor is faulty. Returns why.
  mutating func declare() -> FaultCause {
    // What was doubted and now says nothing is silent.
    let reason = cause.map { $0.isDoubt && declared?.isDoubt == true ? .silent : $0 } ?? .silent
    declared = reason
    readingsInARow = 0
    return reason
  }
}

/// What a clean stop remembers of a sensor, so that a restart goes on as if there had been none.
struct ChannelMemory: Sendable, Hashable, Codable {
  var believableAt: MonotonicTime
  var cause: FaultCause?
  var causeSince: MonotonicTime
  var readingsInARow: Int
  /// The last believable value of a measuring sensor.
  var value: Measure?
  /// Plausibility and filters; absent in what an older version left behind.
  var conditioner: Conditioner.Memory?
  /// At the first of two sensors of one station.
  var pair: StationPair.Memory?
  /// Since when the board's own value is beyond its limit, without an alert yet.
  var beyondLimitSince: Moment?
}

extension FaultMonitor {
  func memory(
    value: Measure?, conditioner: Conditioner.Memory?, pair: StationPair.Memory?, beyondLimitSince: Moment?
  ) -> ChannelMemory {
    ChannelMemory(
      believableAt: believableAt, cause: cause, causeSince: causeSince, readingsInARow: readingsInARow, value: value,
      conditioner: conditioner, pair: pair, beyondLimitSince: beyondLimitSince)
  }

  mutating func restore(_ memory: ChannelMemory, shift: TimeShift) {
    believableAt = shift.withoutPause(memory.believableAt)
    cause = memory.cause
    causeSince = shift.withoutPause(memory.causeSince)
    readingsInARow = memory.readingsInARow
  }

  /// The book says that the fault's alert is active.
  mutating func restore(declared: FaultCause) {
    self.declared = declared
  }
}
