import Observations

/// Single values.
extension RecordingMembers {
  /// Times are kept within what 64 bits of nanoseconds can hold with room for every waiting time.
  static let latestTime = WallTime(milliseconds: 7_258_118_400_000)  // 2200-01-01
  static let latestMonotonic = MonotonicTime(nanoseconds: 4_000_000_000_000_000_000)

  static func time(_ value: JSONScanner.Value, _ bytes: Span<UInt8>) throws(RecordingProblem) -> WallTime {
    guard case .string(let range, true) = value, let time = WallTime(rfc3339: bytes.extracting(range)) else {
      throw RecordingProblem("\"time\" is no RFC 3339 time such as \"2025-09-24T02:50:00+09:00\"")
    }
    guard time >= WallTime(milliseconds: 0), time < latestTime else {
      throw RecordingProblem("\"time\" lies outside 1970 to 2199")
    }
    return time
  }

  static func monotonic(
    _ key: String, _ value: JSONScanner.Value, _ bytes: Span<UInt8>
  ) throws(RecordingProblem) -> MonotonicTime {
    guard case .number(let range) = value, let number = DecimalNumber(bytes.extracting(range)),
      let nanoseconds = number.scaled(decimals: 9), nanoseconds >= 0, nanoseconds <= latestMonotonic.nanoseconds
    else { throw RecordingProblem("\"\(key)\" is no number of seconds since the boot, 0 to 4000000000") }
    return MonotonicTime(nanoseconds: nanoseconds)
  }

  static func number(
    _ key: String, _ value: JSONScanner.Value, _ bytes: Span<UInt8>
  ) throws(RecordingProblem) -> DecimalNumber {
    guard case .number(let range) = value, let number = DecimalNumber(bytes.extracting(range)) else {
      throw RecordingProblem("\"\(key)\" is not a number")
    }
    return number
  }

  static func bool(_ key: String, _ value: JSONScanner.Value) throws(RecordingProblem) -> Bool {
    guard case .bool(let bool) = value else { throw RecordingProblem("\"\(key)\" is neither true nor false") }
    return bool
  }

  static func string(
    _ key: String, _ value: JSONScanner.Value, _ bytes: Span<UInt8>
  ) throws(RecordingProblem) -> String {
    guard case .string(let range, let isPlain) = value else { throw RecordingProblem("\"\(key)\" is not a string") }
    return try text(range, isPlain: isPlain, bytes)
  }

  static func text(
    _ range: Range<Int>, isPlain: Bool, _ bytes: Span<UInt8>
  ) throws(RecordingProblem) -> String {
    do {
      if isPlain { return String(copying: try UTF8Span(validating: bytes.extracting(range))) }
      guard let unescaped = JSONScanner.unescape(bytes.extracting(range)) else {
        throw RecordingProblem("a string has an escape that JSON does not know")
      }
      return String(copying: try UTF8Span(validating: unescaped.span))
    } catch let problem as RecordingProblem {
      throw problem
    } catch {
      throw RecordingProblem("a string is not UTF-8")
    }
  }

  /// A list of whole numbers below 65,536.
  static func lengths(
    _ key: String, _ value: JSONScanner.Value, _ bytes: Span<UInt8>
  ) throws(RecordingProblem) -> [Int] {
    guard case .array(let range) = value else { throw RecordingProblem("\"\(key)\" is not a list") }
    var lengths: [Int] = []
    var number: Int?
    for index in range {
      let digit = bytes[index] &- UInt8(ascii: "0")
      if digit <= 9 {
        number = (number ?? 0) * 10 + Int(digit)
        guard number! < 65_536 else { throw RecordingProblem("\"\(key)\" holds a number that is too large") }
      } else if let length = number {
        lengths.append(length)
        number = nil
      }
    }
    return lengths
  }
}
