import Observations
import SensorDrivers
import Testing

@Suite struct `A tipping bucket` {
  private static let sensor: SensorID = "rain-1"

  private static func bucket(
    count: UInt64 = 0, debounce: TimeSpan = .milliseconds(20), minimumInterval: TimeSpan = .milliseconds(25)
  ) -> TippingBucket {
    TippingBucket(
      sensor: sensor, line: .number(27), bias: .pullUp, debounce: debounce, count: count,
      minimumInterval: minimumInterval)
  }

  private static func tips(_ count: UInt64) -> Observation { .tips(sensor, count: count) }

  /// One tip of 60 ms with 2 ms of bounce at each end, each 0.2 ms long.
  private static func tip(_ bench: inout GPIOBench<TippingBucket>, at start: Int64) {
    for bounce in 0..<3 as Range<Int64> {
      bench.edge(true, at: start + bounce)
      if bounce < 2 { bench.lateEdge(false, at: start + bounce) }
    }
    for bounce in 0..<3 as Range<Int64> {
      bench.edge(false, at: start + 60 + bounce)
      if bounce < 2 { bench.lateEdge(true, at: start + 60 + bounce) }
    }
  }

  @Test func `goes on from the count of before and counts the closings alone`() {
    var bench = GPIOBench(Self.bucket(count: 1234))
    bench.edge(true, at: 100)
    bench.edge(false, at: 180)
    bench.edge(true, at: 1100)
    bench.edge(false, at: 1180)
    bench.pass(to: 2000)
    #expect(bench.observed == [Self.tips(1234), Self.tips(1235), Self.tips(1236)])
    #expect(bench.times == [0, 120, 1120])
  }

  @Test func `does not count a bucket that rests on its contact`() {
    var bench = GPIOBench(Self.bucket(), isActive: true)
    bench.edge(false, at: 100)
    bench.pass(to: 1000)
    #expect(bench.observed == [Self.tips(0)])
  }

  @Test func `counts each of 2,000 bouncing tips once`() {
    var bench = GPIOBench(Self.bucket(minimumInterval: .zero))
    for number in 0..<2000 as Range<Int64> {
      Self.tip(&bench, at: 100 + number * 100)
      bench.actions.removeAll()
      if bench.driver.wantsLevels { bench.read([false], at: bench.now) }
    }
    bench.pass(to: 200_200)
    #expect(bench.driver.count == 2000)
    #expect(bench.driver.counters.rejectedTips == 0)
    #expect(bench.driver.counters.lostEdges == 0)
  }

  @Test func `counts twenty tips a second that the kernel has debounced`() {
    var bench = GPIOBench(Self.bucket(debounce: .zero))
    for number in 0..<200 as Range<Int64> {
      bench.edge(true, at: 100 + number * 50)
      bench.edge(false, at: 125 + number * 50)
    }
    #expect(bench.driver.count == 200)
    #expect(bench.observed.count == 201)
  }

  @Test func `does not count the bounce of a tip that outlasts the debounce time`() {
    var bench = GPIOBench(Self.bucket(debounce: .zero, minimumInterval: .milliseconds(200)))
    for number in 0..<50 as Range<Int64> {
      for bounce in 0..<3 as Range<Int64> {
        bench.edge(true, at: 1000 + number * 3000 + bounce * 30)
        bench.edge(false, at: 1010 + number * 3000 + bounce * 30)
      }
      if bench.driver.wantsLevels { bench.read([false], at: bench.now) }
    }
    #expect(bench.driver.count == 50)
    #expect(bench.driver.counters.rejectedTips == 100)
    #expect(bench.observed.count { $0 == .fault(Self.sensor, .implausibleRate) } == 3)
  }

  @Test func `believes tips at its highest rate although they come unevenly`() {
    var bench = GPIOBench(Self.bucket(debounce: .zero, minimumInterval: .milliseconds(50)))
    for number in 0..<1000 as Range<Int64> {
      let start = 1000 + number * 50 + (number % 3) * 10
      bench.edge(true, at: start)
      bench.edge(false, at: start + 20)
      if bench.driver.wantsLevels { bench.read([false], at: bench.now) }
    }
    #expect(bench.driver.count == 1000)
    #expect(bench.driver.counters.rejectedTips == 0)
  }

  @Test func `does not believe a contact that goes on rattling, says so, and believes it again when it has rested`() {
    var bench = GPIOBench(Self.bucket(debounce: .zero, minimumInterval: .milliseconds(200)))
    for number in 0..<1200 as Range<Int64> {
      bench.edge(true, at: 1000 + number * 50)
      bench.edge(false, at: 1025 + number * 50)
      if bench.driver.wantsLevels { bench.read([false], at: bench.now) }
    }
    // A second's worth at the highest rate, and then nothing for a minute.
    #expect((5...7).contains(bench.driver.count))
    #expect(bench.driver.count + bench.driver.counters.rejectedTips == 1200)
    // At the first, and when nothing is believed any more.
    #expect(bench.observed.count { $0 == .fault(Self.sensor, .implausibleRate) } == 2)
    #expect(bench.observed.last == .fault(Self.sensor, .implausibleRate))
    let before = bench.driver.count
    bench.edge(true, at: 70_000)
    bench.edge(false, at: 70_100)
    #expect(bench.observed.last == Self.tips(before + 1))
  }

  @Test func `says how many edges were lost and counts only what it saw`() {
    var bench = GPIOBench(Self.bucket(debounce: .zero))
    bench.edge(true, at: 100)
    bench.edge(false, at: 150)
    bench.edge(false, at: 9000, dropped: 801)
    bench.edge(true, at: 9500)
    bench.edge(false, at: 9550, dropped: 2)
    #expect(bench.driver.counters.lostEdges == 803)
    #expect(bench.driver.count == 2)
    #expect(bench.observed == [Self.tips(0), Self.tips(1), .fault(Self.sensor, .edgesLost), Self.tips(2)])
  }

  @Test func `notices edges that were lost before the first, and after a minute says it again`() {
    var bench = GPIOBench(Self.bucket(debounce: .zero))
    bench.edge(true, at: 100, dropped: 7)
    #expect(bench.driver.counters.lostEdges == 7)
    #expect(bench.observed == [Self.tips(0), Self.tips(1), .fault(Self.sensor, .edgesLost)])
    bench.edge(true, at: 70_000, dropped: 3)
    #expect(bench.observed.suffix(2) == [Self.tips(2), .fault(Self.sensor, .edgesLost)])
  }

  @Test func `counts a tip once although the kernel notes its bounce after the deadline`() {
    var bench = GPIOBench(Self.bucket())
    bench.edge(true, at: 100)
    bench.pass(to: 125)
    #expect(bench.driver.count == 1)
    // The processor that notes the edges stood still: the opening of 101 is read at 126.
    bench.lateEdge(false, at: 101)
    bench.edge(true, at: 126)
    bench.pass(to: 160)
    #expect(bench.driver.count == 1)
    bench.edge(false, at: 170)
    bench.edge(true, at: 220)
    bench.pass(to: 260)
    #expect(bench.driver.count == 2)
  }

  @Test func `does not count a closing again whose opening had not lasted, although that is read after the deadline`() {
    var bench = GPIOBench(Self.bucket())
    bench.edge(true, at: 100)
    bench.edge(false, at: 150)
    bench.pass(to: 175)
    // Closed again in the bounce, and so until 190.
    bench.lateEdge(true, at: 151)
    bench.edge(false, at: 190)
    bench.pass(to: 300)
    #expect(bench.driver.count == 1)
  }

  @Test func `two deadlines that came too soon for one tip count it once`() {
    var bench = GPIOBench(Self.bucket())
    bench.edge(true, at: 100)
    bench.pass(to: 125)
    bench.lateEdge(false, at: 101)
    bench.edge(true, at: 126)
    bench.pass(to: 150)
    bench.lateEdge(false, at: 127)
    bench.edge(true, at: 151)
    bench.pass(to: 200)
    #expect(bench.driver.count == 1)
    bench.edge(false, at: 210)
    bench.edge(true, at: 260)
    bench.pass(to: 300)
    #expect(bench.driver.count == 2)
  }

  /// A closing, however long after the last edge.
  private static func close(_ bench: inout GPIOBench<TippingBucket>, at start: Int64) {
    bench.edge(true, at: start)
    if bench.driver.wantsLevels { bench.read([true], at: start) }
  }

  /// A closing of a millisecond, whose end is read after the deadline.
  private static func readTooLate(_ bench: inout GPIOBench<TippingBucket>, at start: Int64) {
    close(&bench, at: start)
    bench.pass(to: start + 25)
    bench.lateEdge(false, at: start + 1)
  }

  @Test(arguments: [(3_600_000, false), (3_600_001, true), (86_400_000, true)] as [(Int64, Bool)])
  func `a tip that was counted ahead is the next within an hour, and later rain is told at its own time`(
    later: Int64, isAnother: Bool
  ) {
    var bench = GPIOBench(Self.bucket())
    Self.readTooLate(&bench, at: 100)
    #expect(bench.observed == [Self.tips(0), Self.tips(1)])
    let start = 100 + later
    Self.close(&bench, at: start)
    bench.pass(to: start + 60)
    #expect(bench.driver.count == (isAnother ? 2 : 1))
    if isAnother { #expect(bench.times.last == start + 20) }
    bench.edge(false, at: start + 80)
    bench.edge(true, at: start + 1000)
    bench.pass(to: start + 1100)
    #expect(bench.driver.count == (isAnother ? 3 : 2))
  }

  @Test func `nothing but bounces that are read too late, one a minute, count one tip`() {
    var bench = GPIOBench(Self.bucket())
    for minute in 0..<600 as Range<Int64> { Self.readTooLate(&bench, at: 100 + minute * 60_000) }
    #expect(bench.driver.count == 1)
  }

  @Test func `does not count a closing of which nobody knows whether it lasted, because edges after it were lost`() {
    var bench = GPIOBench(Self.bucket())
    bench.edge(true, at: 100)
    // The opening of 101 was dropped; the contact closes for good at 125, and the loop is late.
    bench.lateEdge(true, at: 125, dropped: 1)
    bench.pass(to: 200)
    #expect(bench.driver.count == 1)
    #expect(bench.driver.counters.lostEdges == 1)
  }

  @Test func `takes the wrapping of the sequence numbers for no gap`() {
    var bench = GPIOBench(Self.bucket(debounce: .zero))
    bench.edge(true, at: 100)
    bench.sequences[4] = UInt32.max - 1
    bench.edge(false, at: 200)
    let before = bench.driver.counters.lostEdges
    bench.edge(true, at: 300)
    bench.edge(false, at: 400)
    bench.edge(true, at: 500)
    #expect(bench.driver.counters.lostEdges == before)
    #expect(bench.driver.count == 3)
  }

  @Test func `keeps its count over a failure`() {
    var bench = GPIOBench(Self.bucket(count: 10, debounce: .zero))
    bench.edge(true, at: 100)
    bench.driver.failed(.portLost, at: GPIOBench<TippingBucket>.time(200), into: &bench.actions)
    bench.open([false], at: 300)
    #expect(bench.observed == [Self.tips(10), Self.tips(11), .fault(Self.sensor, .portLost), Self.tips(11)])
  }
}
