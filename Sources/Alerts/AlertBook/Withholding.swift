import Observations

/// Somebody works at a sensor: what it would tell of danger is kept back, and told at the end if it is so then.
extension AlertBook {
  /// What is kept back of one alert.
  struct Withheld: Sendable, Hashable, Codable {
    /// The last message that was told; nil: none was.
    var told: Alert?
    /// Why the last message that was not told would have been made.
    var reason: String
    /// The alert is over; only its end is kept back.
    var isOver = false
  }

  /// Where the alert of this kind for this sensor stands, if something of it is withheld.
  func withheldIndex(of kind: AlertKind, for sensor: SensorID) -> Int? {
    active.firstIndex { $0.alert.sensor == sensor && $0.alert.kind == kind && $0.withheld != nil }
  }

  /// Something would be raised. Returns its place.
  mutating func withholdRaise(
    _ kind: AlertKind, sensor: SensorID, name: String, onset: Moment, content: AlertContent, at moment: Moment
  ) -> Int {
    if let index = withheldIndex(of: kind, for: sensor) {
      active[index].withheld?.isOver = false
      active[index].alert.take(content)
      return index
    }
    var alert = Alert(
      id: "", revision: 0, message: .raise, reason: nil, mode: .actual, sequence: 0, sensor: sensor, name: name,
      kind: kind, level: nil, step: nil, severity: content.severity, urgency: content.urgency,
      certainty: content.certainty, fault: nil, onset: onset, detected: moment, expires: moment.wall + Self.validity,
      observed: nil, references: [])
    alert.take(content)
    active.append(Active(alert: alert, raisedAs: .max, withheld: Withheld(told: nil, reason: "")))
    return active.count - 1
  }

  mutating func withholdUpdate(_ index: Int, reason: String, content: AlertContent) {
    if active[index].withheld == nil { active[index].withheld = Withheld(told: active[index].alert, reason: reason) }
    active[index].withheld?.reason = reason
    active[index].alert.take(content)
  }

  /// Something would be cleared. Returns whether there is anything left of it.
  mutating func withholdClear(_ index: Int, reason: String, content: AlertContent) -> Bool {
    withholdUpdate(index, reason: reason, content: content)
    active[index].withheld?.isOver = true
    guard active[index].withheld?.told == nil else { return true }
    active.remove(at: index)
    return false
  }

  /// Forgets one that was never told, so that it can be raised.
  mutating func dropUntold(_ index: Int) {
    active.remove(at: index)
  }
}

extension AlertBook.Active {
  /// A message was made.
  mutating func tell(_ alert: Alert) {
    if withheld == nil { self.alert = alert } else { withheld?.told = alert }
    lostRevisions = 0
    if alert.acknowledged == nil { acknowledgedUntil = nil }
    isToldEarlier = false
  }
}

extension Alert {
  mutating func take(_ content: AlertContent) {
    level = content.level
    step = content.step
    severity = content.severity
    urgency = content.urgency
    certainty = content.certainty
    fault = content.fault
    observed = content.observed
    until = content.until
  }

  /// What its latest message says.
  var content: AlertContent {
    AlertContent(
      level: level, step: step, severity: severity, urgency: urgency, certainty: certainty, fault: fault,
      observed: observed, until: until)
  }
}
