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
      let level = bench.driver.wantsLevel
      if level {
        bench.driver.levelRead(isActive: false, at: GPIOBench<TippingBucket>.time(bench.now), into: &bench.actions)
      }
    }
    bench.pass(to: 200_200)
    #expect(bench.driver.count == 2000)
    #expect(bench.driver.rejectedTips == 0)
    #expect(bench.driver.lostEdges == 0)
  }

  @Test func `counts twenty tips a second that the kernel has debounced`() {
    var bench = GPIOBench(Self.bucket(), isDebounced: true)
    for number in 0..<200 as Range<Int64> {
      bench.edge(true, at: 100 + number * 50)
      bench.edge(false, at: 125 + number * 50)
    }
    #expect(bench.driver.count == 200)
    #expect(bench.observed.count == 201)
  }

  @Test func `does not believe tips faster than a bucket, and says so once a minute`() {
    var bench = GPIOBench(Self.bucket(minimumInterval: .milliseconds(200)), isDebounced: true)
    for number in 0..<100 as Range<Int64> {
      bench.edge(true, at: 1000 + number * 50)
      bench.edge(false, at: 1025 + number * 50)
    }
    #expect(bench.driver.count == 25)
    #expect(bench.driver.rejectedTips == 75)
    #expect(bench.observed.count { $0 == .fault(Self.sensor, .implausibleRate) } == 1)
  }

  @Test func `says how many edges were lost and counts only what it saw`() {
    var bench = GPIOBench(Self.bucket(), isDebounced: true)
    bench.edge(true, at: 100)
    bench.edge(false, at: 150)
    bench.edge(false, at: 9000, dropped: 801)
    bench.edge(true, at: 9500)
    bench.edge(false, at: 9550, dropped: 2)
    #expect(bench.driver.lostEdges == 803)
    #expect(bench.driver.count == 2)
    #expect(bench.observed == [Self.tips(0), Self.tips(1), .fault(Self.sensor, .edgesLost), Self.tips(2)])
  }

  @Test func `notices edges that were lost before the first, and after a minute says it again`() {
    var bench = GPIOBench(Self.bucket(), isDebounced: true)
    bench.edge(true, at: 100, dropped: 7)
    #expect(bench.driver.lostEdges == 7)
    #expect(bench.observed == [Self.tips(0), Self.tips(1), .fault(Self.sensor, .edgesLost)])
    bench.edge(true, at: 70_000, dropped: 3)
    #expect(bench.observed.suffix(2) == [Self.tips(2), .fault(Self.sensor, .edgesLost)])
  }

  @Test func `takes the wrapping of the sequence numbers for no gap`() {
    var bench = GPIOBench(Self.bucket(), isDebounced: true)
    bench.edge(true, at: 100)
    bench.sequence = UInt32.max - 1
    bench.edge(false, at: 200)
    let before = bench.driver.lostEdges
    bench.edge(true, at: 300)
    bench.edge(false, at: 400)
    bench.edge(true, at: 500)
    #expect(bench.driver.lostEdges == before)
    #expect(bench.driver.count == 3)
  }

  @Test func `keeps its count over a failure`() {
    var bench = GPIOBench(Self.bucket(count: 10), isDebounced: true)
    bench.edge(true, at: 100)
    bench.driver.failed(.portLost, at: GPIOBench<TippingBucket>.time(200), into: &bench.actions)
    let time = GPIOBench<TippingBucket>.time(300)
    bench.driver.opened(isActive: false, isDebounced: true, at: time, into: &bench.actions)
    #expect(bench.observed == [Self.tips(10), Self.tips(11), .fault(Self.sensor, .portLost), Self.tips(11)])
  }
}
