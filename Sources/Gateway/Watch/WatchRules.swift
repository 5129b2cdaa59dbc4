import Alerts
import Observations

extension WatchRules.TimeOfDay {
  /// Reads `HH:MM`.
  init?(_ text: String) {
    let characters = Array(text.utf8)
    guard characters.count == 5, characters[2] == UInt8(ascii: ":"),
      let hour = WatchRules.number(characters[..<2]), let minute = WatchRules.number(characters[3...]), hour < 24,
      minute < 60
    else { return nil }
    self.init(minutes: hour * 60 + minute)
  }
}

extension WatchRules.Day {
  /// Reads `YYYY-MM-DD`; nil for a day that no calendar has.
  init?(_ text: String) {
    guard text.utf8.count == 10, let time = WallTime(rfc3339: "\(text)T00:00:00Z") else { return nil }
    let civil = CivilTime(time, in: .fixed(seconds: 0))
    self.init(year: civil.year, month: civil.month, day: civil.day)
  }
}

extension WatchRules {
  /// Checks the members of the wire; throws what is wrong with them.
  init(_ wire: Wire) throws(WatchRulesError) {
    let notArrivedBy = try wire.notArrivedBy.map { text throws(WatchRulesError) in
      try Self.time(text, "not_arrived_by")
    }
    var days = Set<Weekday>()
    for word in wire.days ?? [] {
      guard let day = Weekday(rawValue: word) else { throw WatchRulesError(problem: "days are mon to sun") }
      days.insert(day)
    }
    guard (wire.except ?? []).count <= 400 else { throw WatchRulesError(problem: "except has more than 400 days") }
    var except = Set<Day>()
    for text in wire.except ?? [] {
      guard let day = Day(text) else { throw WatchRulesError(problem: "except holds days as YYYY-MM-DD") }
      except.insert(day)
    }
    let nightExit = try wire.nightExit.map { night throws(WatchRulesError) in
      var pausedUntil: WallTime?
      if let text = night.pausedUntil {
        guard let time = WallTime(rfc3339: text) else {
          throw WatchRulesError(problem: "night_exit.pause_until is no RFC 3339 time")
        }
        pausedUntil = time
      }
      return NightExit(
        from: try Self.time(night.from, "night_exit.from"), to: try Self.time(night.to, "night_exit.to"),
        pausedUntil: pausedUntil)
    }
    let notSeenFor = try wire.notSeenFor.map { text throws(WatchRulesError) in try Self.span(text) }
    self.init(
      notArrivedBy: notArrivedBy, days: wire.days == nil ? Set(Weekday.allCases) : days, except: except,
      nightExit: nightExit, notSeenFor: notSeenFor)
  }

  private static func time(_ text: String, _ name: String) throws(WatchRulesError) -> TimeOfDay {
    guard let time = TimeOfDay(text) else { throw WatchRulesError(problem: "\(name) is no time as HH:MM") }
    return time
  }

  /// Reads a duration as the configuration writes it: `10s`, `10m`, `24h`.
  private static func span(_ text: String) throws(WatchRulesError) -> TimeSpan {
    let characters = Array(text.utf8)
    let unit: Int64? =
      switch characters.last {
      case UInt8(ascii: "s"): 1
      case UInt8(ascii: "m"): 60
      case UInt8(ascii: "h"): 3600
      default: nil
      }
    guard let unit, let count = number(characters.dropLast()), (1...31 * 86_400).contains(Int64(count) * unit) else {
      throw WatchRulesError(problem: "not_seen_for is a duration such as 90m or 24h, up to 31 days")
    }
    return .seconds(Int64(count) * unit)
  }

  /// One to seven decimal digits and nothing else.
  fileprivate static func number(_ characters: ArraySlice<UInt8>) -> Int? {
    guard (1...7).contains(characters.count) else { return nil }
    var number = 0
    for character in characters {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(character) else { return nil }
      number = number * 10 + Int(character - UInt8(ascii: "0"))
    }
    return number
  }
}

/// What is wrong with a rule of a watch list.
struct WatchRulesError: Error {
  let problem: String
}

extension WatchRules {
  /// The rules as they are written, with the names of the wire.
  struct Wire: Codable, Hashable {
    struct NightExit: Codable, Hashable {
      var from: String
      var to: String
      var pausedUntil: String?

      enum CodingKeys: String, CodingKey {
        case from, to
        case pausedUntil = "pause_until"
      }
    }

    var notArrivedBy: String?
    var days: [String]?
    var except: [String]?
    var nightExit: NightExit?
    var notSeenFor: String?

    enum CodingKeys: String, CodingKey {
      case notArrivedBy = "not_arrived_by"
      case days, except
      case nightExit = "night_exit"
      case notSeenFor = "not_seen_for"
    }
  }
}
