import Observations

/// How often a tag is heard while it is near, learned from the gaps between its sightings: five bytes.
///
/// It follows the gap that a quarter of all gaps fall short of: up by a 32nd and down by three, at first by eighths. Lost
/// advertisements make gaps longer and never shorter: until three of four are lost it stays at the tag's own interval.
struct AdvertisingInterval: Sendable, Hashable, Codable {
  /// A gap in units of 2^16 ns, some 66 µs.
  private var units: UInt32 = 0
  private var gaps: UInt8 = 0

  private static let unitBits: Int64 = 16
  /// With fewer gaps nothing is said.
  private static let gapsNeeded: UInt8 = 16

  /// The interval; nil until enough has been heard.
  var learned: TimeSpan? {
    gaps < Self.gapsNeeded ? nil : TimeSpan(nanoseconds: Int64(units) << Self.unitBits)
  }

  /// How many gaps are to be heard yet before there is an interval.
  var gapsMissing: Int { Int(Self.gapsNeeded) - Int(min(gaps, Self.gapsNeeded)) }

  /// Whether any gap was heard.
  var isBegun: Bool { gaps > 0 }

  mutating func learn(_ gap: TimeSpan) {
    let heard = UInt32(truncatingIfNeeded: min(max(gap.nanoseconds >> Self.unitBits, 1), Int64(Int32.max)))
    if gaps == 0 {
      units = heard
    } else {
      let step = units >> (gaps < Self.gapsNeeded ? 3 : 5)
      if heard > units { units += max(step, 1) } else if heard < units { units -= max(step * 3, 1) }
    }
    if gaps < .max { gaps += 1 }
  }
}
