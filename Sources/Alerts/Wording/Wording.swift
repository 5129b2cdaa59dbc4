import Observations

/// An alert's words in one language.
struct AlertText: Sendable, Hashable {
  var language: String
  /// CAP's name of the type of event.
  var event: String
  var headline: String
  var description: String
  var instruction: String
}

/// A notice's words in one language.
struct NoticeText: Sendable, Hashable {
  var language: String
  var headline: String
  var description: String
}

/// Puts alerts and notices into words: what was measured and where, in each configured language.
struct Wording: Sendable {
  let languages: [String]
  private let contact: String?
  private let zone: TimeZoneOffsets
  private let catalogue: Catalogue

  init(languages: [String], contact: String?, zone: TimeZoneOffsets, catalogue: Catalogue = .embedded) {
    self.languages = languages
    self.contact = contact.flatMap { $0.isEmpty ? nil : $0 }
    self.zone = zone
    self.catalogue = catalogue
  }

  func texts(for alert: Alert) -> [AlertText] {
    let keys = ["headline", "description", "instruction"].map { Self.keys(of: alert, $0) }
    return languages.map { text(for: alert, keys: keys, in: $0) }
  }

  func texts(for notice: Notice) -> [NoticeText] {
    languages.map { text(for: notice, in: $0) }
  }

  /// What comes first in an exercise or a test, in each language; nothing in what is real.
  func marks(of mode: AlertMode) -> [String] {
    mode == .actual ? [] : languages.map { phrase("mode.\(mode.rawValue)", $0) }
  }

  /// - Parameter keys: of the headline, the description and the instruction.
  private func text(for alert: Alert, keys: [[String]], in language: String) -> AlertText {
    let event = phrase("event.\(alert.kind.rawValue)", language)
    var values = values(of: alert, language)
    values[.kind] = event
    let fields = keys.map { catalogue.template($0, in: language).render(values) }
    var instruction = fields[2]
    if let contact {
      var values = Template.Values()
      values[.contact] = contact
      instruction += " " + phrase("contact", language, values)
    }
    let mark = mark(of: alert.mode, language)
    return AlertText(
      language: language, event: mark + event, headline: mark + fields[0],
      description: mark + fields[1] + clockNote(alert.detected.clock, language),
      instruction: mark + instruction)
  }

  private func text(for notice: Notice, in language: String) -> NoticeText {
    var values = Template.Values()
    values[.place] = notice.placeName
    values[.time] = clock(notice.detected.wall)
    values[.lastSeen] = time(notice.lastSeen.wall, seenFrom: notice.detected.wall, language)
    values[.kind] = phrase("notice_event.\(notice.kind.rawValue)", language)
    func render(_ field: String) -> String {
      let keys = ["notice.\(notice.person.rawValue).\(notice.kind.rawValue).\(field)", "notice.any.\(field)"]
      return catalogue.template(keys, in: language).render(values)
    }
    let mark = mark(of: notice.mode, language)
    return NoticeText(
      language: language, headline: mark + render("headline"),
      description: mark + render("description") + clockNote(notice.detected.clock, language))
  }

  /// The keys of one field of an alert's text, the most telling first.
  static func keys(of alert: Alert, _ field: String) -> [String] {
    let kind = alert.kind.rawValue
    let message = alert.message.rawValue
    if alert.message == .clear, !isOver(alert) {
      return ["any.\(alert.reason ?? message).\(field)", "any.\(message).\(field)", "any.\(field)"]
    }
    var keys: [String] = []
    keys.reserveCapacity(5)
    if let variant = variant(of: alert) { keys.append("\(kind).\(variant).\(field)") }
    keys.append("\(kind).\(message).\(field)")
    keys.append("\(kind).\(field)")
    keys.append("any.\(message).\(field)")
    keys.append("any.\(field)")
    return keys
  }

  /// Whether the end of an alert means that what was measured is over. Any other reason, such as a sensor that was taken
  /// out of the configuration, says nothing about the water.
  private static func isOver(_ alert: Alert) -> Bool {
    alert.reason == (alert.kind.isHazard ? "released" : "recovered")
  }

  /// An update that has words of its own. A change of step says on which side of the threshold the value lies: after a
  /// fall it may lie below the threshold of the step that is still in force.
  private static func variant(of alert: Alert) -> String? {
    guard alert.message == .update, let reason = alert.reason else { return nil }
    guard alert.kind == .waterLevel, reason == "step" else { return reason }
    guard let value = alert.observed?.value, let threshold = alert.observed?.threshold else { return nil }
    return value >= threshold ? "step_above" : "step_below"
  }

  private func values(of alert: Alert, _ language: String) -> Template.Values {
    var values = Template.Values()
    values[.sensor] = alert.name
    values[.time] = clock(alert.detected.wall)
    values[.onset] = time(alert.onset.wall, seenFrom: alert.detected.wall, language)
    if let level = alert.level {
      values[.level] = String(level)
      values[.equivalent] = phrase("equivalent", language, values)
    }
    if alert.kind == .waterLevel || alert.observed != nil {
      let observed = alert.observed
      let unit = observed.map { phrase("unit.\($0.quantity.rawValue)", language) } ?? ""
      let unknown = phrase("value.unknown", language)
      values[.value] = observed?.valueText.map { "\($0) \(unit)" } ?? unknown
      values[.threshold] = observed?.thresholdText.map { "\($0) \(unit)" } ?? unknown
      values[.step] = phrase("step.\(alert.step?.rawValue ?? "unknown")", language)
    }
    if !alert.kind.isHazard {
      values[.fault] = alert.fault?.rawValue ?? ""
      values[.cause] = phrase("cause.\(alert.fault?.wordingGroup ?? "unknown")", language, values)
    }
    return values
  }

  private func phrase(_ key: String, _ language: String, _ values: Template.Values = Template.Values()) -> String {
    catalogue.template([key], in: language).render(values)
  }

  private func mark(of mode: AlertMode, _ language: String) -> String {
    mode == .actual ? "" : phrase("mode.\(mode.rawValue)", language) + " "
  }

  private func clockNote(_ clock: ClockQuality, _ language: String) -> String {
    clock == .unsynchronized ? " " + phrase("clock.unsynchronized", language) : ""
  }

  private func clock(_ time: WallTime) -> String {
    CivilTime(time, in: zone).clockText
  }

  /// Hours and minutes, with the date where it is another day than that of `reference`.
  private func time(_ time: WallTime, seenFrom reference: WallTime, _ language: String) -> String {
    let civil = CivilTime(time, in: zone)
    let day = CivilTime(reference, in: zone)
    if civil.day == day.day, civil.month == day.month, civil.year == day.year { return civil.clockText }
    var values = Template.Values()
    values[.year] = String(civil.year)
    values[.month] = String(civil.month)
    values[.day] = String(civil.day)
    values[.clock] = civil.clockText
    return phrase("time.other_day", language, values)
  }
}

extension CivilTime {
  /// `HH:MM`.
  fileprivate var clockText: String {
    func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
    return "\(twoDigits(hour)):\(twoDigits(minute))"
  }
}

extension FaultCause {
  /// Which words tell this cause to people: [cause.…] of the catalogue.
  var wordingGroup: String {
    switch self {
    case .timeout, .lateReply, .silent, .deaf: "no_answer"
    case .garbledReply, .deviceException, .edgesLost: "bad_answer"
    case .outOfRange, .blindZone, .noTarget: "implausible"
    case .portMissing, .portBusy, .portLost, .portError: "port"
    default: "other"
    }
  }
}

extension Alert.Observed {
  /// The value as people read it: at most two decimals, unless rounding would put it on the threshold's other side.
  var valueText: String? {
    guard let value else { return nil }
    let exact = value.decimal(minimumDecimals: decimals)
    let rounded = value.rounded(toDecimals: decimals)
    if let threshold, (rounded >= threshold) != (value >= threshold) { return exact }
    return rounded.decimal(minimumDecimals: decimals)
  }

  /// The threshold with at least as many decimals as the value; never rounded.
  var thresholdText: String? {
    threshold?.decimal(minimumDecimals: decimals)
  }

  private var decimals: Int { min(quantity.decimals, 2) }
}

extension Measure {
  /// Rounded half away from zero.
  fileprivate func rounded(toDecimals decimals: Int) -> Measure {
    var step: Int64 = 1000
    for _ in 0..<decimals { step /= 10 }
    let half = thousandths < 0 ? -(step / 2) : step / 2
    return Measure(thousandths: (thousandths + half) / step * step)
  }
}
