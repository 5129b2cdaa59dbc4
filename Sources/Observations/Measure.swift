/// A measured value or a threshold: a fixed-point number of thousandths of the quantity's unit.
///
/// Thresholds are compared as whole numbers, so that 4.000 m reaches 4.00 m on every machine and in every replay.
public struct Measure: Hashable, Comparable, Sendable, Codable {
  /// Thousandths of the unit.
  public let thousandths: Int64

  public init(thousandths: Int64) {
    self.thousandths = thousandths
  }

  /// Rounds `value` half away from zero to the decimals of `quantity`.
  ///
  /// Returns nil for a value that is not finite or beyond ± 9 × 10¹² units, which no sensor means.
  public init?(rounding value: Double, for quantity: Quantity) {
    let scale = Self.powersOfTen[quantity.decimals]
    let scaled = value * Double(scale)
    guard scaled.isFinite, abs(scaled) < 9e15 else { return nil }
    // 2.675 × 100 is 267.49999999999997 in binary: a second rounding at a millionth of a step mends what the wire said.
    let nudged = (scaled * 1_000_000).rounded(.toNearestOrAwayFromZero) / 1_000_000
    let steps = Int64((abs(scaled) < 9e9 ? nudged : scaled).rounded(.toNearestOrAwayFromZero))
    self.thousandths = steps * (1000 / scale)
  }

  private static let powersOfTen: [Int64] = [1, 10, 100, 1000]

  public static func < (left: Measure, right: Measure) -> Bool {
    left.thousandths < right.thousandths
  }

  public static func + (left: Measure, right: Measure) -> Measure {
    Measure(thousandths: left.thousandths + right.thousandths)
  }

  public static func - (left: Measure, right: Measure) -> Measure {
    Measure(thousandths: left.thousandths - right.thousandths)
  }

  /// The value in the unit, for slopes and for people; never for comparing with a threshold.
  public var value: Double { Double(thousandths) / 1000 }
}

extension Measure: CustomStringConvertible {
  /// The plain decimal number with no more digits than it needs: `4.12`, `-0.5`, `12`.
  public var description: String {
    decimal(minimumDecimals: 0)
  }

  /// The plain decimal number with at least so many decimals (0 to 3).
  public func decimal(minimumDecimals: Int) -> String {
    let magnitude = thousandths.magnitude
    let whole = magnitude / 1000
    var fraction = magnitude % 1000
    var digits = 3
    while digits > minimumDecimals, fraction % 10 == 0 {
      fraction /= 10
      digits -= 1
    }
    let sign = thousandths < 0 ? "-" : ""
    guard digits > 0 else { return "\(sign)\(whole)" }
    let text = String(fraction)
    return "\(sign)\(whole)." + String(repeating: "0", count: digits - text.utf8.count) + text
  }
}
