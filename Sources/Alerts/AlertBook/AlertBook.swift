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
  /// Nil: as the last message said.
  var affected: [SensorID]?
  /// When it ends by itself.
  var until: WallTime?
}

/// The life of every alert: ids, revisions, sequences, the chain of references, and renewal before expiry.
///
/// At most one alert of a kind is active for a sensor at a time.
struct AlertBook: Sendable {
  /// An active alert is valid this long after its last message…
  static let validity = TimeSpan.hours(2)
  /// …and is renewed this long after it.
  static let renewal = TimeSpan.minutes(90)

  private let gateway: String
  private let identify: @Sendable (AlertOrigin) -> String
  /// An alert that is not cleared.
  struct Active: Sendable {
    /// Its latest message; while it is withheld, what the next one would say.
    var alert: Alert
    /// The sequence of its first message, which orders the active alerts.
    var raisedAs: UInt64
    /// When its acknowledgement is over.
    var acknowledgedUntil: CommandEnd?
    /// Set while somebody works at its sensor and it has changed.
    var withheld: Withheld?
    /// Whether its first and its latest message were made in an earlier boot, whose times nothing can correct.
    var isRaisedEarlier = false
    var isToldEarlier = false
    /// When messages' times were corrected last.
    var correctedAt: MonotonicTime?
    /// Revisions after the latest that an earlier run may have sent before it was killed, and that nobody here knows any
    /// more: their numbers name bytes already.
    var lostRevisions = 0

    /// Its latest message that was told; nil: none was.
    var told: Alert? { withheld.map(\.told) ?? alert }
  }

  /// In the order of raising.
  var active: [Active] = []
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

  /// Where in `active` the alert of this kind for this sensor stands, if there is one. One whose end is only withheld is
  /// over.
  func index(of kind: AlertKind, for sensor: SensorID) -> Int? {
    // Each is looked at where it stands: an alert is large, and every reading asks.
    let alerts = active.span
    for index in alerts.indices
    where alerts[index].alert.kind == kind && alerts[index].alert.sensor == sensor
      && alerts[index].withheld?.isOver != true
    {
      return index
    }
    return nil
  }

  /// Whether any hazard, of whatever sensor, is not proven.
  var hasUnproven: Bool {
    let alerts = active.span
    // What `isUnproven` says: asked as a property each alert would be copied.
    for index in alerts.indices
    where alerts[index].alert.certainty == .unknown && alerts[index].alert.kind.isHazard {
      return true
    }
    return false
  }

  /// As `index(of:for:)`, if it is of a hazard that is not proven.
  func unprovenIndex(of kind: AlertKind, for sensor: SensorID) -> Int? {
    guard let index = index(of: kind, for: sensor) else { return nil }
    let alerts = active.span
    return alerts[index].alert.isUnproven ? index : nil
  }

  /// The worst active hazard of a sensor. What a sensor that hangs has raised is kept and proves nothing.
  func hazard(of sensor: SensorID) -> Severity? {
    var worst: Severity?
    for alert in active.lazy.compactMap(\.told)
    where alert.sensor == sensor && alert.kind.isHazard && alert.mode == .actual && !alert.isUnproven {
      worst = max(worst ?? alert.severity, alert.severity)
    }
    return worst
  }

  /// Whether anything that a sensor raised about danger is still active, proven or not.
  func hasHazard(of sensor: SensorID) -> Bool {
    active.contains { $0.alert.sensor == sensor && $0.alert.kind.isHazard }
  }

  /// When the first active alert must be renewed.
  var deadline: MonotonicTime? {
    active.lazy.compactMap { $0.told.map { $0.detected.monotonic + Self.renewal } }.min()
  }

  /// The first alert, in the order of raising, that must be renewed at `time`.
  func indexToRenew(at time: MonotonicTime) -> Int? {
    active.firstIndex { $0.told.map { $0.detected.monotonic + Self.renewal <= time } ?? false }
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
      expires: moment.wall + Self.validity, observed: content.observed, references: [], until: content.until,
      affected: content.affected)
    active.append(Active(alert: alert, raisedAs: sequence))
    return alert
  }

  /// Tells an update; of one that is withheld it goes out all the same.
  mutating func update(_ index: Int, reason: String, content: AlertContent, at moment: Moment) -> Alert {
    let alert = follow(
      active[index].told ?? active[index].alert, .update, reason: reason, content: content,
      lostRevisions: active[index].lostRevisions, at: moment)
    active[index].tell(alert)
    return alert
  }

  mutating func clear(_ index: Int, reason: String, content: AlertContent, at moment: Moment) -> Alert {
    let alert = follow(
      active[index].told ?? active[index].alert, .clear, reason: reason, content: content,
      lostRevisions: active[index].lostRevisions, at: moment)
    active.remove(at: index)
    return alert
  }

  /// The next message of an alert, with the next number of the stream.
  mutating func follow(
    _ last: Alert, _ message: MessageType, reason: String, content: AlertContent, lostRevisions: Int, at moment: Moment
  ) -> Alert {
    sequence += 1
    var next = last
    // Who took note of it has not taken note of this.
    if content.severity > last.severity || content.level ?? 0 > last.level ?? 0 { next.acknowledged = nil }
    next.revision += 1 + lostRevisions
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
    if let affected = content.affected { next.affected = affected }
    next.until = content.until
    next.detected = moment
    next.expires = moment.wall + Self.validity
    next.references.append(Alert.Reference(revision: last.revision, sent: last.detected.wall))
    return next
  }

  /// The id of something new.
  mutating func makeID(source: String, kind: String, onset: WallTime) -> String {
    ordinal += 1
    return identify(AlertOrigin(gateway: gateway, source: source, kind: kind, onset: onset, ordinal: ordinal))
  }

  /// The next number in the stream `alert`, for a message that is made elsewhere.
  mutating func nextSequence() -> UInt64 {
    sequence += 1
    return sequence
  }

  func identifyRehearsal(of alert: Alert, mode: AlertMode, ordinal: UInt64) -> String {
    identify(
      AlertOrigin(
        gateway: gateway, source: "\(mode.rawValue)/\(alert.sensor.text)", kind: alert.kind.rawValue,
        onset: alert.onset.wall, ordinal: ordinal))
  }

  /// The next number in a person's stream.
  mutating func nextSequence(of subject: SubjectID) -> UInt64 {
    let next = (subjectSequences[subject] ?? 0) + 1
    subjectSequences[subject] = next
    return next
  }

  /// Goes on from an earlier run.
  ///
  /// - Parameter sequences: the last number of each stream, from the ledger, which takes no other than the next. A ledger that
  ///   was begun anew counts from 1, whatever number the alerts that stand were told with. Nil: nobody counts but this book.
  mutating func restore(_ alerts: [Active], ordinal: UInt64, sequences: [String: UInt64]?) {
    func isBefore(_ left: Active, _ right: Active) -> Bool {
      (left.raisedAs, left.alert.sensor.text, left.alert.kind.rawValue)
        < (right.raisedAs, right.alert.sensor.text, right.alert.kind.rawValue)
    }
    active = alerts.sorted(by: isBefore)
    self.ordinal = ordinal
    guard let sequences else {
      sequence = alerts.compactMap(\.told?.sequence).max() ?? 0
      return
    }
    sequence = sequences["alert"] ?? 0
    for (stream, last) in sequences where stream != "alert" {
      subjectSequences[SubjectID(stream)] = last
    }
  }
}

extension Alert {
  /// A hazard whose sensor was found to hang: nobody knows whether it goes on.
  var isUnproven: Bool { kind.isHazard && certainty == .unknown }
}

/// What a restart must know of an active alert.
struct AlertMemory: Sendable, Hashable, Codable {
  var alert: Alert
  var raisedAs: UInt64
  /// Older records do not have it.
  var acknowledgedUntil: CommandEnd?
  var withheld: AlertBook.Withheld?
  /// Older records do not have these.
  var isRaisedEarlier: Bool?
  var isToldEarlier: Bool?
  var correctedAt: MonotonicTime?
  /// Nil: none.
  var lostRevisions: Int?
}

extension AlertBook.Active {
  var memory: AlertMemory {
    AlertMemory(
      alert: alert, raisedAs: raisedAs, acknowledgedUntil: acknowledgedUntil, withheld: withheld,
      isRaisedEarlier: isRaisedEarlier ? true : nil, isToldEarlier: isToldEarlier ? true : nil,
      correctedAt: correctedAt, lostRevisions: lostRevisions == 0 ? nil : lostRevisions)
  }

  /// Goes on from an earlier run.
  init(_ memory: AlertMemory, savedAt: Moment, shift: TimeShift) {
    func shifted(_ alert: Alert) -> Alert {
      var alert = alert
      let detected = alert.detected
      alert.detected = Moment(
        monotonic: shift.throughPause(detected.monotonic, savedAt: savedAt), wall: detected.wall,
        clock: detected.clock)
      return alert
    }
    self.init(
      alert: shifted(memory.alert), raisedAs: memory.raisedAs,
      acknowledgedUntil: memory.acknowledgedUntil?.shifted(by: shift, savedAt: savedAt), withheld: memory.withheld,
      lostRevisions: memory.lostRevisions ?? 0)
    withheld?.told = memory.withheld?.told.map(shifted)
    isRaisedEarlier = memory.isRaisedEarlier ?? false || !shift.isSameBoot(savedAt)
    isToldEarlier = memory.isToldEarlier ?? false || !shift.isSameBoot(savedAt)
    correctedAt = memory.correctedAt.map { shift.throughPause($0, savedAt: savedAt) }
  }
}
