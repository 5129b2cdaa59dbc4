import Observations

/// The rule of a zone for the years to come: the footer of a TZif file, written as POSIX's TZ variable
/// (RFC 9636, section 3.3.1).
struct TimeZoneRule: Hashable {
  /// A day of each year and the time on it at which the offset changes.
  struct Change: Hashable {
    enum Day: Hashable {
      /// 1 to 365; 29 February is never counted.
      case withoutLeapDay(Int)
      /// 0 to 365; 29 February is counted.
      case withLeapDay(Int)
      /// Month 1 to 12, week 1 to 5 (5: the last), weekday 0 (Sunday) to 6.
      case weekday(month: Int, week: Int, weekday: Int)
    }

    let day: Day
    /// Seconds from midnight of local time; may lie on another day.
    let seconds: Int
  }

  /// Seconds east of UTC.
  let standardSeconds: Int
  let summer: Summer?

  /// The other offset and when it begins and ends.
  struct Summer: Hashable {
    let seconds: Int
    let begins: Change
    let ends: Change
  }

  /// Reads such as `JST-9` or `EST5EDT,M3.2.0,M11.1.0`; nil for anything else.
  init?(_ text: String) {
    var scanner = Scanner(bytes: Array(text.utf8)[...])
    guard scanner.skipName(), let west = scanner.time() else { return nil }
    standardSeconds = -west
    guard !scanner.isAtEnd else {
      summer = nil
      return
    }
    guard scanner.skipName() else { return nil }
    var summerSeconds = standardSeconds + 3600
    if !scanner.isNext(",") {
      guard let west = scanner.time() else { return nil }
      summerSeconds = -west
    }
    guard scanner.skip(","), let begins = scanner.change(), scanner.skip(","), let ends = scanner.change(),
      scanner.isAtEnd
    else { return nil }
    summer = Summer(seconds: summerSeconds, begins: begins, ends: ends)
  }

  /// All changes of these years, in order.
  func transitions(years: ClosedRange<Int>) -> [TimeZoneFile.Transition] {
    guard let summer else {
      return [.init(time: Self.seconds(ofYear: years.lowerBound), seconds: standardSeconds)]
    }
    var transitions: [TimeZoneFile.Transition] = []
    for year in years {
      let begins = Self.time(of: summer.begins, year: year) - Int64(standardSeconds)
      let ends = Self.time(of: summer.ends, year: year) - Int64(summer.seconds)
      transitions.append(.init(time: begins, seconds: summer.seconds))
      transitions.append(.init(time: ends, seconds: standardSeconds))
    }
    return transitions.sorted { $0.time < $1.time }
  }

  private static func seconds(ofYear year: Int) -> Int64 {
    Int64(CivilTime.daysSince1970(year: year, month: 1, day: 1)) * 86_400
  }

  /// Seconds from 1970 to the change, both in local time.
  private static func time(of change: Change, year: Int) -> Int64 {
    let firstDay = CivilTime.daysSince1970(year: year, month: 1, day: 1)
    let day: Int
    switch change.day {
    case .withLeapDay(let number): day = firstDay + number
    case .withoutLeapDay(let number):
      let isLeap = CivilTime.daysSince1970(year: year, month: 3, day: 1) - firstDay == 60
      day = firstDay + number - 1 + (isLeap && number >= 60 ? 1 : 0)
    case .weekday(let month, let week, let weekday):
      let first = CivilTime.daysSince1970(year: year, month: month, day: 1)
      let next = CivilTime.daysSince1970(year: month == 12 ? year + 1 : year, month: month % 12 + 1, day: 1)
      // 1970-01-01 was a Thursday, 4 when Sunday is 0.
      let firstWeekday = ((first + 4) % 7 + 7) % 7
      var candidate = first + (weekday - firstWeekday + 7) % 7 + (week - 1) * 7
      if candidate >= next { candidate -= 7 }
      day = candidate
    }
    return Int64(day) * 86_400 + Int64(change.seconds)
  }

  private struct Scanner {
    var bytes: ArraySlice<UInt8>

    var isAtEnd: Bool { bytes.isEmpty }

    func isNext(_ character: Unicode.Scalar) -> Bool { bytes.first == UInt8(ascii: character) }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
      guard isNext(character) else { return false }
      bytes.removeFirst()
      return true
    }

    /// Three letters or more, or anything between angle brackets.
    mutating func skipName() -> Bool {
      if skip("<") {
        guard let end = bytes.firstIndex(of: UInt8(ascii: ">")) else { return false }
        bytes = bytes[(end + 1)...]
        return true
      }
      let letters = bytes.prefix { (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) }
      bytes = bytes.dropFirst(letters.count)
      return letters.count >= 3
    }

    mutating func number(most: Int) -> Int? {
      let digits = bytes.prefix { (0x30...0x39).contains($0) }
      guard (1...3).contains(digits.count) else { return nil }
      bytes = bytes.dropFirst(digits.count)
      let number = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
      return number <= most ? number : nil
    }

    /// `[+-]hh[:mm[:ss]]` in seconds; up to 167 hours.
    mutating func time() -> Int? {
      let isNegative = skip("-")
      if !isNegative { _ = skip("+") }
      guard var seconds = number(most: 167).map({ $0 * 3600 }) else { return nil }
      for unit in [60, 1] where skip(":") {
        guard let part = number(most: 59) else { return nil }
        seconds += part * unit
      }
      return isNegative ? -seconds : seconds
    }

    mutating func change() -> Change? {
      let day: Change.Day
      if skip("M") {
        guard let month = number(most: 12), month >= 1, skip("."), let week = number(most: 5), week >= 1, skip("."),
          let weekday = number(most: 6)
        else { return nil }
        day = .weekday(month: month, week: week, weekday: weekday)
      } else if skip("J") {
        guard let number = number(most: 365), number >= 1 else { return nil }
        day = .withoutLeapDay(number)
      } else {
        guard let number = number(most: 365) else { return nil }
        day = .withLeapDay(number)
      }
      guard skip("/") else { return Change(day: day, seconds: 2 * 3600) }
      guard let seconds = time() else { return nil }
      return Change(day: day, seconds: seconds)
    }
  }
}
