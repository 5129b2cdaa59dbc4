import Observations
import SensorDrivers
import SimulatedSite
import Testing

@testable import Gateway

struct GPIOLinkTests {
  private static let chip = "/dev/gpiochip0"
  private let gpio = SimulatedGPIO(chips: [SimulatedGPIO.Chip(path: GPIOLinkTests.chip, lines: 32)])
  private let log = CollectingLog.make()
  private let sink = CollectingSink()

  private static func time(_ milliseconds: Int64) -> MonotonicTime {
    MonotonicTime(nanoseconds: 1_000_000_000) + .milliseconds(milliseconds)
  }

  private func gauge() -> GPIOLink {
    let bucket = TippingBucket(
      sensor: "rain-1", line: .number(27), bias: .pullUp, debounce: .zero, minimumInterval: .zero)
    let link = GPIOLink(
      chip: Self.chip, driver: bucket, access: gpio, sink: sink, logger: log.logger, at: Self.time(0))
    link.wake(at: Self.time(0))
    return link
  }

  /// So many edges that nobody reads meanwhile.
  private func burst(_ edges: Int, at milliseconds: Int64) {
    for edge in 0..<edges {
      gpio.drive(chip: Self.chip, line: 27, high: edge % 2 == 1, at: Self.time(milliseconds))
    }
  }

  private func readAll(_ link: GPIOLink, at milliseconds: Int64) {
    for _ in 0..<40 { link.ready(at: Self.time(milliseconds)) }
  }

  @Test func `tells the exact number of edges that were dropped, at once and then summed up`() throws {
    let link = gauge()
    burst(4000, at: 100)
    readAll(link, at: 101)
    let kept = link.counters.edges
    // What was dropped shows by the next edge.
    #expect(link.counters.lostEdges == 0)
    burst(2, at: 200)
    readAll(link, at: 201)
    #expect(link.counters.edges == kept + 2)
    #expect(link.counters.lostEdges == 4000 - kept)
    #expect(
      log.lines.all == [
        "The kernel dropped \(4000 - kept) edges of rain-1 before they were read, \(4000 - kept) since the start."
      ])
    burst(4000, at: 300)
    readAll(link, at: 301)
    burst(2, at: 400)
    readAll(link, at: 401)
    #expect(log.lines.all.count == 1)
    let due = try #require(link.nextDeadline)
    #expect(due <= Self.time(10_201))
    link.wake(at: Self.time(10_201))
    #expect(log.lines.all.count == 2)
    let lost = link.counters.lostEdges
    #expect(log.lines.all.last?.contains("\(lost - (4000 - kept)) edges of rain-1") == true)
    #expect(log.lines.all.last?.contains("\(lost) since the start") == true)
    #expect(sink.faults.contains(.edgesLost))
  }

  @Test func `counts each edge and says nothing while none is lost`() {
    let link = gauge()
    for tip in 0..<100 as Range<Int64> {
      burst(2, at: 100 + tip)
      link.ready(at: Self.time(100 + tip))
    }
    #expect(link.counters.edges == 200)
    #expect(link.counters.lostEdges == 0)
    #expect(log.lines.all.isEmpty)
    #expect(sink.observations.last == .tips("rain-1", count: 100))
  }
}
