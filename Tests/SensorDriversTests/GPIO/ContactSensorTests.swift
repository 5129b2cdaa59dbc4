import Observations
import SensorDrivers
import Testing

@Suite struct `A flood contact` {
  private static let sensor: SensorID = "underpass-1"

  private static func contact(
    bias: GPIOBias = .pullUp, wet: ContactSensor.Wet = .closed, debounce: TimeSpan = .milliseconds(50)
  ) -> ContactSensor {
    ContactSensor(sensor: sensor, line: .number(4), bias: bias, wet: wet, debounce: debounce)
  }

  private static func wet(_ isWet: Bool) -> Observation { .contact(sensor, active: isWet) }

  @Test(arguments: [
    (GPIOBias.pullUp, ContactSensor.Wet.closed, true), (.pullUp, .open, false), (.pullDown, .closed, false),
    (.pullDown, .open, true), (.disabled, .closed, true), (.asIs, .open, false),
  ])
  func `asks for the line so that active is wet`(bias: GPIOBias, wet: ContactSensor.Wet, isActiveLow: Bool) {
    let contact = Self.contact(bias: bias, wet: wet)
    #expect(contact.inputs[0].isActiveLow == isActiveLow)
    #expect(contact.inputs[0].bias == bias)
    #expect(contact.inputs[0].debounce == .milliseconds(50))
  }

  @Test(arguments: [true, false]) func `says its state at the start`(isWet: Bool) {
    let bench = GPIOBench(Self.contact(), isActive: isWet)
    #expect(bench.observed == [Self.wet(isWet)])
    #expect(bench.times == [0])
  }

  @Test func `counts a level that has lasted, at the time when it had`() {
    var bench = GPIOBench(Self.contact())
    bench.edge(true, at: 100)
    bench.edge(false, at: 105)
    bench.edge(true, at: 110)
    bench.pass(to: 1000)
    #expect(bench.observed == [Self.wet(false), Self.wet(true)])
    #expect(bench.times == [0, 160])
  }

  @Test func `passes over a splash`() {
    var bench = GPIOBench(Self.contact())
    for start in stride(from: 100, to: 5000, by: 100) as StrideTo<Int64> {
      bench.edge(true, at: start)
      bench.edge(false, at: start + 40)
    }
    bench.pass(to: 6000)
    #expect(bench.observed == [Self.wet(false)])
  }

  @Test func `judges by the edges' own times when the event loop is late`() {
    var bench = GPIOBench(Self.contact())
    bench.lateEdge(true, at: 100)
    bench.lateEdge(false, at: 400)
    bench.lateEdge(true, at: 420)
    bench.lateEdge(false, at: 430)
    #expect(bench.observed == [Self.wet(false), Self.wet(true)])
    #expect(bench.times == [0, 150])
    bench.pass(to: 1000)
    #expect(bench.observed == [Self.wet(false), Self.wet(true), Self.wet(false)])
    #expect(bench.times.last == 480)
  }

  @Test(arguments: [(true, TimeSpan.milliseconds(50)), (false, .zero)])
  func `counts each edge at once when there is nothing to debounce`(isDebounced: Bool, debounce: TimeSpan) {
    var bench = GPIOBench(Self.contact(debounce: debounce), isDebounced: isDebounced)
    bench.edge(true, at: 100)
    bench.edge(false, at: 103)
    #expect(bench.observed == [Self.wet(false), Self.wet(true), Self.wet(false)])
    #expect(bench.times == [0, 100, 103])
  }

  @Test func `asks for the level after lost edges and believes it`() {
    var bench = GPIOBench(Self.contact())
    bench.edge(true, at: 100)
    #expect(!bench.driver.wantsLevels)
    bench.edge(true, at: 110, dropped: 41)
    #expect(bench.driver.counters.lostEdges == 41)
    #expect(bench.driver.wantsLevels)
    bench.read([false], at: 112)
    #expect(!bench.driver.wantsLevels)
    bench.pass(to: 1000)
    #expect(bench.observed == [Self.wet(false), .alive(Self.sensor)])
  }

  @Test func `asks for the level every ten seconds, which also mends a lost edge`() {
    var bench = GPIOBench(Self.contact())
    bench.pass(to: 9_999)
    #expect(!bench.driver.wantsLevels)
    bench.pass(to: 10_000)
    #expect(bench.driver.wantsLevels)
    bench.read([true], at: 10_001)
    bench.pass(to: 10_100)
    #expect(bench.observed == [Self.wet(false), .alive(Self.sensor), Self.wet(true)])
    #expect(bench.times == [0, 10_001, 10_051])
    bench.pass(to: 20_001)
    #expect(bench.driver.wantsLevels)
  }

  @Test func `is silent after a failure until it is opened again, and then says its state`() {
    var bench = GPIOBench(Self.contact())
    bench.edge(true, at: 100)
    bench.driver.failed(.portLost, at: GPIOBench<ContactSensor>.time(110), into: &bench.actions)
    #expect(bench.driver.nextDeadline == nil)
    bench.pass(to: 60_000)
    bench.open([true], at: 60_000)
    #expect(bench.observed == [Self.wet(false), .fault(Self.sensor, .portLost), Self.wet(true)])
    bench.edge(false, at: 60_100)
    bench.pass(to: 60_200)
    #expect(bench.observed.last == Self.wet(false))
    #expect(!bench.driver.wantsLevels)
  }
}
