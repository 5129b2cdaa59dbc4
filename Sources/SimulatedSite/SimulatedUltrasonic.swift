public import Observations

/// An A02YYUW over the water: a frame each 100 ms, whether anybody listens or not.
public struct SimulatedUltrasonic: SimulatedDevice {
  private var surface: SimulatedWaterSurface
  private var transmission: SimulatedTransmission

  public init(mountHeightMetres: Double, levelMetres: Double, at time: MonotonicTime) {
    surface = SimulatedWaterSurface(mountHeightMetres: mountHeightMetres, levelMetres: levelMetres)
    // The usual interval of the sensor in its processed mode.
    transmission = SimulatedTransmission(every: .milliseconds(100), from: time)
  }

  public var nextDeadline: MonotonicTime? { transmission.nextFrame }

  public mutating func received(_ bytes: [UInt8], at time: MonotonicTime, answer: inout [UInt8]) {
    // The sensor only talks.
  }

  public mutating func wake(at time: MonotonicTime, answer: inout [UInt8]) {
    guard transmission.advance(at: time) else { return }
    let millimetres = surface.distanceMetres(at: time).map { ($0 * 1000).rounded() }
    let distance = millimetres.map { UInt16(min(max($0, 0), 4500)) } ?? UInt16.max
    let high = UInt8(distance >> 8)
    let low = UInt8(truncatingIfNeeded: distance)
    let sum = 0xFF &+ high &+ low
    answer += [0xFF, high, low, transmission.isGarbled ? sum ^ 0x55 : sum]
  }

  public mutating func apply(_ setting: Scenario.Setting, to sensor: String, at time: MonotonicTime) {
    surface.apply(setting, at: time)
    transmission.apply(setting)
  }
}
