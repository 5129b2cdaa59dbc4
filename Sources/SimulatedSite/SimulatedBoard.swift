public import Observations
public import SensorDrivers

/// The contacts and tipping buckets of a site, on lines of a simulated GPIO chip.
public final class SimulatedBoard: EventSource {
  /// The second line of a contact whose cable is watched; the cable is always whole.
  public struct SecondLine: Sendable {
    public var line: UInt32
    /// Whether it is the other throw of a changeover contact; else it is closed as long as the cable is whole.
    public var isOtherThrow: Bool

    public init(line: UInt32, isOtherThrow: Bool) {
      self.line = line
      self.isOtherThrow = isOtherThrow
    }
  }

  /// One sensor's line and how it is wired.
  public struct Wire: Sendable {
    public var sensor: String
    public var chip: String
    public var line: UInt32
    /// Whether the closed contact makes the line low, as it does beside a pull-up.
    public var closedIsLow: Bool
    /// For a flood contact: whether it closes when wet.
    public var closesWhenWet: Bool
    public var second: SecondLine?

    public init(
      sensor: String, chip: String, line: UInt32, closedIsLow: Bool, closesWhenWet: Bool, second: SecondLine? = nil
    ) {
      self.sensor = sensor
      self.chip = chip
      self.line = line
      self.closedIsLow = closedIsLow
      self.closesWhenWet = closesWhenWet
      self.second = second
    }
  }

  private struct Pulse {
    var wire: Int
    var time: MonotonicTime
    var closes: Bool
  }

  private let gpio: SimulatedGPIO
  private let wires: [Wire]
  /// Rising by time.
  private var pulses: [Pulse] = []

  /// How long a bucket's magnet keeps the switch closed.
  private static let pulseWidth = TimeSpan.milliseconds(80)

  /// Opens every contact: dry, and no tip.
  public init(gpio: SimulatedGPIO, wires: [Wire]) {
    self.gpio = gpio
    self.wires = wires
    for wire in wires { drive(wire, closed: !wire.closesWhenWet) }
  }

  /// Does what an event asks of `sensor`; anything that no contact can do is passed over.
  public func apply(_ setting: Scenario.Setting, to sensor: String, at time: MonotonicTime) {
    for (index, wire) in wires.enumerated() where wire.sensor == sensor {
      switch setting {
      case .wet(let wet): drive(wire, closed: wet == wire.closesWhenWet)
      case .tips(let count, let over):
        for tip in 0..<count {
          let start = time + TimeSpan(nanoseconds: over.nanoseconds / Int64(count) * Int64(tip))
          pulses.append(Pulse(wire: index, time: start, closes: true))
          pulses.append(Pulse(wire: index, time: start + Self.pulseWidth, closes: false))
        }
        pulses.sort { $0.time < $1.time }
      default: break
      }
    }
  }

  private func drive(_ wire: Wire, closed: Bool) {
    gpio.drive(chip: wire.chip, line: wire.line, high: closed != wire.closedIsLow)
    guard let second = wire.second else { return }
    let secondClosed = second.isOtherThrow ? !closed : true
    gpio.drive(chip: wire.chip, line: second.line, high: secondClosed != wire.closedIsLow)
  }

  public var interest: EventInterest? { nil }
  public var nextDeadline: MonotonicTime? { pulses.first?.time }

  public func ready(at time: MonotonicTime) {
    // Edges reach the gateway through the lines' own descriptors.
  }

  public func wake(at time: MonotonicTime) {
    while let pulse = pulses.first, pulse.time <= time {
      pulses.removeFirst()
      drive(wires[pulse.wire], closed: pulse.closes)
    }
  }
}
