public import Observations

/// A GPIO driver whose calls are noted in its actions, for a recording. It does what the driver inside does.
public struct RecordedGPIODriver: GPIODriver {
  private var driver: any GPIODriver

  public init(_ driver: any GPIODriver) {
    self.driver = driver
  }

  public var sensor: SensorID { driver.sensor }
  public var inputs: [GPIOInputSettings] { driver.inputs }
  public var counters: GPIOCounters { driver.counters }
  public var nextDeadline: MonotonicTime? { driver.nextDeadline }
  public var wantsLevels: Bool { driver.wantsLevels }

  public mutating func opened(_ lines: GPIOLinesOpened, at time: MonotonicTime, into actions: inout DriverActions) {
    actions.calls.append(DriverCall(time: time, event: .linesOpened(lines)))
    driver.opened(lines, at: time, into: &actions)
  }

  public mutating func edge(_ edge: GPIOEdge, at time: MonotonicTime, into actions: inout DriverActions) {
    actions.calls.append(DriverCall(time: time, event: .edge(edge)))
    driver.edge(edge, at: time, into: &actions)
  }

  public mutating func levelsRead(_ areActive: [Bool], at time: MonotonicTime, into actions: inout DriverActions) {
    actions.calls.append(DriverCall(time: time, event: .levels(areActive)))
    driver.levelsRead(areActive, at: time, into: &actions)
  }

  public mutating func failed(_ cause: FaultCause, at time: MonotonicTime, into actions: inout DriverActions) {
    actions.calls.append(DriverCall(time: time, event: .failed(cause)))
    driver.failed(cause, at: time, into: &actions)
  }

  public mutating func wake(at time: MonotonicTime, into actions: inout DriverActions) {
    actions.calls.append(DriverCall(time: time, event: .woken))
    driver.wake(at: time, into: &actions)
  }
}
