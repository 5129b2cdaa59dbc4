/// The offsets from UTC of one time zone over the years: a table, so that the same input gives the same text anywhere.
public struct TimeZoneOffsets: Sendable, Hashable {
  /// From `start` on, local time is UTC + `seconds`.
  public struct Period: Sendable, Hashable {
    public let start: WallTime
    public let seconds: Int

    public init(start: WallTime, seconds: Int) {
      self.start = start
      self.seconds = seconds
    }
  }

  private let periods: [Period]

  /// `periods` rise by `start`; the first also holds for everything before it. An empty table is UTC.
  public init(_ periods: [Period]) {
    self.periods = periods
  }

  /// A zone that never changes its offset.
  public static func fixed(seconds: Int) -> TimeZoneOffsets {
    TimeZoneOffsets([Period(start: WallTime(milliseconds: .min), seconds: seconds)])
  }

  /// Seconds east of UTC at `time`.
  public func seconds(at time: WallTime) -> Int {
    var low = 0
    var high = periods.count
    while low < high {
      let middle = (low + high) / 2
      if periods[middle].start <= time { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? (periods.first?.seconds ?? 0) : periods[low - 1].seconds
  }
}

/// A date and time of day as a calendar on the wall shows it (proleptic Gregorian).
public struct CivilTime: Sendable, Hashable {
  public var year: Int
  public var month: Int
  public var day: Int
  public var hour: Int
  public var minute: Int
  public var second: Int
  public var millisecond: Int

  /// The local date and time of `time` in `zone`.
  public init(_ time: WallTime, in zone: TimeZoneOffsets) {
    self.init(localMilliseconds: time.milliseconds + Int64(zone.seconds(at: time)) * 1000)
  }

  private init(localMilliseconds: Int64) {
    let days = Self.floorDivide(localMilliseconds, 86_400_000)
    let inDay = Int(localMilliseconds - days * 86_400_000)
    (year, month, day) = Self.date(daysSince1970: Int(days))
    hour = inDay / 3_600_000
    minute = inDay / 60_000 % 60
    second = inDay / 1000 % 60
    millisecond = inDay % 1000
  }

  /// 0 is Monday, 6 is Sunday.
  public var weekday: Int {
    let days = Self.daysSince1970(year: year, month: month, day: day)
    return ((days + 3) % 7 + 7) % 7
  }

  /// Days from 1970-01-01 to the date; counts whole 400-year eras, each of 146,097 days, from 1 March of year 0.
  public static func daysSince1970(year: Int, month: Int, day: Int) -> Int {
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = Int(floorDivide(Int64(shiftedYear), 400))
    let yearOfEra = shiftedYear - era * 400
    let monthFromMarch = (month + 9) % 12
    let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  private static func date(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = Int(floorDivide(Int64(shifted), 146_097))
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }

  private static func floorDivide(_ dividend: Int64, _ divisor: Int64) -> Int64 {
    let quotient = dividend / divisor
    return dividend % divisor < 0 ? quotient - 1 : quotient
  }
}

extension WallTime {
  /// RFC 3339 with the zone's offset: whole seconds, or milliseconds where there are any.
  public func rfc3339(in zone: TimeZoneOffsets) -> String {
    let offset = zone.seconds(at: self)
    let civil = CivilTime(self, in: zone)
    var text = [UInt8]()
    text.reserveCapacity(29)
    func append(_ number: Int, digits: Int) {
      var divisor = 1
      for _ in 1..<digits { divisor *= 10 }
      while divisor > 0 {
        text.append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
        divisor /= 10
      }
    }
    append(civil.year, digits: 4)
    text.append(UInt8(ascii: "-"))
    append(civil.month, digits: 2)
    text.append(UInt8(ascii: "-"))
    append(civil.day, digits: 2)
    text.append(UInt8(ascii: "T"))
    append(civil.hour, digits: 2)
    text.append(UInt8(ascii: ":"))
    append(civil.minute, digits: 2)
    text.append(UInt8(ascii: ":"))
    append(civil.second, digits: 2)
    if civil.millisecond > 0 {
      text.append(UInt8(ascii: "."))
      append(civil.millisecond, digits: 3)
    }
    text.append(UInt8(ascii: offset < 0 ? "-" : "+"))
    append(abs(offset) / 3600, digits: 2)
    text.append(UInt8(ascii: ":"))
    append(abs(offset) / 60 % 60, digits: 2)
    return String(decoding: text, as: UTF8.self)
  }

  /// Reads an RFC 3339 date and time (section 5.6) with `Z` or an offset and up to nine decimals of a second, the rest
  /// below a millisecond cut off. Returns nil for anything else, also for a date that no calendar has.
  public init?(rfc3339 text: String) {
    guard let parsed = Self.parse(text.utf8.span) else { return nil }
    self = parsed
  }

  /// The same for bytes, so that a recording is read without making a string of each time.
  public init?(rfc3339 bytes: Span<UInt8>) {
    guard let parsed = Self.parse(bytes) else { return nil }
    self = parsed
  }

  private static func parse(_ bytes: Span<UInt8>) -> WallTime? {
    guard bytes.count >= 20, bytes.count <= 35 else { return nil }
    func number(_ start: Int, _ digits: Int) -> Int? {
      guard start + digits <= bytes.count else { return nil }
      var result = 0
      for index in start..<start + digits {
        let digit = bytes[index] &- UInt8(ascii: "0")
        guard digit <= 9 else { return nil }
        result = result * 10 + Int(digit)
      }
      return result
    }
    func isAt(_ index: Int, _ character: UInt8) -> Bool { bytes[index] == character }
    guard let year = number(0, 4), isAt(4, UInt8(ascii: "-")), let month = number(5, 2),
      isAt(7, UInt8(ascii: "-")), let day = number(8, 2), bytes[10] | 0x20 == UInt8(ascii: "t"),
      let hour = number(11, 2), isAt(13, UInt8(ascii: ":")), let minute = number(14, 2),
      isAt(16, UInt8(ascii: ":")), let second = number(17, 2)
    else { return nil }
    guard (1...12).contains(month), day >= 1, day <= daysInMonth(month, year: year), hour <= 23, minute <= 59,
      second <= 59
    else { return nil }
    var index = 19
    var millisecond = 0
    if isAt(index, UInt8(ascii: ".")) {
      index += 1
      var weight = 100
      let start = index
      while index < bytes.count, let digit = number(index, 1) {
        millisecond += digit * weight
        weight /= 10
        index += 1
      }
      guard index > start, index - start <= 9 else { return nil }
    }
    guard index < bytes.count else { return nil }
    var offsetMinutes = 0
    if bytes[index] | 0x20 == UInt8(ascii: "z") {
      index += 1
    } else {
      guard isAt(index, UInt8(ascii: "+")) || isAt(index, UInt8(ascii: "-")), index + 6 <= bytes.count,
        let hours = number(index + 1, 2), hours <= 23, isAt(index + 3, UInt8(ascii: ":")),
        let minutes = number(index + 4, 2), minutes <= 59
      else { return nil }
      offsetMinutes = (hours * 60 + minutes) * (isAt(index, UInt8(ascii: "-")) ? -1 : 1)
      index += 6
    }
    guard index == bytes.count else { return nil }
    let days = CivilTime.daysSince1970(year: year, month: month, day: day)
    let minutes = days * 1440 + hour * 60 + minute - offsetMinutes
    return WallTime(milliseconds: (Int64(minutes) * 60 + Int64(second)) * 1000 + Int64(millisecond))
  }

  private static func daysInMonth(_ month: Int, year: Int) -> Int {
    switch month {
    case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }
}
