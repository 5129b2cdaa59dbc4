import Observations

/// What sensors have in common that only talk: a frame at each interval, whether anybody listens or not.
struct SimulatedTransmission {
  private let interval: TimeSpan
  /// When the next frame is sent.
  private(set) var nextFrame: MonotonicTime
  /// Whether frames are sent with an error.
  private(set) var isGarbled = false
  private var isSilent = false

  init(every interval: TimeSpan, from time: MonotonicTime) {
    self.interval = interval
    nextFrame = time + interval
  }

  /// Goes on to the next frame. Returns whether this one is sent.
  mutating func advance(at time: MonotonicTime) -> Bool {
    nextFrame = max(nextFrame + interval, time)
    return !isSilent
  }

  mutating func apply(_ setting: Scenario.Setting) {
    switch setting {
    case .silent(let silent): isSilent = silent
    case .garbled(let garbled): isGarbled = garbled
    default: break
    }
  }
}

/// The water below a sensor that measures the distance to it.
struct SimulatedWaterSurface {
  private let mountHeightMetres: Double
  private var level: SimulatedLevel
  private var hasTarget = true

  init(mountHeightMetres: Double, levelMetres: Double) {
    self.mountHeightMetres = mountHeightMetres
    level = SimulatedLevel(metres: levelMetres)
  }

  /// From the sensor down to the water; nil without an echo.
  func distanceMetres(at time: MonotonicTime) -> Double? {
    hasTarget ? mountHeightMetres - level.metres(at: time) : nil
  }

  mutating func apply(_ setting: Scenario.Setting, at time: MonotonicTime) {
    switch setting {
    case .level(let metres, let over):
      level.move(to: metres, over: over, from: time)
      hasTarget = true
    case .noTarget: hasTarget = false
    default: break
    }
  }
}
