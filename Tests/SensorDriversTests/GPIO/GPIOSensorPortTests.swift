import Observations
import SensorDrivers
import SimulatedSite
import Testing

@Suite struct `A sensor on a GPIO line` {
  private static let chip = "/dev/gpiochip0"
  private static let sensor: SensorID = "underpass-1"

  private static func site() -> (board: SimulatedGPIO, port: GPIOSensorPort) {
    let board = SimulatedGPIO(chips: [SimulatedGPIO.Chip(path: chip, lines: 32)])
    let contact = ContactSensor(
      sensor: sensor, line: .number(17), bias: .pullUp, wet: .closed, debounce: .milliseconds(50))
    return (board, GPIOSensorPort(chip: chip, driver: contact, access: board))
  }

  private static func time(_ milliseconds: Int64) -> MonotonicTime {
    MonotonicTime(nanoseconds: 0) + .milliseconds(milliseconds)
  }

  private static func wet(_ isWet: Bool) -> Observation { .contact(sensor, active: isWet) }

  @Test func `says dry, then wet, from the line's voltage`() {
    var (board, port) = Self.site()
    var actions = DriverActions()
    port.open(at: Self.time(0), into: &actions)
    #expect(port.fileDescriptor != nil)
    board.drive(chip: Self.chip, line: 17, high: false, at: Self.time(100))
    port.readable(at: Self.time(101), into: &actions)
    #expect(port.nextDeadline == Self.time(150))
    port.wake(at: Self.time(150), into: &actions)
    #expect(actions.observations.map(\.observation) == [Self.wet(false), Self.wet(true)])
    #expect(actions.observations.last?.time == Self.time(150))
  }

  @Test func `reads the edges that wait before it decides that a level has lasted`() {
    var (board, port) = Self.site()
    var actions = DriverActions()
    port.open(at: Self.time(0), into: &actions)
    board.drive(chip: Self.chip, line: 17, high: false, at: Self.time(100))
    port.readable(at: Self.time(101), into: &actions)
    board.drive(chip: Self.chip, line: 17, high: nil, at: Self.time(120))
    port.wake(at: Self.time(160), into: &actions)
    #expect(actions.observations.map(\.observation) == [Self.wet(false)])
  }

  @Test func `whose chip goes away becomes a fault once, and comes back by itself`() {
    var (board, port) = Self.site()
    var actions = DriverActions()
    port.open(at: Self.time(0), into: &actions)
    board.setPresent(false, chip: Self.chip)
    var now: Int64 = 0
    while now < 60_000 {
      now = max(now + 1, (port.nextDeadline ?? Self.time(now + 1)).nanoseconds / 1_000_000)
      if now > 40_000 { board.setPresent(true, chip: Self.chip) }
      port.wake(at: Self.time(now), into: &actions)
    }
    // Lost when the level was next read; missing at each new attempt, which is said once.
    #expect(
      actions.observations.map(\.observation).prefix(4) == [
        Self.wet(false), .fault(Self.sensor, .portLost), .fault(Self.sensor, .portMissing), Self.wet(false),
      ])
    #expect(actions.observations[1].time == Self.time(10_000))
    #expect(actions.observations[3].time <= Self.time(42_000))
    #expect(port.error == nil)
    #expect(actions.observations.dropFirst(4).allSatisfy { $0.observation == .alive(Self.sensor) })
  }

  @Test func `is back a second after an error of a moment, long before a fault is confirmed`() {
    var (board, port) = Self.site()
    var actions = DriverActions()
    port.open(at: Self.time(0), into: &actions)
    board.setPresent(false, chip: Self.chip)
    port.wake(at: Self.time(10_000), into: &actions)
    board.setPresent(true, chip: Self.chip)
    #expect(port.nextDeadline == Self.time(11_000))
    port.wake(at: Self.time(11_000), into: &actions)
    #expect(
      actions.observations.map(\.observation) == [
        Self.wet(false), .fault(Self.sensor, .portLost), Self.wet(false),
      ])
    #expect(port.error == nil)
  }

  @Test func `held by another program is a fault until that lets go`() {
    var (board, port) = Self.site()
    var actions = DriverActions()
    board.hold(chip: Self.chip, line: 17, by: "gpiomon")
    port.open(at: Self.time(0), into: &actions)
    #expect(port.fileDescriptor == nil)
    #expect(port.error?.description.contains("\"gpiomon\" holds line 17") == true)
    #expect(port.nextDeadline == Self.time(1000))
    port.wake(at: Self.time(1000), into: &actions)
    board.hold(chip: Self.chip, line: 17, by: nil)
    port.wake(at: Self.time(2000), into: &actions)
    #expect(actions.observations.map(\.observation) == [.fault(Self.sensor, .portBusy), Self.wet(false)])
  }

  @Test func `mends its level when edges were dropped`() {
    var (board, port) = Self.site()
    var actions = DriverActions()
    port.open(at: Self.time(0), into: &actions)
    for count in 0..<4001 as Range<Int64> {
      board.drive(chip: Self.chip, line: 17, high: count % 2 == 1, at: Self.time(100) + .milliseconds(count / 100))
    }
    for step in 0..<40 as Range<Int64> {
      port.readable(at: Self.time(141 + step), into: &actions)
    }
    port.wake(at: Self.time(1000), into: &actions)
    #expect(
      actions.observations.map(\.observation).filter { $0 != .alive(Self.sensor) } == [Self.wet(false), Self.wet(true)])
  }
}
