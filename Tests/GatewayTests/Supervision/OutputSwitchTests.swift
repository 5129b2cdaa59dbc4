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
    active: GPIOOutputSettings.ActiveLevel = .high, safe: GPIOOutputSettings.SafeState = .off
  ) -> OutputSwitch {
    OutputSwitch(
      id: OutputID("siren"),
      settings: GPIOOutputSettings(
        line: GPIOLineReference(chip: Self.chip, line: .number(2)), active: active, safe: safe),
      access: gpio, logger: log.logger, at: start)
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
    #expect(siren?.nextDeadline == nil)
    siren = nil
    #expect(bench.isHigh == (safe == .on ? highWhenOn : !highWhenOn))
  }

  @Test func `a line that another program holds is taken when it is free, and stands as it should by then`() {
    let bench = SirenBench()
    bench.gpio.hold(chip: SirenBench.chip, line: 2, by: "other")
    let siren = bench.siren()
    #expect(siren.fault == .portBusy)
    siren.set(on: true, at: bench.after(1))
    siren.wake(at: bench.after(2))
    siren.wake(at: bench.after(3))
    #expect(bench.lines.all.count == 1)
    #expect(siren.nextDeadline == bench.after(4))
    bench.gpio.hold(chip: SirenBench.chip, line: 2, by: nil)
    siren.wake(at: bench.after(4))
    #expect(bench.isHigh)
    #expect(siren.fault == nil)
    #expect(siren.nextDeadline == nil)
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
}
