public import Observations

/// Why a time zone cannot be used.
public struct TimeZoneTableError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Reason: Sendable, Hashable {
    /// The database has no zone of this name.
    case unknownName
    /// The database, or this file in it, cannot be read.
    case unreadable
  }

  public let name: String
  public let reason: Reason

  public var description: String {
    switch reason {
    case .unknownName: "there is no time zone \(TOMLValue.quoted(name))"
    case .unreadable: "the time zone \(TOMLValue.quoted(name)) cannot be read from \(TimeZoneTable.folder)"
    }
  }
}

/// Reads the system's time zone database (TZif, RFC 9636) into tables of offsets.
///
/// The C library would tell offsets only for one zone a process, set through its environment; reading the file itself
/// needs no such global state, and the same file gives the same table in a replay.
public enum TimeZoneTable {
  /// Where Debian keeps the database.
  static let folder = "/usr/share/zoneinfo"
  /// The years that the table holds; outside them the nearest offset goes on.
  public static let years = 1990...2100

  /// The offsets of the zone `name`, such as `Asia/Tokyo`, for `years`.
  public static func offsets(of name: String) throws(TimeZoneTableError) -> TimeZoneOffsets {
    guard isPlausible(name) else { throw TimeZoneTableError(name: name, reason: .unknownName) }
    guard let bytes = TextFile.bytes("\(folder)/\(name)", limit: 64 * 1024) else {
      let isFolderThere = FileLocations.exists(folder)
      throw TimeZoneTableError(name: name, reason: isFolderThere ? .unknownName : .unreadable)
    }
    guard let file = TimeZoneFile(bytes) else {
      let isOtherFile = !bytes.starts(with: Array("TZif".utf8))
      throw TimeZoneTableError(name: name, reason: isOtherFile ? .unknownName : .unreadable)
    }
    return TimeZoneOffsets(periods(of: file))
  }

  /// A name is a path inside the database: it must not lead out of it.
  private static func isPlausible(_ name: String) -> Bool {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    return (1...4).contains(parts.count)
      && parts.allSatisfy { part in
        !part.isEmpty
          && part.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
              || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
          }
      }
  }

  private static func periods(of file: TimeZoneFile) -> [TimeZoneOffsets.Period] {
    let first = Int64(CivilTime.daysSince1970(year: years.lowerBound, month: 1, day: 1)) * 86_400
    let last = Int64(CivilTime.daysSince1970(year: years.upperBound + 1, month: 1, day: 1)) * 86_400
    var transitions = file.transitions
    if let rule = file.rule {
      let end = transitions.last?.time ?? .min
      transitions += rule.transitions(years: years).filter { $0.time > end }
    }
    var initial = file.initialSeconds
    var periods: [TimeZoneOffsets.Period] = []
    for transition in transitions where transition.time < last {
      if transition.time <= first {
        initial = transition.seconds
      } else if transition.seconds != periods.last?.seconds ?? initial {
        periods.append(.init(start: WallTime(milliseconds: transition.time * 1000), seconds: transition.seconds))
      }
    }
    return [.init(start: WallTime(milliseconds: .min), seconds: initial)] + periods
  }
}

/// The parts of a TZif file that matter: from when on which offset holds.
struct TimeZoneFile {
  /// From `time`, in seconds since 1970, local time is UTC + `seconds`.
  struct Transition: Hashable {
    let time: Int64
    let seconds: Int
  }

  let transitions: [Transition]
  /// Before the first transition.
  let initialSeconds: Int
  /// What holds after the last transition.
  let rule: TimeZoneRule?

  /// Reads the second data block, with 64 bit times, and the footer. Nil for anything malformed, for the first version of
  /// the format, and for zones that count leap seconds.
  init?(_ bytes: [UInt8]) {
    func number(_ start: Int, _ count: Int) -> Int64 {
      var result: Int64 = bytes[start] & 0x80 != 0 ? -1 : 0
      for index in start..<start + count { result = result << 8 | Int64(bytes[index]) }
      return result
    }
    guard let first = Header(bytes, at: 0) else { return nil }
    let second = Header.size + first.blockSize(timeSize: 4)
    guard let header = Header(bytes, at: second), header.leapSeconds == 0, header.types > 0 else { return nil }
    let times = second + Header.size
    let indices = times + header.transitions * 8
    let types = indices + header.transitions
    let end = second + Header.size + header.blockSize(timeSize: 8)
    guard end < bytes.count else { return nil }
    func seconds(type: Int) -> Int? {
      guard type < header.types else { return nil }
      let seconds = number(types + type * 6, 4)
      return abs(seconds) < 26 * 3600 ? Int(seconds) : nil
    }
    var transitions: [Transition] = []
    for index in 0..<header.transitions {
      let time = number(times + index * 8, 8)
      guard let seconds = seconds(type: Int(bytes[indices + index])) else { return nil }
      // Beyond these no calendar of ours reaches; RFC 9636 allows a "big bang" far before.
      guard abs(time) < 1 << 40 else { continue }
      if let last = transitions.last, time <= last.time { return nil }
      transitions.append(Transition(time: time, seconds: seconds))
    }
    guard let initial = seconds(type: 0) else { return nil }
    self.transitions = transitions
    initialSeconds = initial
    let footer = bytes[(end + 1)...].prefix { $0 != UInt8(ascii: "\n") }
    guard bytes[end] == UInt8(ascii: "\n") else { return nil }
    if footer.isEmpty {
      rule = nil
    } else {
      guard let parsed = TimeZoneRule(String(decoding: footer, as: UTF8.self)) else { return nil }
      rule = parsed
    }
  }

  /// The counts at the head of a data block (RFC 9636, section 3.1).
  private struct Header {
    static let size = 44
    let utcIndicators: Int
    let standardIndicators: Int
    let leapSeconds: Int
    let transitions: Int
    let types: Int
    let characters: Int

    init?(_ bytes: [UInt8], at start: Int) {
      guard start + Self.size <= bytes.count, bytes[start..<start + 4].elementsEqual("TZif".utf8),
        bytes[start + 4] >= UInt8(ascii: "2")
      else { return nil }
      func count(_ index: Int) -> Int {
        bytes[(start + 20 + index * 4)..<(start + 24 + index * 4)].reduce(0) { $0 << 8 | Int($1) }
      }
      // No file of at most 64 KB holds more of anything.
      guard (0..<6).allSatisfy({ count($0) <= 65_536 }) else { return nil }
      (utcIndicators, standardIndicators, leapSeconds) = (count(0), count(1), count(2))
      (transitions, types, characters) = (count(3), count(4), count(5))
    }

    func blockSize(timeSize: Int) -> Int {
      transitions * (timeSize + 1) + types * 6 + characters + leapSeconds * (timeSize + 4) + standardIndicators
        + utcIndicators
    }
  }
}
