/// Eddystone-TLM, plain (version 00): service FEAA, frame type 20, then the battery's voltage in millivolts, the
/// temperature, and two counters. It names no tag: it belongs to the one that sends from the same radio address.
///
/// The encrypted kind (version 01) of tags with an EID is passed over.
public struct EddystoneTLM: Sendable, Hashable {
  /// Millivolts; nil when the tag does not measure it.
  public let batteryMillivolts: UInt16?
  /// Sixteenths of a sixteenth of a degree Celsius (8.8 fixed point); nil when the tag does not measure it.
  public let temperature: Int16?
  /// Advertisements since the tag was switched on.
  public let advertisements: UInt32
  /// Tenths of a second since the tag was switched on.
  public let uptimeTenths: UInt32

  private static let length = 16
  private static let noTemperature: UInt16 = 0x8000

  /// Reads the content of a structure of service data; nil for everything else. Never traps, whatever the bytes.
  public init?(_ content: Span<UInt8>) {
    guard content.count == Self.length, content[0] == 0xAA, content[1] == 0xFE, content[2] == 0x20, content[3] == 0
    else { return nil }
    let voltage = UInt16(content[4]) << 8 | UInt16(content[5])
    batteryMillivolts = voltage == 0 ? nil : voltage
    let degrees = UInt16(content[6]) << 8 | UInt16(content[7])
    temperature = degrees == Self.noTemperature ? nil : Int16(bitPattern: degrees)
    func word(_ start: Int) -> UInt32 {
      (0..<4).reduce(UInt32(0)) { $0 << 8 | UInt32(content[start + $1]) }
    }
    advertisements = word(8)
    uptimeTenths = word(12)
  }
}

/// What is left in a lithium coin cell (CR2032 and its kin), judged by its voltage.
///
/// A coin cell holds its voltage nearly to the end, so this is coarse, and a cold cell reads lower than it is. The points
/// between which it is interpolated: 3.00 V is 100 %, 2.90 V 42 %, 2.74 V 18 %, 2.44 V 6 %, 2.10 V nothing.
public enum CoinCell {
  private static let points: [(millivolts: Int, percent: Int)] = [
    (2100, 0), (2440, 6), (2740, 18), (2900, 42), (3000, 100),
  ]

  /// 0 to 100 percent.
  public static func percent(millivolts: Int) -> UInt8 {
    var lower = points[0]
    guard millivolts > lower.millivolts else { return 0 }
    for upper in points.dropFirst() {
      if millivolts < upper.millivolts {
        let share = (millivolts - lower.millivolts) * (upper.percent - lower.percent)
        return UInt8(lower.percent + share / (upper.millivolts - lower.millivolts))
      }
      lower = upper
    }
    return 100
  }
}
