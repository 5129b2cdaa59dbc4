import Delivery
import Foundation
import Testing

/// Three days without a broker: with `MIMAMORI_SOAK` in whole, else one hour with budgets as much smaller.
@Suite(.serialized) struct LongOutageTests {
  private struct Scale {
    var hours: Int
    var observationBytes: Int
    var diskBytes: Int
    var perSecond: Int

    static var present: Scale {
      ProcessInfo.processInfo.environment["MIMAMORI_SOAK"] == nil
        ? Scale(hours: 1, observationBytes: 300_000, diskBytes: 12_000_000, perSecond: 100)
        : Scale(hours: 72, observationBytes: 16 * 1_048_576, diskBytes: 36_000_000, perSecond: 500)
    }
  }

  private static let sensors = 32

  @Test func `days offline stay within their budgets, and what they brought comes afterwards, the newest alert first`()
    throws
  {
    let scale = Scale.present
    let broker = try MosquittoBroker()
    try broker.start()
    let subscriber = try Subscriber(port: broker.port)
    let relay = TCPRelay(to: broker.port)
    let clock = ShiftedClock()
    let harness = try DeliveryHarness(port: relay.port, clock: clock) {
      $0.limits.observationBytes = scale.observationBytes
      $0.limits.observationsPerSecond = scale.perSecond
    }
    try harness.start()
    let before = Self.residentBytes()
    let alerts = passHours(scale.hours, harness, clock)
    let offline = harness.service.statistics
    #expect(!offline.isConnected && offline.outbox == alerts.count)
    #expect(offline.droppedAlerts == 0 && offline.droppedObservations == 0)
    #expect(offline.thinnedObservations > 0)
    let disk = try Self.bytes(of: harness.folder.path + "/state")
    #expect(disk < scale.diskBytes, "\(disk) bytes on the disk")
    // Other suites live in this process too, unless it is run for this alone.
    let growth = Self.residentBytes() - before
    if scale.hours == 72 { #expect(growth < 64 * 1_048_576, "\(growth) bytes of memory") }
    let waiting = offline.waitingObservations
    // What ten minutes bring is gathered in memory before it is written.
    #expect(offline.waitingObservationBytes < scale.observationBytes + 10 * Self.sensors * 400)
    #expect(waiting > 100)

    clock.advance(seconds: 120)
    relay.open()
    #expect(harness.isConnected())
    let connectedAt = monotonicNanoseconds()
    #expect(subscriber.received.wait { $0.contains { $0.topic == DeliveryHarness.alertTopic } })
    #expect(monotonicNanoseconds() - connectedAt < 1_000_000_000, "the newest alert within a second")
    let first = try #require(subscriber.received.all.first { $0.topic == DeliveryHarness.alertTopic })
    #expect(words(first.text) == alerts.last)
    #expect(first.text.hasSuffix(" late"), "long past its time, and still delivered, marked")

    #expect(subscriber.received.wait { items in items.contains { $0.topic.hasSuffix("/delayed") } })
    let paceFrom = monotonicNanoseconds()
    let arrived = subscriber.received.all.count { $0.topic.hasSuffix("/delayed") }
    let told = subscriber.received.all.filter { $0.topic == DeliveryHarness.alertTopic }
    // But for a revision that waits for the acknowledgment of the one before it.
    #expect(
      Set(told.map { words($0.text).prefix { $0 != " " } }) == Set(alerts.map { $0.prefix { $0 != " " } }),
      "every alert is there before the first observation")
    #expect(
      subscriber.received.wait { items in
        Set(items.filter { $0.topic == DeliveryHarness.alertTopic }.map { words($0.text) }) == Set(alerts)
      })
    expectSameBytesAndOrder(subscriber.received.all.filter { $0.topic == DeliveryHarness.alertTopic })
    // What was still in memory may take the table above its bytes once more, and be thinned on its way.
    #expect(
      eventually(seconds: Double(waiting / scale.perSecond * 5 + 60)) {
        harness.service.statistics.waitingObservations == 0
      })
    let seconds = Double(monotonicNanoseconds() - paceFrom) / 1e9
    let thinned = Int(harness.service.statistics.thinnedObservations - offline.thinnedObservations)
    #expect(harness.service.statistics.droppedObservations == 0)
    #expect(
      subscriber.received.wait { $0.count { $0.topic.hasSuffix("/delayed") } >= waiting - thinned },
      "\(thinned) thinned")
    let observed = subscriber.received.all.count { $0.topic.hasSuffix("/delayed") }
    let pace = Double(observed - arrived) / seconds
    // What half a second brings may come at once.
    #expect(Double(observed - arrived) <= Double(scale.perSecond) * (seconds + 0.5) * 1.02, "\(pace) a second")
    #expect(pace > Double(scale.perSecond) * 0.2, "\(pace) a second")
    #expect(harness.isDelivered())
    print(
      "offline \(scale.hours) h: \(disk) bytes on the disk, \(growth) of memory, \(observed) observations told of"
        + " \(offline.supersededObservations), one in \(offline.observationIntervalMilliseconds / 1_000) s;"
        + " then \(Int(pace)) a second")
  }

  /// Each sensor speaks once a second, and ten alerts are raised an hour, of which every fourth goes on with the one before.
  private func passHours(_ hours: Int, _ harness: DeliveryHarness, _ clock: ShiftedClock) -> [String] {
    var alerts: [String] = []
    let filler = [UInt8](repeating: UInt8(ascii: "x"), count: 260)
    for second in 0..<hours * 3_600 {
      clock.advance(seconds: 1)
      let states = (0..<Self.sensors).map { harness.observation("s\($0)", "\(second) ", filler) }
      var messages: [OutgoingMessage] = []
      if second % 360 == 359 {
        let number = alerts.count
        let (id, revision) = number % 4 == 2 ? ("A\(number - 1)", 2) : ("A\(number)", 1)
        messages = [harness.message(id, revision: revision)]
        alerts.append("\(id) \(revision)")
      }
      harness.commit(messages, retained: states)
      if second % 20 == 0 {
        #expect(eventually { harness.service.statistics.supersededObservations == UInt64(second * Self.sensors) })
      }
    }
    #expect(
      eventually { harness.service.statistics.outbox == alerts.count && harness.service.statistics.unwritten == 0 })
    return alerts
  }

  private static func bytes(of folder: String) throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: folder).reduce(0) { sum, name in
      sum + (try FileManager.default.attributesOfItem(atPath: folder + "/" + name)[.size] as? Int ?? 0)
    }
  }

  private static func residentBytes() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    let fields = text.split(separator: " ")
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4_096 : 0
  }
}

/// Stands before a broker and refuses everyone until it is opened.
final class TCPRelay: Sendable {
  let port: Int
  private let target: Int

  init(to target: Int) {
    port = freePort()
    self.target = target
  }

  func open() {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var yes: Int32 = 1
    unsafe setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    _ = unsafe withLoopbackAddress(port: port) { unsafe bind(listener, $0, $1) }
    listen(listener, 16)
    let target = target
    Thread.detachNewThread {
      while true {
        let near = accept(listener, nil, nil)
        if near < 0 { return }
        let far = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        _ = unsafe withLoopbackAddress(port: target) { unsafe connect(far, $0, $1) }
        Thread.detachNewThread { TCPRelay.pass(near, far) }
        Thread.detachNewThread { TCPRelay.pass(far, near) }
      }
    }
  }

  private static func pass(_ from: Int32, _ to: Int32) {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe recv(from, &bytes, bytes.count, 0)
      guard count > 0, unsafe send(to, bytes, count, Int32(MSG_NOSIGNAL)) == count else { break }
    }
    shutdown(from, Int32(SHUT_RDWR))
    shutdown(to, Int32(SHUT_RDWR))
  }
}
