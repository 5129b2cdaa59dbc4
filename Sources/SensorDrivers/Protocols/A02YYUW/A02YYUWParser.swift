/// What an A02YYUW, or a JSN-SR04T in mode 2, says after one echo.
public enum A02YYUWDistance: Sendable, Hashable {
  /// 31 to 4500 mm from the sensor's face to the target.
  case millimetres(Int)
  /// The target is at 30 mm or nearer, where the sensor cannot measure.
  case blindZone
  /// No echo: more than 4500 mm, or the sensor's mark for none.
  case noTarget

  /// Reads the two bytes of a frame.
  init(raw: Int) {
    switch raw {
    case ...30: self = .blindZone
    case ...4500: self = .millimetres(raw)
    default: self = .noTarget
    }
  }
}

/// Finds the frames FF, high, low, sum in a stream of bytes; sum = (FF + high + low) modulo 256.
///
/// FF also occurs as data and as a sum, so a header alone proves nothing: the parser looks at the last four bytes after
/// each byte and slides on by one when they are no frame. The result does not depend on how the bytes were split.
public struct A02YYUWParser: Sendable {
  public static let frameLength = 4

  /// The last four bytes, the newest lowest.
  private var window: UInt32 = 0
  /// How many of the four have come since the last frame or gap.
  private var held = 0

  /// How many bytes have turned out to belong to no frame.
  public private(set) var strayCount: UInt64 = 0

  /// How many bytes have come since the last frame that belong to none, those of a frame under way included.
  public private(set) var unmatchedCount = 0
  /// How often four bytes began like a frame and their sum was wrong.
  public private(set) var checksumErrors: UInt64 = 0
  /// How often a frame was found behind bytes that belonged to none.
  public private(set) var resynchronisations: UInt64 = 0

  public init() {}

  /// The line has been silent for longer than any pause inside a frame: what comes next begins a frame.
  public mutating func gap() {
    strayCount += UInt64(held)
    held = 0
  }

  /// Takes one byte. Returns the distance of the frame that ends with it, if one does.
  public mutating func feed(_ byte: UInt8) -> A02YYUWDistance? {
    window = window << 8 | UInt32(byte)
    if held == Self.frameLength { strayCount += 1 } else { held += 1 }
    unmatchedCount += 1
    guard held == Self.frameLength, window >> 24 == 0xFF else { return nil }
    let high = window >> 16 & 0xFF
    let low = window >> 8 & 0xFF
    guard (0xFF + high + low) & 0xFF == window & 0xFF else {
      checksumErrors += 1
      return nil
    }
    if unmatchedCount > Self.frameLength { resynchronisations += 1 }
    unmatchedCount = 0
    held = 0
    return A02YYUWDistance(raw: Int(high << 8 | low))
  }

  /// The frame in which a sensor says `millimetres`, 0 to 65535.
  public static func encode(millimetres: UInt16) -> [UInt8] {
    let high = UInt8(millimetres >> 8)
    let low = UInt8(truncatingIfNeeded: millimetres)
    return [0xFF, high, low, 0xFF &+ high &+ low]
  }
}
