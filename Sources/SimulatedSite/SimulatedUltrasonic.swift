public import Observations

/// An A02YYUW over the water: a frame each 100 ms, whether anybody listens or not.
public struct SimulatedUltrasonic: SimulatedDevice {
  private let mountHeight: Double
  private var level: SimulatedLevel
  private var isSilent = false
  private var isGarbled = false
  private var hasTarget = true
  private var nextFrame: MonotonicTime

  /// The usual interval of the sensor in its processed mode.
  private static let interval = TimeSpan.milliseconds(100)

  public init(mountHeightMetres: Double, levelMetres: Double, at time: MonotonicTime) {
    mountHeight = mountHeightMetres
    level = SimulatedLevel(metres: levelMetres)
    nextFrame = time + Self.interval
  }

  public var nextDeadline: MonotonicTime? { nextFrame }

  public mutating func received(_ bytes: [UInt8], at time: MonotonicTime, answer: inout [UInt8]) {
    // The sensor only talks.
  }

  public mutating func wake(at time: MonotonicTime, answer: inout [UInt8]) {
    nextFrame = max(nextFrame + Self.interval, time)
    guard !isSilent else { return }
    let millimetres = ((mountHeight - level.metres(at: time)) * 1000).rounded()
    let distance = hasTarget ? UInt16(min(max(millimetres, 0), 4500)) : UInt16.max
    let high = UInt8(distance >> 8)
    let low = UInt8(truncatingIfNeeded: distance)
    let sum = 0xFF &+ high &+ low
    answer += [0xFF, high, low, isGarbled ? sum ^ 0x55 : sum]
  }

  public mutating func apply(_ setting: Scenario.Setting, to sensor: String, at time: MonotonicTime) {
    switch setting {
    case .level(let metres, let over):
      level.move(to: metres, over: over, from: time)
      hasTarget = true
    case .noTarget: hasTarget = false
    case .silent(let silent): isSilent = silent
    case .garbled(let garbled): isGarbled = garbled
    default: break
    }
  }
}
