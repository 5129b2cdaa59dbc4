public import Observations

/// What the two sentences say that a position needs: RMC and GGA, from any system of satellites.
public enum NMEASentence: Sendable, Hashable {
  /// Recommended minimum data: position, time and date. `fix` is nil while the receiver has none.
  case recommendedMinimum(timeOfDay: Int?, date: Date?, fix: Position?)
  /// Fix data: position, time of day and dilution of precision. `fix` is nil while the receiver has none.
  case fixData(timeOfDay: Int?, fix: Position?, dilutionHundredths: Int?)

  /// A day of the Gregorian calendar in UTC.
  public struct Date: Sendable, Hashable {
    public let year: Int
    public let month: Int
    public let day: Int
  }

  /// Reads the body of a sentence whose checksum was right. Nil for every other kind of sentence, those of makers
  /// (`P…`) included, and for one whose fields are no numbers.
  public init?(body: [UInt8]) {
    let fields = body.split(separator: UInt8(ascii: ","), maxSplits: 30, omittingEmptySubsequences: false)
    guard let address = fields.first, address.count == 5, address.first != UInt8(ascii: "P") else { return nil }
    switch address.suffix(3) {
    case [0x52, 0x4D, 0x43]: self.init(recommendedMinimum: fields)
    case [0x47, 0x47, 0x41]: self.init(fixData: fields)
    default: return nil
    }
  }

  /// `RMC,hhmmss.ss,A,ddmm.mmmm,N,dddmm.mmmm,E,speed,course,ddmmyy,…,…,mode`
  private init?(recommendedMinimum fields: [ArraySlice<UInt8>]) {
    guard fields.count >= 10 else { return nil }
    let isValid = fields[2].elementsEqual([UInt8(ascii: "A")])
    // Dead reckoning, manual input and simulators call themselves valid too.
    let mode = fields.count > 12 ? fields[12].first : nil
    let isMeasured = mode.map { ![0x45, 0x4D, 0x53, 0x4E].contains($0) } ?? true
    var fix: Position?
    if isValid, isMeasured {
      guard let position = Self.position(fields[3...6]) else { return nil }
      fix = position
    }
    self = .recommendedMinimum(timeOfDay: Self.timeOfDay(fields[1]), date: Self.date(fields[9]), fix: fix)
  }

  /// `GGA,hhmmss.ss,ddmm.mmmm,N,dddmm.mmmm,E,quality,satellites,dilution,…`
  private init?(fixData fields: [ArraySlice<UInt8>]) {
    guard fields.count >= 9, let quality = Self.number(fields[6]) else { return nil }
    var fix: Position?
    // 1 to 5 are measured; 6 is dead reckoning, 7 manual input, 8 a simulator.
    if (1...5).contains(quality) {
      guard let position = Self.position(fields[2...5]) else { return nil }
      fix = position
    }
    self = .fixData(
      timeOfDay: Self.timeOfDay(fields[1]), fix: fix,
      dilutionHundredths: Self.decimal(fields[8], places: 2).flatMap { Int(exactly: $0) })
  }

  /// Milliseconds since midnight UTC. A leap second counts as the second before it.
  private static func timeOfDay(_ field: ArraySlice<UInt8>) -> Int? {
    guard field.count >= 6, let hour = number(field.prefix(2)), let minute = number(field.dropFirst(2).prefix(2)),
      let milliseconds = decimal(field.dropFirst(4), places: 3), hour < 24, minute < 60, milliseconds < 61_000
    else { return nil }
    return (hour * 60 + minute) * 60_000 + min(milliseconds, 59_999)
  }

  /// `ddmmyy`; from 80 on it is the last century, where receivers begin that know no date yet.
  private static func date(_ field: ArraySlice<UInt8>) -> Date? {
    guard field.count == 6, let day = number(field.prefix(2)), let month = number(field.dropFirst(2).prefix(2)),
      let year = number(field.suffix(2)), (1...31).contains(day), (1...12).contains(month)
    else { return nil }
    return Date(year: year < 80 ? 2000 + year : 1900 + year, month: month, day: day)
  }

  private static func position(_ fields: ArraySlice<ArraySlice<UInt8>>) -> Position? {
    let parts = Array(fields)
    guard let latitude = degrees(parts[0], digits: 2, most: 90), let longitude = degrees(parts[2], digits: 3, most: 180)
    else { return nil }
    let north = parts[1].first
    let east = parts[3].first
    guard parts[1].count == 1, parts[3].count == 1, north == UInt8(ascii: "N") || north == UInt8(ascii: "S"),
      east == UInt8(ascii: "E") || east == UInt8(ascii: "W")
    else { return nil }
    return Position(
      latitude: Double(north == UInt8(ascii: "N") ? latitude : -latitude) / 1e7,
      longitude: Double(east == UInt8(ascii: "E") ? longitude : -longitude) / 1e7)
  }

  /// `ddmm.mmmm` in ten-millionths of a degree, rounded half up.
  private static func degrees(_ field: ArraySlice<UInt8>, digits: Int, most: Int) -> Int? {
    guard field.count > digits, let whole = number(field.prefix(digits)),
      let minutes = decimal(field.dropFirst(digits), places: 7), minutes < 600_000_000
    else { return nil }
    let total = whole * 10_000_000 + (minutes + 30) / 60
    return total <= most * 10_000_000 ? total : nil
  }

  private static func number(_ field: ArraySlice<UInt8>) -> Int? {
    guard (1...6).contains(field.count) else { return nil }
    var value = 0
    for byte in field {
      guard (0x30...0x39).contains(byte) else { return nil }
      value = value * 10 + Int(byte - 0x30)
    }
    return value
  }

  /// An unsigned decimal number with up to ten digits on each side, in so many decimal places; further ones are cut.
  private static func decimal(_ field: ArraySlice<UInt8>, places: Int) -> Int? {
    let parts = field.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
    guard var value = number(parts[0]) else { return nil }
    let fraction = parts.count > 1 ? Array(parts[1]) : []
    guard fraction.count <= 10, fraction.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    for place in 0..<places {
      value = value * 10 + (place < fraction.count ? Int(fraction[place] - 0x30) : 0)
    }
    return value
  }
}
