/// Finds the frames of a MaxBotix sensor in a stream of bytes: `R`, digits, at most one space, carriage return.
///
/// How many digits there are belongs to the model: a frame with more or fewer is none, so a lost or repeated byte gives
/// no false distance. There is no checksum. The result does not depend on how the bytes were split.
public struct MaxBotixParser: Sendable {
  /// 3 or 4.
  public let digits: Int

  private enum State: Sendable {
    case between
    case number
    case space
  }

  private var state = State.between
  private var count = 0
  private var number = 0
  private var length = 0

  /// How many bytes have come since the last frame that belong to none, those of a frame under way included.
  public private(set) var unmatchedCount = 0
  /// How often something began like a frame and was none.
  public private(set) var malformed: UInt64 = 0
  /// How often a frame was found behind bytes that belonged to none.
  public private(set) var resynchronisations: UInt64 = 0

  public init(digits: Int) {
    self.digits = min(max(digits, 1), 9)
  }

  /// The line has been silent for longer than any pause inside a frame: what comes next begins a frame.
  public mutating func gap() {
    if state != .between { malformed += 1 }
    state = .between
  }

  /// Takes one byte. Returns the number of the frame that ends with it, if one does.
  public mutating func feed(_ byte: UInt8) -> Int? {
    unmatchedCount += 1
    length += 1
    switch (state, byte) {
    case (_, UInt8(ascii: "R")):
      if state != .between { malformed += 1 }
      state = .number
      count = 0
      number = 0
      length = 1
    case (.number, 0x30...0x39) where count < digits:
      count += 1
      number = number * 10 + Int(byte - 0x30)
    case (.number, UInt8(ascii: " ")) where count == digits:
      state = .space
    case (.number, UInt8(ascii: "\r")) where count == digits, (.space, UInt8(ascii: "\r")):
      if unmatchedCount > length { resynchronisations += 1 }
      state = .between
      unmatchedCount = 0
      return number
    case (.between, _): break
    default:
      malformed += 1
      state = .between
    }
    return nil
  }
}
