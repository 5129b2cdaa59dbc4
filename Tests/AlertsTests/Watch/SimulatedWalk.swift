import Alerts
import Foundation
import Observations

/// One report of a tag on the way of a person whom a test makes up.
struct SimulatedReport {
  /// Since the walk began.
  var second: Double
  /// In dBm.
  var signal: Int8
}

/// A tag that is carried past a receiver, as it is heard: the signal falls with the distance as it did in measurements
/// in a hall (-62.5 dBm at a metre, exponent 1.25), scatters by 6 dB from report to report and by 2 dB from person to
/// person, and reports are lost.
struct SimulatedWalk {
  static let scatter = 6.0
  /// Nothing weaker is received.
  static let faintest = -95.0

  /// Seconds between two advertisements.
  var interval = 1.0
  /// Of all advertisements, 0 to 1.
  var lost = 0.0

  /// The reports of a person who is `distance(second)` metres away, for `seconds`.
  func reports(
    for seconds: Double, using random: inout SeededGenerator, distance: (Double) -> Double
  ) -> [SimulatedReport] {
    let person = min(max(Self.gaussian(using: &random) * 2, -4), 4)
    var reports: [SimulatedReport] = []
    reports.reserveCapacity(Int(seconds / interval) + 1)
    var second = Double.random(in: 0..<interval, using: &random)
    while second < seconds {
      if Double.random(in: 0..<1, using: &random) >= lost {
        let mean = -62.5 - 12.5 * log10(max(distance(second), 0.5)) + person
        let signal = (mean + Self.gaussian(using: &random) * Self.scatter).rounded()
        if signal >= Self.faintest { reports.append(SimulatedReport(second: second, signal: Int8(min(signal, -30)))) }
      }
      // The standard adds up to 10 ms to each interval.
      second += interval + Double.random(in: 0...0.01, using: &random)
    }
    return reports
  }

  static func gaussian(using random: inout SeededGenerator) -> Double {
    let radius = (-2 * log(Double.random(in: Double.leastNonzeroMagnitude..<1, using: &random))).squareRoot()
    return radius * cos(2 * Double.pi * Double.random(in: 0..<1, using: &random))
  }
}

/// Whether a signal stood above `enter` for the dwell, worked out without the station: it lasted from a report that
/// reached `enter`, and of any five reports in a row meanwhile three did.
func stood(_ reports: [SimulatedReport], enter: Int8, dwell: Double) -> Bool {
  let strong = reports.map { $0.signal >= enter }
  /// Whether the five reports up to this one hold three that reached it.
  let isHeard = strong.indices.map { last in last >= 4 && strong[last - 4...last].count { $0 } >= 3 }
  for first in strong.indices where strong[first] {
    var last = first + 4
    while last < strong.count, isHeard[last] {
      if reports[last].second - reports[first].second >= dwell { return true }
      last += 1
    }
  }
  return false
}
