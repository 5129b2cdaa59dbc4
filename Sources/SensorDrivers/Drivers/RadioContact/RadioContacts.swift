public import Observations

extension FaultCause {
  /// The battery of a sensor is nearly empty: replace it before its silence is taken for water.
  public static let batteryLow = FaultCause(rawValue: "battery_low")
}

/// A flood contact without wires: a tag that is heard as long as it is dry, because water swallows its signal.
public struct RadioContact: Sendable, Hashable {
  public let sensor: SensorID
  /// What it sends. No person carries it: its identifier may stand in a configuration.
  public let tag: TagIdentifier
  /// Silent for longer than this is wet. Several times the interval at which the tag sends.
  public let silentAfter: TimeSpan
  /// The same for a tag that was not heard since the start, which may only be slow, or not be there at all.
  public let unheardAfter: TimeSpan
  /// A battery with no more than this, in percent, is a fault.
  public let lowBattery: UInt8

  public init(
    sensor: SensorID, tag: TagIdentifier, silentAfter: TimeSpan, unheardAfter: TimeSpan, lowBattery: UInt8
  ) {
    self.sensor = sensor
    self.tag = tag
    self.silentAfter = silentAfter
    self.unheardAfter = unheardAfter
    self.lowBattery = lowBattery
  }
}

/// The radio contacts of one receiver: tells one that is under water from a receiver that hears nothing.
///
/// One that falls silent is wet if the receiver has meanwhile heard another. If all that are not under water yet fell
/// silent at once, it is the receiver that is deaf, and nothing is wet. Where there is no other, because it is the only
/// one or the rest are under water already, the receiver must have answered or heard something a moment ago. Heard once
/// is dry.
struct RadioContacts: Sendable {
  private enum State: Sendable {
    /// Nobody knows: not heard since the start, or since the receiver works again.
    case unknown
    case dry, wet
    /// All fell silent together.
    case deaf
  }

  private struct Entry: Sendable {
    let contact: RadioContact
    var state = State.unknown
    var lastHeard: MonotonicTime?
    /// When the same is said again, so that its age can be seen.
    var repeatAt = MonotonicTime(nanoseconds: 0)
    var isBatteryLow = false
    /// When it is judged if it stays silent; nil: not before it is heard, or the receiver works again.
    var dueAt: MonotonicTime?
  }

  private static let repetition = TimeSpan.minutes(1)
  /// A receiver that has shown life within this time works: it is asked after ten quiet seconds.
  private static let proofOfLife = TimeSpan.seconds(15)
  private static let judgedAgainAfter = TimeSpan.seconds(2)
  /// A new battery has so many percent more than a low one.
  private static let batteryMargin: UInt8 = 10

  private let receiver: SensorID
  private var entries: [Entry]
  private let index: [TagIdentifier: Int]
  /// Silence before it does not count.
  private var silenceCountsFrom: MonotonicTime?
  private var receiverAliveAt: MonotonicTime?

  init(_ contacts: [RadioContact], of receiver: SensorID) {
    self.receiver = receiver
    entries = contacts.map { Entry(contact: $0) }
    index = Dictionary(contacts.enumerated().map { ($1.tag, $0) }, uniquingKeysWith: { first, _ in first })
  }

  var isEmpty: Bool { entries.isEmpty }
  var sensors: [SensorID] { entries.map(\.contact.sensor) }

  var nextDeadline: MonotonicTime? {
    entries.lazy.compactMap(\.dueAt).min()
  }

  /// Takes the sighting of `tag` if it is one of the contacts. Returns whether it is.
  mutating func heard(
    _ tag: TagIdentifier, battery: UInt8?, at time: MonotonicTime, into actions: inout DriverActions
  ) -> Bool {
    guard let number = index[tag] else { return false }
    entries[number].lastHeard = time
    entries[number].dueAt = time + entries[number].contact.silentAfter
    let wasLow = entries[number].isBatteryLow
    if let battery {
      let low = entries[number].contact.lowBattery
      entries[number].isBatteryLow = battery <= (wasLow ? low + Self.batteryMargin : low)
    }
    let isLow = entries[number].isBatteryLow
    let isNews = entries[number].state != .dry || isLow != wasLow
    entries[number].state = .dry
    // While the battery is low the fault stands: the same again would contradict it.
    guard isNews || (!isLow && time >= entries[number].repeatAt) else { return true }
    entries[number].repeatAt = time + Self.repetition
    say(.contact(entries[number].contact.sensor, active: false), at: time, into: &actions)
    if isLow { say(.fault(entries[number].contact.sensor, .batteryLow), at: time, into: &actions) }
    return true
  }

  /// Follows what the receiver says of itself.
  mutating func receiverSaid(_ observation: Observation, at time: MonotonicTime, into actions: inout DriverActions) {
    switch observation {
    case .alive(receiver):
      receiverAliveAt = time
      guard silenceCountsFrom == nil else { return }
      silenceCountsFrom = time
      for number in entries.indices { entries[number].dueAt = due(number) }
    case .fault(receiver, let cause):
      silenceCountsFrom = nil
      receiverAliveAt = nil
      for number in entries.indices {
        entries[number].state = .unknown
        entries[number].dueAt = nil
        say(.fault(entries[number].contact.sensor, cause), at: time, into: &actions)
      }
    default: break
    }
  }

  /// Judges those that are silent for too long.
  mutating func wake(at time: MonotonicTime, into actions: inout DriverActions) {
    for number in entries.indices {
      guard let due = entries[number].dueAt, time >= due else { continue }
      judge(number, at: time, into: &actions)
    }
  }

  private mutating func judge(_ number: Int, at time: MonotonicTime, into actions: inout DriverActions) {
    let sensor = entries[number].contact.sensor
    let expected = entries.indices.filter { $0 != number && entries[$0].state != .wet }
    if expected.isEmpty {
      guard let receiverAliveAt, time - receiverAliveAt <= Self.proofOfLife else {
        entries[number].dueAt = time + Self.judgedAgainAfter
        return
      }
    } else {
      let since = silentSince(number) + TimeSpan(nanoseconds: entries[number].contact.silentAfter.nanoseconds / 2)
      guard expected.contains(where: { entries[$0].lastHeard.map { $0 > since } ?? false }) else {
        if entries[number].state != .deaf { say(.fault(sensor, .deaf), at: time, into: &actions) }
        entries[number].state = .deaf
        // Judged again: another may be heard after all.
        entries[number].dueAt = time + entries[number].contact.silentAfter
        return
      }
    }
    entries[number].state = .wet
    entries[number].dueAt = nil
    say(.contact(sensor, active: true), at: time, into: &actions)
  }

  private func silentSince(_ number: Int) -> MonotonicTime {
    let begin = silenceCountsFrom ?? MonotonicTime(nanoseconds: 0)
    return max(begin, entries[number].lastHeard ?? begin)
  }

  private func due(_ number: Int) -> MonotonicTime {
    let contact = entries[number].contact
    return silentSince(number) + (entries[number].lastHeard == nil ? contact.unheardAfter : contact.silentAfter)
  }

  private func say(_ observation: Observation, at time: MonotonicTime, into actions: inout DriverActions) {
    actions.observations.append(TimedObservation(time: time, observation: observation))
  }
}
