import Observations
import SensorDrivers
import SimulatedSite
import Testing

@Suite struct `A flood contact whose cable is watched` {
  private static let sensor: SensorID = "underpass-1"
  private static let wet = Observation.contact(sensor, active: true)
  private static let dry = Observation.contact(sensor, active: false)
  private static let broken = Observation.fault(sensor, .cableBreak)
  private static let short = Observation.fault(sensor, .shortCircuit)

  private static func contact(
    _ wiring: SupervisedContact.Wiring = .changeover, wet: ContactSensor.Wet = .closed, bias: GPIOBias = .pullUp
  ) -> SupervisedContact {
    SupervisedContact(
      sensor: sensor, contact: .number(4), supervision: .number(5), bias: bias, wiring: wiring, wet: wet,
      debounce: .milliseconds(50))
  }

  /// A bench whose lines stand so: contact, supervision.
  private static func bench(
    _ contact: Bool, _ supervision: Bool, _ driver: SupervisedContact = contact()
  ) -> GPIOBench<SupervisedContact> {
    var bench = GPIOBench(driver, levels: [contact, supervision])
    bench.actions.removeAll()
    return bench
  }

  /// Contact closed, supervision closed; what they say for a contact that closes when wet, and for one that opens.
  @Test(arguments: [
    (SupervisedContact.Wiring.changeover, true, false, wet, dry), (.changeover, false, true, dry, wet),
    (.changeover, false, false, broken, broken), (.changeover, true, true, short, short),
    (.endOfLine, true, true, wet, dry), (.endOfLine, false, true, dry, wet),
    (.endOfLine, false, false, broken, broken), (.endOfLine, true, false, short, short),
  ])
  func `says what its two lines mean together`(
    wiring: SupervisedContact.Wiring, contact: Bool, supervision: Bool, closing: Observation, opening: Observation
  ) {
    let closer = GPIOBench(Self.contact(wiring), levels: [contact, supervision])
    #expect(closer.observed == [closing])
    let opener = GPIOBench(Self.contact(wiring, wet: .open), levels: [contact, supervision])
    #expect(opener.observed == [opening])
  }

  @Test(arguments: [(GPIOBias.pullUp, true), (.pullDown, false), (.disabled, true)])
  func `asks for both lines so that active is closed, without the kernel's debounce`(bias: GPIOBias, isLow: Bool) {
    for wet in ContactSensor.Wet.allCases {
      let inputs = Self.contact(wet: wet, bias: bias).inputs
      #expect(inputs.map(\.line) == [.number(4), .number(5)])
      #expect(inputs.allSatisfy { $0.isActiveLow == isLow && $0.debounce == .zero && $0.bias == bias })
    }
  }

  @Test func `takes the moment in which the contact moves over for no broken cable`() {
    var bench = Self.bench(false, true)
    bench.edge(false, at: 100, line: 5)
    bench.edge(true, at: 800, line: 4)
    bench.pass(to: 5000)
    #expect(bench.observed == [Self.wet])
    #expect(bench.times == [850])
  }

  @Test func `debounces both lines together while they bounce in turn`() {
    var bench = Self.bench(false, true)
    for step in 0..<20 as Range<Int64> {
      bench.edge(step % 2 == 1, at: 100 + step * 30, line: 5)
      bench.edge(step % 2 == 0, at: 110 + step * 30, line: 4)
    }
    #expect(bench.observed.isEmpty)
    bench.edge(false, at: 705, line: 5)
    bench.edge(true, at: 710, line: 4)
    bench.pass(to: 5000)
    #expect(bench.observed == [Self.wet])
    #expect(bench.times == [760])
  }

  @Test func `is a fault when the cable stays broken, and never dry by it`() {
    var bench = Self.bench(true, false)
    bench.edge(false, at: 100, line: 4)
    bench.pass(to: 9_999)
    #expect(bench.observed == [Self.broken])
    #expect(bench.times == [1100])
    // That its lines can be read says nothing of the contact.
    bench.pass(to: 10_000)
    #expect(bench.driver.wantsLevels)
    bench.read([false, false], at: 10_001)
    #expect(bench.observed == [Self.broken])
    bench.edge(true, at: 15_000, line: 4)
    bench.pass(to: 16_000)
    #expect(bench.observed == [Self.broken, Self.wet])
    #expect(bench.times.last == 15_050)
  }

  @Test func `goes from one fault to the other`() {
    var bench = Self.bench(false, false)
    bench.edge(true, at: 100, line: 4)
    bench.edge(true, at: 110, line: 5)
    bench.pass(to: 5000)
    #expect(bench.observed == [Self.short])
    #expect(bench.times == [1110])
  }

  @Test func `reads both levels after edges were lost`() {
    var bench = Self.bench(false, true)
    bench.edge(false, at: 100, dropped: 12, line: 5)
    #expect(bench.driver.wantsLevels)
    #expect(bench.driver.counters.lostEdges == 12)
    bench.read([true, false], at: 101)
    bench.pass(to: 1000)
    #expect(bench.observed == [.alive(Self.sensor), Self.wet])
  }

  @Test func `says that it lives while it is wet or dry`() {
    var bench = Self.bench(false, true)
    bench.pass(to: 10_000)
    bench.read([false, true], at: 10_000)
    #expect(bench.observed == [.alive(Self.sensor)])
  }

  @Test func `passes over the edges of other lines and of lines that are not held`() {
    var bench = Self.bench(false, true)
    bench.edge(true, at: 100, line: 9)
    bench.driver.failed(.portLost, at: GPIOBench<SupervisedContact>.time(200), into: &bench.actions)
    bench.edge(true, at: 300, line: 4)
    bench.pass(to: 60_000)
    #expect(bench.observed == [.fault(Self.sensor, .portLost)])
    bench.open([true, false], at: 60_000)
    #expect(bench.observed.last == Self.wet)
  }

  @Test func `reads two lines of a chip in one request`() {
    let chip = "/dev/gpiochip0"
    let board = SimulatedGPIO(chips: [SimulatedGPIO.Chip(path: chip, lines: 32)])
    func time(_ milliseconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: 0) + .milliseconds(milliseconds) }
    board.drive(chip: chip, line: 5, high: false)
    var port = GPIOSensorPort(chip: chip, driver: Self.contact(), access: board)
    var actions = DriverActions()
    port.open(at: time(0), into: &actions)
    board.drive(chip: chip, line: 5, high: nil, at: time(100))
    board.drive(chip: chip, line: 4, high: false, at: time(120))
    port.readable(at: time(121), into: &actions)
    port.wake(at: time(170), into: &actions)
    board.drive(chip: chip, line: 4, high: nil, at: time(500))
    port.readable(at: time(501), into: &actions)
    port.wake(at: time(1500), into: &actions)
    #expect(actions.observations.map(\.observation) == [Self.dry, Self.wet, Self.broken])
  }
}
