import Observations

/// Which texts of the catalogue an alert or a notice asks for.
extension Wording {
  /// The keys of one field of a notice's text, the most telling first.
  static func keys(of notice: Notice, _ field: String) -> [String] {
    let kind = notice.kind.rawValue
    var keys = ["notice.\(notice.person.rawValue).\(kind).\(field)", "notice.\(kind).\(field)", "notice.any.\(field)"]
    if case .moving = notice.whereabouts { keys.insert("notice.\(kind).moving.\(field)", at: 0) }
    if !notice.isLastSeenKnown { keys.insert("notice.\(kind).untimed.\(field)", at: 0) }
    if !notice.hasBeenSeen { keys.insert("notice.\(kind).never.\(field)", at: 0) }
    return keys
  }

  /// The keys of one field of an alert's text, the most telling first.
  static func keys(of alert: Alert, _ field: String) -> [String] {
    var kind = alert.kind.rawValue
    if alert.affected != nil { kind += ".group" }
    // A contact says that the mains are gone, and no voltage.
    if alert.kind == .power, alert.observed?.quantity == .contact { kind += ".mains" }
    // The ledger has no value and no limit.
    if alert.kind == .storage, let fault = alert.fault { kind += ".\(fault.rawValue)" }
    // One that has ended is more than one that will.
    if alert.message != .clear, alert.kind == .certificate, alert.fault == .certificateExpired { kind += ".expired" }
    let message = alert.message.rawValue
    if alert.message == .clear, !isOver(alert) {
      return ["any.\(alert.reason ?? message).\(field)", "any.\(message).\(field)", "any.\(field)"]
    }
    var keys: [String] = []
    keys.reserveCapacity(7)
    // It goes on measuring, and what it says counts.
    let isDoubt = alert.kind == .sensorFault && alert.fault?.isDoubt == true
    if let variant = variant(of: alert) { keys.append("\(kind).\(variant).\(field)") }
    if isDoubt { keys.append("\(kind).doubt.\(message).\(field)") }
    keys.append("\(kind).\(message).\(field)")
    if isDoubt { keys.append("\(kind).doubt.\(field)") }
    keys.append("\(kind).\(field)")
    keys.append("any.\(message).\(field)")
    keys.append("any.\(field)")
    return keys
  }

  /// Whether the end of an alert means that what was measured is over. Any other reason, such as a sensor that was taken
  /// out of the configuration, says nothing about the water.
  static func isOver(_ alert: Alert) -> Bool {
    alert.reason == (alert.kind.isHazard ? "released" : "recovered")
  }

  /// An update that has words of its own. A change of step says on which side of the threshold the value lies: after a
  /// fall it may lie below the threshold of the step that is still in force.
  private static func variant(of alert: Alert) -> String? {
    guard alert.message == .update, let reason = alert.reason else { return nil }
    if alert.isUnproven { return "fault" }
    if alert.kind == .rain, alert.until != nil { return "suppressed" }
    guard alert.kind == .waterLevel, reason == "step" else { return reason }
    guard let value = alert.observed?.value, let threshold = alert.observed?.threshold else { return nil }
    return value >= threshold ? "step_above" : "step_below"
  }
}
