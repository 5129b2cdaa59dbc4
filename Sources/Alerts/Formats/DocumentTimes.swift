/// Where a kind of document has times that the gateway's clock gave it. A satellite's own time is none of them.
enum DocumentTimes {
  /// What a value has to do with the clock.
  enum Role {
    /// The time of something that was over when the document was made.
    case past
    /// The time of something that was to come.
    case ahead
    /// How far the clock could be trusted.
    case clock
  }

  /// The path of the time at which a document of this schema was made: the one that `uptime` belongs to. Nil where its
  /// times are not corrected.
  static func made(_ schema: String) -> String? {
    switch schema {
    case "mimamori.alert/1", "mimamori.notice/1": "detected"
    case "mimamori.observation/1", "mimamori.output/1": "time"
    case "mimamori.place/1": "since"
    default: nil
    }
  }

  /// Of a document with a schema of `made(_:)`.
  static func role(of path: String) -> Role? {
    switch path {
    case "clock": .clock
    case "detected", "time", "since", "onset", "last_seen", "acknowledged.at", "sums.clock_10m.until",
      "sums.today.since", "sums.since_rain_began.since", "sums.counted_since":
      .past
    case "expires", "until", "silenced_until", "acknowledged.until", "observed.next.at", "observed.next.earliest",
      "observed.next.latest", "next.at", "next.earliest", "next.latest":
      .ahead
    default: nil
    }
  }

  /// Of a measure for a context broker: the names of the data models, in either representation.
  static func role(ofMeasure path: String) -> Role? {
    if path.hasSuffix(".observedAt") { return .past }
    switch path.hasSuffix(".value") ? String(path.dropLast(".value".count)) : path {
    case "clock": return .clock
    case "TimeInstant", "dateObserved", "observationDateTime", "dateIssued", "validFrom": return .past
    case "validTo": return .ahead
    default: return nil
    }
  }
}
