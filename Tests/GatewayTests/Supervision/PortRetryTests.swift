import Observations
import SensorDrivers
import Testing

@testable import Gateway

struct PortRetryTests {
  private static func time(_ milliseconds: Int64) -> MonotonicTime {
    MonotonicTime(nanoseconds: 0) + .milliseconds(milliseconds)
  }

  @Test func `a port is tried again after a quarter of a second, then less often, at least every second`() {
    var retry = PortRetry(at: Self.time(0))
    #expect(retry.due == Self.time(0))
    var dues: [MonotonicTime] = []
    for _ in 0..<4 {
      retry.spent(from: retry.due, to: retry.due + .milliseconds(100))
      retry.failed(at: retry.due)
      dues.append(retry.due)
    }
    #expect(dues == [250, 750, 1750, 2750].map(Self.time))
    retry.opened()
    retry.failed(at: Self.time(10_000))
    #expect(retry.due == Self.time(10_250))
    retry.closed(at: Self.time(20_000))
    #expect(retry.due == Self.time(20_250))
  }

  @Test func `what took long is not tried again before thirty times as long, at most a minute`() {
    var retry = PortRetry(at: Self.time(0))
    retry.spent(from: Self.time(0), to: Self.time(200))
    retry.failed(at: Self.time(0))
    #expect(retry.due == Self.time(200 + 6000))
    retry.spent(from: Self.time(7000), to: Self.time(12_000))
    retry.opened()
    retry.spent(from: Self.time(13_000), to: Self.time(13_001))
    retry.closed(at: Self.time(13_000))
    #expect(retry.due == Self.time(12_000 + 60_000))
    // Long after that, it was only slow once.
    retry.failed(at: Self.time(500_000))
    #expect(retry.due == Self.time(500_250))
  }

  @Test(arguments: [(0, 250), (200, 6000), (5000, 60_000)] as [(Int64, Int64)])
  func `a link lets a port rest whose opening took long`(took: Int64, rest: Int64) {
    var moment = Self.time(0)
    let link = SerialLink(
      port: PortID("gauge"), address: .serial(path: "/dev/mimamori-no-such-port", line: UltrasonicSensor.line),
      driver: UltrasonicSensor(sensor: SensorID("river-1"), mountHeight: Measure(thousandths: 4500)),
      sink: CollectingSink(), logger: CollectingLog.make().logger, at: moment,
      now: {
        defer { moment = moment + .milliseconds(took) }
        return moment
      })
    link.wake(at: Self.time(0))
    // The clock is read at the beginning and the end of opening, and of closing what was not open.
    #expect(link.nextDeadline == Self.time(rest + (took == 0 ? 0 : 3 * took)))
  }
}
