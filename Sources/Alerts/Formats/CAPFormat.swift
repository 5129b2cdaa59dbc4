import Observations

extension Formats {
  /// The alert as a CAP 1.2 document, or nil where `[cap]` is not configured.
  ///
  /// Valid against the OASIS schema and section 3's rules. The answer asked for is never an evacuation, and the end of an
  /// alert is no "all clear": one sensor can say neither.
  public func cap(_ unnamed: Alert) -> [UInt8]? {
    guard let settings = context.cap else { return nil }
    let alert = named(unnamed)
    // Without the characters that section 3.2.1 forbids: the id's slash becomes a full stop.
    let life = String(decoding: alert.id.utf8.map { $0 == UInt8(ascii: "/") ? UInt8(ascii: ".") : $0 }, as: UTF8.self)
    var xml = XMLWriter(capacity: 8192)
    xml.begin("alert", namespace: "urn:oasis:names:tc:emergency:cap:1.2")
    xml.element("identifier", "\(life).\(alert.revision)")
    xml.element("sender", settings.sender)
    xml.element("sent", wholeSeconds(alert.detected.wall))
    xml.element("status", status(of: alert))
    xml.element("msgType", messageType(of: alert))
    xml.element("scope", settings.scope.rawValue)
    xml.element("restriction", settings.restriction)
    xml.element("note", note(of: alert))
    if alert.message != .raise, !alert.references.isEmpty {
      let references = alert.references.map {
        "\(settings.sender),\(life).\($0.revision),\(wholeSeconds($0.sent))"
      }
      xml.element("references", references.joined(separator: " "))
    }
    for text in wording.texts(for: alert) { writeInfo(alert, text, into: &xml) }
    xml.end("alert")
    return xml.bytes
  }

  /// Section 3.2.1: an exercise's identifier should appear here. So does that the chain of references is not whole.
  private func note(of alert: Alert) -> String? {
    var parts: [String] = []
    if alert.mode != .actual { parts.append(wording.marks(of: alert.mode).joined(separator: " ") + " " + alert.id) }
    let earlier = alert.revision - 1
    if alert.message != .raise, alert.references.count < earlier {
      parts.append(
        "References name the first and the newest \(alert.references.count - 1) of \(earlier) earlier messages; the others"
          + " were superseded by messages named here.")
    }
    return parts.isEmpty ? nil : parts.joined(separator: " ")
  }

  private func writeInfo(_ alert: Alert, _ text: AlertText, into xml: inout XMLWriter) {
    xml.begin("info")
    xml.element("language", Self.regionalTag(text.language))
    xml.element("category", alert.kind.isHazard ? "Met" : "Infra")
    xml.element("event", text.event)
    xml.element("responseType", responseType(of: alert))
    xml.element("urgency", Self.capitalized(alert.urgency.rawValue))
    xml.element("severity", Self.capitalized(alert.severity.name))
    xml.element("certainty", Self.capitalized(alert.certainty.rawValue))
    xml.element("onset", wholeSeconds(alert.onset.wall))
    xml.element("expires", wholeSeconds(alert.expires))
    xml.element("senderName", context.name)
    xml.element("headline", text.headline)
    xml.element("description", text.description)
    xml.element("instruction", text.instruction)
    xml.element("contact", context.contact)
    writeParameters(alert, into: &xml)
    xml.begin("area")
    xml.element("areaDesc", alert.name)
    if let position = position(of: alert.sensor) {
      xml.element("circle", "\(Self.degrees(position.latitude)),\(Self.degrees(position.longitude)) 0")
    }
    xml.pair("geocode", "JIS municipality code", context.municipality)
    xml.end("area")
    xml.end("info")
  }

  private func writeParameters(_ alert: Alert, into xml: inout XMLWriter) {
    xml.pair("parameter", "kind", alert.kind.rawValue)
    xml.pair("parameter", "sensor", alert.sensor.bare)
    xml.pair("parameter", "about", alert.sensor.about)
    xml.pair("parameter", "affected", alert.affected.map { $0.map(\.text).joined(separator: " ") })
    xml.pair("parameter", "level", alert.level.map { String($0) })
    xml.pair("parameter", "step", alert.step?.rawValue)
    xml.pair("parameter", "fault", alert.fault?.rawValue)
    if let observed = alert.observed {
      xml.pair("parameter", "quantity", observed.quantity.rawValue)
      if !observed.quantity.unit.isEmpty { xml.pair("parameter", "unit", observed.quantity.unit) }
      xml.pair("parameter", "value", observed.value?.description)
      xml.pair("parameter", "threshold", observed.threshold?.description)
      xml.pair("parameter", "within_s", observed.within.map { String($0.nanoseconds / 1_000_000_000) })
      xml.pair("parameter", "rate_per_hour", observed.ratePerHour?.description)
      xml.pair("parameter", "next_step", observed.next?.step.rawValue)
      xml.pair("parameter", "next_at", observed.next.map { text($0.at) })
      xml.pair("parameter", "next_earliest", observed.next.map { text($0.earliest) })
      xml.pair("parameter", "next_latest", observed.next.map { text($0.latest) })
    }
    // The times that the texts may name beside.
    xml.pair("parameter", "until", alert.until.map(text))
    xml.pair("parameter", "acknowledged_until", alert.acknowledged.map { text($0.until) })
    xml.pair("parameter", "clock", alert.detected.clock.rawValue)
  }

  /// CAP's form of a time, which has no fraction. An Update repeats its original's `sent` to the byte.
  func wholeSeconds(_ time: WallTime) -> String {
    let remainder = time.milliseconds % 1000
    return text(WallTime(milliseconds: time.milliseconds - (remainder < 0 ? remainder + 1000 : remainder)))
  }

  private func status(of alert: Alert) -> String {
    switch alert.mode {
    case .exercise: "Exercise"
    case .test: "Test"
    // What concerns the gateway alone is the alerting network's own affair.
    case .actual: alert.kind.isHazard ? "Actual" : "System"
    }
  }

  private func messageType(of alert: Alert) -> String {
    switch alert.message {
    case .raise: "Alert"
    case .update: "Update"
    case .clear: "Cancel"
    }
  }

  private func responseType(of alert: Alert) -> String {
    guard alert.kind.isHazard else { return alert.message == .clear ? "None" : "Assess" }
    return alert.message != .clear && alert.severity >= .moderate ? "Avoid" : "Monitor"
  }

  /// A language as a CAP reader expects it, with its country; any other tag as it is.
  static func regionalTag(_ language: String) -> String {
    switch language {
    case "ja": "ja-JP"
    case "en": "en-US"
    case "vi": "vi-VN"
    case "zh-Hans": "zh-CN"
    default: language
    }
  }

  private static func capitalized(_ word: String) -> String {
    word.prefix(1).uppercased() + word.dropFirst()
  }

  private static func degrees(_ value: Double) -> String {
    var json = JSONWriter(capacity: 16)
    json.rounded(value, decimals: 7)
    return String(decoding: json.bytes, as: UTF8.self)
  }
}
