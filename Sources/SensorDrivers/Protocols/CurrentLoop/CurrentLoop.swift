public import Observations

/// A 4–20 mA current loop: what a current means, and which currents are no measurement (NAMUR NE 43).
///
/// - From 3.8 to 20.5 mA the current is a measurement on the straight line through the two configured points, also beyond
///   them: a transmitter goes on measuring a little below its zero and above its span.
/// - Below 3.8 and above 20.5 mA a transmitter is at its end and says no more than that: the value is that of the end.
/// - Below `brokenBelow` the wire is broken or the transmitter has no supply; above `overAbove` there is a short circuit,
///   or the transmitter reports its own failure. Neither is a value.
public struct CurrentLoop: Sendable, Hashable {
  /// What a current says.
  public enum Reading: Sendable, Hashable {
    /// In the quantity's unit.
    case value(Double)
    case fault(FaultCause)
  }

  /// Between these a transmitter measures, in milliamperes (NE 43).
  public static let measuring = 3.8...20.5

  /// The value at 4 mA and at 20 mA, in the quantity's unit; either may be the higher one.
  public var at4Milliamperes: Double
  public var at20Milliamperes: Double
  /// A lower current is a broken wire: 3.6 mA in NE 43. At most 3.8.
  public var brokenBelow: Double
  /// A higher current is no measurement: 21 mA in NE 43. At least 20.5.
  public var overAbove: Double

  public init(
    at4Milliamperes: Double, at20Milliamperes: Double, brokenBelow: Double = 3.6, overAbove: Double = 21
  ) {
    self.at4Milliamperes = at4Milliamperes
    self.at20Milliamperes = at20Milliamperes
    self.brokenBelow = brokenBelow
    self.overAbove = overAbove
  }

  /// What a current in milliamperes says.
  public func reading(ofMilliamperes current: Double) -> Reading {
    guard current.isFinite, abs(current) < 1e6 else { return .fault(.outOfRange) }
    // A converter's 3600 × 0.001 may be 3.6 and a hair: a millionth of a milliampere decides nothing.
    let current = (current * 1_000_000).rounded() / 1_000_000
    if current < brokenBelow { return .fault(.brokenWire) }
    if current > overAbove { return .fault(.overCurrent) }
    let held = min(max(current, Self.measuring.lowerBound), Self.measuring.upperBound)
    return .value(at4Milliamperes + (held - 4) / 16 * (at20Milliamperes - at4Milliamperes))
  }

  /// The current that says `value`, in milliamperes: what a simulated transmitter sends.
  public func milliamperes(for value: Double) -> Double {
    4 + (value - at4Milliamperes) / (at20Milliamperes - at4Milliamperes) * 16
  }
}

extension FaultCause {
  /// A current loop carries less current than any transmitter sends: the wire is broken, or the supply is off.
  public static let brokenWire = FaultCause(rawValue: "broken_wire")
  /// A current loop carries more current than any measurement: a short circuit, or the transmitter's own alarm.
  public static let overCurrent = FaultCause(rawValue: "over_current")
}
