import Observations

/// What one message says beside who it is about.
struct AlertContent: Sendable {
  var level: Int?
  var step: LadderStep?
  var severity: Severity
  var urgency: Urgency
  var certainty = Certainty.observed
  var fault: FaultCause?
  var observed: Alert.Observed?
}

/// The life of every alert: ids, revisions, sequences, the chain of references, and renewal before expiry.
///
/// At most one alert of a kind is active for a sensor at a time.
struct AlertBook: Sendable {
  /// An active alert is valid this long after its last message…
  static let validity = TimeSpan.hours(2)
  /// …and is renewed this long after it.
  static let renewal = TimeSpan.minutes(90)
  /// At most so many earlier messages are referred to: the first, and the newest of the rest.
  static let referenceLimit = 64

  private let gateway: String
  private let identify: @Sendable (AlertOrigin) -> String
  /// An alert that is not cleared.
  struct Active: Sendable {
    /// Its latest message.
    var alert: Alert
    /// The sequence of its first message, which orders the active alerts.
    let raisedAs: UInt64
  }

  /// In the order of raising.
  private(set) var active: [Active] = []
  /// The last number given in the stream `alert`.
  private(set) var sequence: UInt64 = 0
  /// How many ids were made.
  private(set) var ordinal: UInt64 = 0
  /// The last number given in each person's stream. Grows with the persons who were ever on this gateway's list, since a
  /// number must not be given twice.
  private var subjectSequences: [SubjectID: UInt64] = [:]

  init(gateway: String, identify: @escaping @Sendable (AlertOrigin) -> String) {
    self.gateway = gateway
    self.identify = identify
  }

  /// Where in `active` the alert of this kind for this sensor stands, if there is one.
  func index(of kind: AlertKind, for sensor: SensorID) -> Int? {
    active.firstIndex { $0.alert.sensor == sensor && $0.alert.kind == kind }
  }

  /// The worst active hazard of a sensor.
  func hazard(of sensor: SensorID) -> Severity? {
    var worst: Severity?
    for alert in active.lazy.map(\.alert) where alert.sensor == sensor && alert.kind.isHazard && alert.mode == .actual {
      worst = max(worst ?? alert.severity, alert.severity)
    }
    return worst
  }

  /// When the first active alert must be renewed.
  var deadline: MonotonicTime? {
    active.lazy.map { $0.alert.detected.monotonic + Self.renewal }.min()
  }

  /// The first alert, in the order of raising, that must be renewed at `time`.
  func indexToRenew(at time: MonotonicTime) -> Int? {
    active.firstIndex { $0.alert.detected.monotonic + Self.renewal <= time }
  }

  mutating func raise(
    _ kind: AlertKind, sensor: SensorID, name: String, onset: Moment, content: AlertContent, at moment: Moment
  ) -> Alert {
    sequence += 1
    let id = makeID(source: sensor.text, kind: kind.rawValue, onset: onset.wall)
    let alert = Alert(
      id: id, revision: 1, message: .raise, reason: nil, mode: .actual, sequence: sequence, sensor: sensor, name: name,
      kind: kind, level: content.level, step: content.step, severity: content.severity, urgency: content.urgency,
      certainty: content.certainty, fault: content.fault, onset: onset, detected: moment,
      expires: moment.wall + Self.validity, observed: content.observed, references: [])
    active.append(Active(alert: alert, raisedAs: sequence))
    return alert
  }

  mutating func update(_ index: Int, reason: String, content: AlertContent, at moment: Moment) -> Alert {
    let alert = follow(active[index].alert, .update, reason: reason, content: content, at: moment)
    active[index].alert = alert
    return alert
  }

  mutating func clear(_ index: Int, reason: String, content: AlertContent, at moment: Moment) -> Alert {
    let alert = follow(active[index].alert, .clear, reason: reason, content: content, at: moment)
    active.remove(at: index)
    return alert
  }

  private mutating func follow(
    _ last: Alert, _ message: MessageType, reason: String, content: AlertContent, at moment: Moment
  ) -> Alert {
    sequence += 1
    var next = last
    next.revision += 1
    next.message = message
    next.reason = reason
    next.sequence = sequence
    next.level = content.level
    next.step = content.step
    next.severity = content.severity
    next.urgency = content.urgency
    next.certainty = content.certainty
    next.fault = content.fault
    next.observed = content.observed
    next.detected = moment
    next.expires = moment.wall + Self.validity
    next.references.append(Alert.Reference(revision: last.revision, sent: last.detected.wall))
    if next.references.count > Self.referenceLimit { next.references.remove(at: 1) }
    return next
  }

  /// The id of something new.
  mutating func makeID(source: String, kind: String, onset: WallTime) -> String {
    ordinal += 1
    return identify(AlertOrigin(gateway: gateway, source: source, kind: kind, onset: onset, ordinal: ordinal))
  }

  /// The next number in a person's stream.
  mutating func nextSequence(of subject: SubjectID) -> UInt64 {
    let next = (subjectSequences[subject] ?? 0) + 1
    subjectSequences[subject] = next
    return next
  }

  /// Goes on from an earlier run.
  mutating func restore(_ alerts: [Active], ordinal: UInt64, sequences: [String: UInt64]) {
    active = alerts.sorted { $0.raisedAs < $1.raisedAs }
    self.ordinal = ordinal
    sequence = max(sequences["alert"] ?? 0, alerts.map(\.alert.sequence).max() ?? 0)
    for (stream, last) in sequences where stream != "alert" {
      subjectSequences[SubjectID(stream)] = last
    }
  }
}

/// What a restart must know of an active alert.
struct AlertMemory: Sendable, Hashable, Codable {
  var alert: Alert
  var raisedAs: UInt64
}
