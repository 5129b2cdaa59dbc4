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
  private let names: [SensorID: String]
  private let catalogue: Catalogue

  /// - Parameter names: the names of sensors, as people know them.
  init(
    languages: [String], contact: String?, zone: TimeZoneOffsets, names: [SensorID: String] = [:],
    catalogue: Catalogue = .embedded
  ) {
    self.names = names
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

  /// What a step is equivalent to, in each language.
  func names(of level: AlertLevel) -> [(language: String, name: String)] {
    var values = Template.Values()
    values[.level] = String(level.rawValue)
    return languages.map { ($0, phrase("level.name", $0, values)) }
  }

  /// - Parameter keys: of the headline, the description and the instruction.
  private func text(for alert: Alert, keys: [[String]], in language: String) -> AlertText {
    let event = phrase("event.\(alert.kind.rawValue)", language)
    var values = values(of: alert, language)
    values[.kind] = event
    let fields = keys.map { catalogue.template($0, in: language).render(values) }
    var instruction = fields[2]
    instruction += contactNote(language)
    let mark = mark(of: alert.mode, language)
    return AlertText(
      language: language, event: mark + event, headline: mark + fields[0],
      description: mark + fields[1] + trendNote(alert, language) + forecastNote(alert, language)
        + acknowledgedNote(alert, language) + correctedNote(alert, language)
        + clockNote(alert.detected.clock, language),
      instruction: mark + instruction)
  }

  private func text(for notice: Notice, in language: String) -> NoticeText {
    var values = Template.Values()
    values[.place] = notice.placeName
    values[.time] = clock(CivilTime(notice.detected.wall, in: zone), language)
    values[.lastSeen] = lastSeen(of: notice, language)
    values[.kind] = phrase("notice_event.\(notice.kind.rawValue)", language)
    func render(_ field: String) -> String {
      catalogue.template(Self.keys(of: notice, field), in: language).render(values)
    }
    let mark = mark(of: notice.mode, language)
    return NoticeText(
      language: language, headline: mark + render("headline"),
      description: mark + render("description") + (notice.kind.isRoutine ? "" : contactNote(language))
        + clockNote(notice.detected.clock, language))
  }

  private func lastSeen(of notice: Notice, _ language: String) -> String {
    guard notice.hasBeenSeen else { return phrase("time.never", language) }
    guard notice.isLastSeenKnown else { return phrase("time.unknown", language) }
    return time(notice.lastSeen.wall, seenFrom: notice.detected.wall, language)
  }

  private func values(of alert: Alert, _ language: String) -> Template.Values {
    var values = Template.Values()
    values[.sensor] = alert.name
    values[.time] = clock(CivilTime(alert.detected.wall, in: zone), language)
    values[.onset] = time(alert.onset.wall, seenFrom: alert.detected.wall, language)
    if let until = alert.until { values[.until] = time(until, seenFrom: alert.detected.wall, language) }
    if let level = alert.level {
      values[.level] = String(level)
      values[.equivalent] = phrase("equivalent", language, values)
    }
    if let affected = alert.affected {
      values[.sensors] = list(affected.map { names[$0] ?? $0.text }, language)
      values[.count] = String(affected.count)
    }
    if alert.kind.isAboutAValue || alert.observed != nil {
      let observed = alert.observed
      let unknown = phrase("value.unknown", language)
      values[.value] = observed.flatMap { quantity($0.valueText, $0.quantity, language) } ?? unknown
      values[.threshold] = observed.flatMap { quantity($0.thresholdText, $0.quantity, language) } ?? unknown
      values[.within] = observed?.within.map { count($0, "within", language) } ?? ""
      values[.per] = observed?.within.map { count($0, "per", language) } ?? ""
      values[.step] = phrase("step.\(alert.step?.rawValue ?? "unknown")", language)
    }
    if !alert.kind.isHazard {
      values[.fault] = alert.fault?.rawValue ?? ""
      let group = alert.fault?.wordingGroup ?? "unknown"
      values[.cause] = phrase("cause.\(group)", language, values)
      values[.todo] = phrase("todo.\(group)", language)
    }
    return values
  }

  /// What is added to a message that waited: when it was detected, and when it was sent at last.
  ///
  /// - Parameters:
  ///   - detected: nil where that is not known.
  ///   - now: when it is sent; a clock that is not synchronized, or tells of an earlier time, is not quoted.
  func lateNote(detected: WallTime?, now: Moment, _ language: String) -> String {
    guard let detected, now.clock != .unsynchronized, now.wall >= detected else {
      return phrase("late.untimed", language)
    }
    var values = Template.Values()
    values[.time] = time(detected, seenFrom: now.wall, language)
    values[.sent] = time(now.wall, seenFrom: detected, language)
    return phrase("late", language, values)
  }

  /// Names one after the other; of many the first, and how many there are beside them.
  private func list(_ names: [String], _ language: String) -> String {
    var values = Template.Values()
    var text = ""
    for name in names.prefix(Self.mostNames) {
      values[.sensor] = text
      values[.place] = name
      text = text.isEmpty ? name : phrase("list.two", language, values)
    }
    guard names.count > Self.mostNames else { return text }
    values[.sensors] = text
    values[.count] = String(names.count - Self.mostNames)
    return phrase("list.more", language, values)
  }

  /// So many sensors are named in one text at most; the message's `silenced` has all of them.
  private static let mostNames = 8

  private func phrase(_ key: String, _ language: String, _ values: Template.Values = Template.Values()) -> String {
    catalogue.template([key], in: language).render(values)
  }

  private func mark(of mode: AlertMode, _ language: String) -> String {
    mode == .actual ? "" : phrase("mode.\(mode.rawValue)", language) + " "
  }

  func clockNote(_ clock: ClockQuality, _ language: String) -> String {
    clock == .unsynchronized ? " " + phrase("clock.unsynchronized", language) : ""
  }

  private func contactNote(_ language: String) -> String {
    guard let contact else { return "" }
    var values = Template.Values()
    values[.contact] = contact
    return " " + phrase("contact", language, values)
  }

  /// Whether the water rises, as far as that is known; a fast rise says it in its own words.
  private func trendNote(_ alert: Alert, _ language: String) -> String {
    guard alert.kind == .waterLevel, alert.message != .clear || Self.isOver(alert), !alert.isUnproven,
      let observed = alert.observed, observed.value != nil, let rate = observed.ratePerHour
    else { return "" }
    // Millimetres an hour: a sixtieth is centimetres in ten minutes. Below one it is noise.
    let centimetres = (rate.thousandths.magnitude + 30) / 60
    var values = Template.Values()
    values[.count] = String(centimetres)
    let isSteady = rate.thousandths.magnitude < 60
    let trend = isSteady ? "steady" : rate.thousandths > 0 ? "rising" : "falling"
    return " " + phrase("trend.\(trend)", language, values)
  }

  /// The estimate of when the next step will be reached, or that an earlier one holds no longer.
  private func forecastNote(_ alert: Alert, _ language: String) -> String {
    guard let next = alert.observed?.next else {
      return alert.reason == "forecast_withdrawn" ? " " + phrase("forecast.withdrawn", language) : ""
    }
    var values = Template.Values()
    values[.step] = phrase("step.\(next.step.rawValue)", language)
    values[.next] = time(next.at, seenFrom: alert.detected.wall, language)
    values[.earliest] = time(next.earliest, seenFrom: alert.detected.wall, language)
    values[.latest] = time(next.latest, seenFrom: alert.detected.wall, language)
    return " " + phrase("forecast", language, values)
  }

  /// That somebody looks after it; at its end there is nothing left to look after.
  private func acknowledgedNote(_ alert: Alert, _ language: String) -> String {
    guard let known = alert.acknowledged, alert.message != .clear else { return "" }
    var values = Template.Values()
    values[.until] = time(known.until, seenFrom: alert.detected.wall, language)
    return " " + phrase("acknowledged", language, values)
  }

  /// A number with its unit, in the manner of the language.
  private func quantity(_ number: String?, _ quantity: Quantity, _ language: String) -> String? {
    guard let number else { return nil }
    let parts = number.split(separator: ".", omittingEmptySubsequences: false)
    var values = Template.Values()
    values[.value] = parts.joined(separator: phrase("number.point", language))
    return phrase("unit.\(quantity.rawValue)", language, values)
  }

  /// How long, or by what a rate counts: whole hours as hours, else minutes.
  private func count(_ span: TimeSpan, _ phrases: String, _ language: String) -> String {
    let minutes = max(1, span.nanoseconds / 60_000_000_000)
    let isHours = minutes.isMultiple(of: 60)
    var values = Template.Values()
    values[.count] = String(isHours ? minutes / 60 : minutes)
    return phrase("\(phrases).\(isHours ? "hours" : "minutes")", language, values)
  }

  /// That earlier messages told other times.
  private func correctedNote(_ alert: Alert, _ language: String) -> String {
    alert.reason == Alert.timeCorrected ? " " + phrase("clock.corrected", language) : ""
  }

  /// What any text may name that is no time, whatever it looks like.
  var fixedNames: [String] { [contact].compactMap { $0 } + names.values }

  /// The time of day.
  func clock(_ time: WallTime, _ language: String) -> String { clock(CivilTime(time, in: zone), language) }

  private func clock(_ civil: CivilTime, _ language: String) -> String {
    var values = Template.Values()
    values[.half] = phrase(civil.hour < 12 ? "time.before_noon" : "time.after_noon", language)
    values[.hour] = String(civil.hour)
    values[.hour2] = Self.twoDigits(civil.hour)
    values[.hour12] = String(civil.hour % 12)
    values[.minute] = String(civil.minute)
    values[.minute2] = Self.twoDigits(civil.minute)
    return phrase("time.clock", language, values)
  }

  /// The time of day, with the date where it is another day than that of `reference`.
  func time(_ time: WallTime, seenFrom reference: WallTime, _ language: String) -> String {
    let civil = CivilTime(time, in: zone)
    let day = CivilTime(reference, in: zone)
    let clock = clock(civil, language)
    if civil.day == day.day, civil.month == day.month, civil.year == day.year { return clock }
    var values = Template.Values()
    values[.year] = String(civil.year)
    values[.month] = String(civil.month)
    values[.month2] = Self.twoDigits(civil.month)
    values[.day] = String(civil.day)
    values[.day2] = Self.twoDigits(civil.day)
    values[.clock] = clock
    return phrase("time.other_day", language, values)
  }

  private static func twoDigits(_ number: Int) -> String {
    number < 10 ? "0\(number)" : String(number)
  }
}
