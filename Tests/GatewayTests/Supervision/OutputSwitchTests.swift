import Observations
import SensorDrivers
import SimulatedSite
import Testing

@testable import Gateway

/// A siren on line 2 of a simulated chip.
private struct SirenBench {
  static let chip = "/dev/gpiochip0"
  let gpio = SimulatedGPIO(chips: [SimulatedGPIO.Chip(path: SirenBench.chip, lines: 4)])
  let lines: CollectingLog.Lines
  private let log = CollectingLog.make()
  private let start = MonotonicTime(nanoseconds: 1_000_000_000)

  init() { lines = log.lines }

  func siren(
    active: GPIOOutputSettings.ActiveLevel = .high, safe: GPIOOutputSettings.SafeState = .off,
    pattern: [TimeSpan] = []
  ) -> OutputSwitch {
    OutputSwitch(
      id: OutputID("siren"),
      settings: GPIOOutputSettings(
        line: GPIOLineReference(chip: Self.chip, line: .number(2)), active: active, safe: safe),
      access: gpio, pattern: pattern, logger: log.logger, at: start)
  }

  var isHigh: Bool { gpio.isHigh(chip: Self.chip, line: 2) }

  func after(_ seconds: Int64) -> MonotonicTime { start + .seconds(seconds) }
}

struct OutputSwitchTests {
  @Test(arguments: [
    (GPIOOutputSettings.ActiveLevel.high, GPIOOutputSettings.SafeState.off), (.high, .on), (.low, .off), (.low, .on),
  ])
  func `stands safe at the start, follows the station, and stands safe when it is let go`(
    active: GPIOOutputSettings.ActiveLevel, safe: GPIOOutputSettings.SafeState
  ) {
    let bench = SirenBench()
    let highWhenOn = active == .high
    var siren: OutputSwitch? = bench.siren(active: active, safe: safe)
    #expect(bench.isHigh == (safe == .on ? highWhenOn : !highWhenOn))
    siren?.set(on: true, at: bench.after(1))
    #expect(bench.isHigh == highWhenOn)
    siren?.set(on: false, at: bench.after(2))
    #expect(bench.isHigh == !highWhenOn)
    siren?.set(on: safe == .off, at: bench.after(3))
    #expect(siren?.nextDeadline == bench.after(8))
    siren = nil
    #expect(bench.isHigh == (safe == .on ? highWhenOn : !highWhenOn))
  }

  @Test func `a line that another program holds is taken when it is free, and stands as it should by then`() throws {
    let bench = SirenBench()
    bench.gpio.hold(chip: SirenBench.chip, line: 2, by: "other")
    let siren = bench.siren()
    #expect(siren.fault == .portBusy)
    // Soon at first, for a holder that is just ending, and then once a second.
    var waits: [Int64] = []
    var time = bench.after(0)
    for _ in 0..<7 {
      let due = try #require(siren.nextDeadline)
      waits.append((due - time).milliseconds)
      time = due
      siren.wake(at: time)
    }
    #expect(waits == [50, 100, 200, 400, 800, 1000, 1000])
    siren.set(on: true, at: time)
    #expect(bench.lines.all.count == 1)
    #expect(siren.nextDeadline == time + .seconds(1))
    bench.gpio.hold(chip: SirenBench.chip, line: 2, by: nil)
    siren.wake(at: time + .seconds(1))
    #expect(bench.isHigh)
    #expect(siren.fault == nil)
    #expect(siren.nextDeadline == time + .seconds(6))
    #expect(bench.lines.all.count == 2)
  }

  @Test func `a chip that goes away while the siren sounds is tried again until it sounds`() {
    let bench = SirenBench()
    let siren = bench.siren()
    siren.set(on: true, at: bench.after(1))
    bench.gpio.setPresent(false, chip: SirenBench.chip)
    siren.set(on: true, at: bench.after(2))
    #expect(siren.fault == .portLost)
    siren.wake(at: bench.after(3))
    #expect(siren.fault == .portMissing)
    bench.gpio.setPresent(true, chip: SirenBench.chip)
    siren.wake(at: bench.after(4))
    #expect(siren.fault == nil)
    #expect(bench.isHigh)
  }

  /// What the line does from one second to the next, when the switch is woken whenever it wants to be.
  private func course(_ siren: OutputSwitch, _ bench: SirenBench, seconds: ClosedRange<Int64>) -> String {
    var course = ""
    for second in seconds {
      while let due = siren.nextDeadline, due <= bench.after(second) { siren.wake(at: due) }
      course += bench.isHigh ? "#" : "."
    }
    return course
  }

  @Test func `sounds in its pattern, beginning with on, and stops in the middle of it`() {
    let bench = SirenBench()
    let siren = bench.siren(pattern: [.seconds(2), .seconds(1)])
    siren.set(on: true, at: bench.after(0))
    #expect(course(siren, bench, seconds: 0...8) == "##.##.##.")
    // Being told again what goes on already begins no new pattern.
    siren.set(on: true, at: bench.after(8))
    #expect(course(siren, bench, seconds: 9...11) == "##.")
    siren.set(on: false, at: bench.after(12))
    #expect(course(siren, bench, seconds: 12...15) == "....")
    siren.set(on: true, at: bench.after(16))
    #expect(course(siren, bench, seconds: 16...20) == "##.##")
  }

  @Test func `swallows no short step of its pattern when the loop is late`() {
    let bench = SirenBench()
    let siren = bench.siren(pattern: [.seconds(5), .milliseconds(500)])
    siren.set(on: true, at: bench.after(0))
    siren.wake(at: bench.after(30))
    #expect(!bench.isHigh)
    #expect(siren.nextDeadline.map { $0 > bench.after(30) } == true)
    siren.wake(at: bench.after(31))
    #expect(bench.isHigh)
    #expect(siren.nextDeadline.map { $0 >= bench.after(35) } == true)
  }

  @Test(arguments: [GPIOOutputSettings.SafeState.off, .on])
  func `goes to its safe state for good when it is released, whatever the station still says`(
    safe: GPIOOutputSettings.SafeState
  ) {
    let bench = SirenBench()
    let siren = bench.siren(safe: safe, pattern: [.seconds(1), .seconds(1)])
    siren.set(on: true, at: bench.after(0))
    siren.release(at: bench.after(1))
    #expect(bench.isHigh == (safe == .on))
    siren.set(on: safe == .off, at: bench.after(2))
    siren.wake(at: bench.after(9))
    #expect(bench.isHigh == (safe == .on))
    #expect(!siren.isWaiting)
  }

  @Test func `a chip that goes away unheard is noticed within five seconds, and its line taken again when it is back`()
  {
    let bench = SirenBench()
    let siren = bench.siren()
    siren.set(on: true, at: bench.after(1))
    bench.gpio.setPresent(false, chip: SirenBench.chip)
    siren.wake(at: bench.after(6))
    #expect(siren.fault == .portLost)
    bench.gpio.setPresent(true, chip: SirenBench.chip)
    siren.wake(at: bench.after(7))
    #expect(siren.fault == nil)
    #expect(bench.isHigh)
    #expect(siren.nextDeadline == bench.after(12))
  }
}
