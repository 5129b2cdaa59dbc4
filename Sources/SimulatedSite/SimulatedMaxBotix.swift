public import Observations
public import SensorDrivers

/// A MaxBotix sensor over the water: a frame each 150 ms, whether anybody listens or not.
public struct SimulatedMaxBotix: SimulatedDevice {
  private let output: MaxBotixOutput
  private let noTarget: Int
  /// What it says of everything nearer, in its own counts.
  private let least: Int
  private var surface: SimulatedWaterSurface
  private var transmission: SimulatedTransmission

  /// - Parameters:
  ///   - noTarget: what it sends without an echo, in its own counts; nil: what the most common models send.
  ///   - leastDistanceMetres: everything nearer is said as this; nil: 0.
  public init(
    mountHeightMetres: Double, output: MaxBotixOutput, noTarget: Int?, leastDistanceMetres: Double?,
    levelMetres: Double, at time: MonotonicTime
  ) {
    self.output = output
    self.noTarget = noTarget ?? output.usualNoTarget
    // Not more than the configuration says, in whatever it counts.
    least = leastDistanceMetres.map { Int(Self.counts($0, output).rounded(.down)) } ?? 0
    surface = SimulatedWaterSurface(mountHeightMetres: mountHeightMetres, levelMetres: levelMetres)
    transmission = SimulatedTransmission(every: .milliseconds(150), from: time)
  }

  public var nextDeadline: MonotonicTime? { transmission.nextFrame }

  public mutating func received(_ bytes: [UInt8], at time: MonotonicTime, answer: inout [UInt8]) {
    // The sensor only talks.
  }

  public mutating func wake(at time: MonotonicTime, answer: inout [UInt8]) {
    guard transmission.advance(at: time) else { return }
    let distance = surface.distanceMetres(at: time).map { Int(Self.counts($0, output).rounded()) }
    let count = distance.map { min(max($0, least), noTarget) } ?? noTarget
    let digits = String(count)
    let frame = String(repeating: "0", count: max(0, output.digits - digits.count)) + digits
    // A digit is lost: what checks nothing else is refused by its length.
    answer += Array("R\(transmission.isGarbled ? frame.dropLast() : frame[...])\r".utf8)
  }

  public mutating func apply(_ setting: Scenario.Setting, to sensor: String, at time: MonotonicTime) {
    surface.apply(setting, at: time)
    transmission.apply(setting)
  }

  private static func counts(_ metres: Double, _ output: MaxBotixOutput) -> Double {
    min(max(metres, 0), 100) * 10_000 / Double(output.tenthsOfMillimetre)
  }
}
