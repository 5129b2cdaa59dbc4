import Delivery
import Foundation
import Testing

@Suite(.serialized) struct ObservationLaneTests {
  private static let base = "mimamori/282103/kakogawa-042/observation/"

  private static func waiting(_ topic: String, second: Int64, _ size: Int = 1) -> WaitingObservation {
    WaitingObservation(
      topic: topic, payload: [UInt8](repeating: UInt8(truncatingIfNeeded: second), count: size),
      wallMilliseconds: second * 1_000)
  }

  private static func delayed(_ items: [Received]) -> [String] {
    items.filter { $0.topic.hasSuffix("/delayed") }.map(\.text)
  }

  @Test func `of each sensor the newest of each interval is gathered`() {
    var buffer = ObservationBuffer(intervalMilliseconds: 60_000)
    for second in Int64(-90)..<150 {
      for topic in ["a", "b"] { buffer.add(Self.waiting(topic, second: second)) }
    }
    #expect(
      buffer.waiting.filter { $0.topic == "a" }.map(\.wallMilliseconds) == [-61_000, -1_000, 59_000, 119_000, 149_000])
    #expect(buffer.waiting.count == 10 && buffer.bytes == 20)
    #expect(buffer.thinned == 480 - 10)
    buffer.thin(to: 120_000)
    #expect(buffer.waiting.filter { $0.topic == "b" }.map(\.wallMilliseconds) == [-1_000, 119_000, 149_000])
    buffer.shift(by: 1_000_000_000)
    #expect(buffer.waiting.last?.wallMilliseconds == 1_000_149_000)
  }

  @Test func `what cannot be written is thinned in memory, and stays within its bytes`() {
    var buffer = ObservationBuffer(intervalMilliseconds: 1_000, mostRows: 100, mostBytes: 5_000)
    for second in Int64(0)..<10_000 { buffer.add(Self.waiting("river", second: second, 49)) }
    #expect(buffer.waiting.count <= 93 && buffer.waiting.count > 20)
    #expect(buffer.bytes <= 5_000)
    #expect(buffer.dropped == 0)
    #expect(buffer.waiting.last?.wallMilliseconds == 9_999_000)
    #expect((buffer.waiting.first?.wallMilliseconds ?? .max) < 512_000, "the whole time is covered")
    // Two hundred sensors have no room for one observation of each: the oldest go, and that is counted.
    var crowd = ObservationBuffer(intervalMilliseconds: 1_000, mostRows: 100)
    for sensor in 0..<200 { crowd.add(Self.waiting("s\(sensor)", second: 1)) }
    #expect(crowd.waiting.count <= 100)
    #expect(crowd.dropped + UInt64(crowd.waiting.count) == 200)
    #expect(crowd.waiting.last?.topic == "s199")
  }

  @Test func `readings of an outage come after it, thinned, paced and marked, newest first, after every alert`() throws
  {
    let broker = try MosquittoBroker()
    let clock = ShiftedClock()
    let harness = try DeliveryHarness(port: broker.port, clock: clock) {
      $0.limits.observationIntervalMilliseconds = 60_000
      $0.limits.observationsPerSecond = 50
      $0.timing.firstBackOffNanoseconds = 2_000_000_000
      $0.timing.longestBackOffNanoseconds = 2_000_000_000
    }
    try harness.start()
    // On the minute, so that the intervals are those of the loop.
    clock.advance(seconds: 60 - clock.wallMilliseconds / 1_000 % 60)
    for second in 0..<1_800 {
      harness.commit([], retained: [harness.observation("river-1", "river \(second)")])
      if second % 300 == 0 { harness.commit([harness.message("A\(second)")]) }
      #expect(eventually { harness.service.statistics.supersededObservations == UInt64(second) })
      clock.advance(seconds: 1)
    }
    // One more where a batch was written within an interval, and where the real clock has gone on too.
    let waiting = harness.service.statistics.waitingObservations
    #expect((30...36).contains(waiting), "\(waiting)")
    try broker.start()
    let subscriber = try Subscriber(port: broker.port)
    #expect(harness.isDelivered())
    #expect(subscriber.received.wait { Self.delayed($0).count >= waiting })
    let items = subscriber.received.all
    let told = Self.delayed(items)
    #expect(told.count == waiting)
    #expect(told.allSatisfy { $0.hasSuffix(" late") })
    let seconds = told.compactMap { Int($0.split(separator: " ")[1]) }
    #expect(seconds == seconds.sorted(by: >))
    #expect(Set(seconds.map { $0 / 60 }).count >= 29)
    #expect(!told.contains { $0.hasPrefix("river 1799") }, "the newest is no backlog")
    #expect(items.last { $0.topic == Self.base + "river-1" }?.text == "river 1799")
    let lastAlert = try #require(items.lastIndex { $0.topic == DeliveryHarness.alertTopic })
    let firstDelayed = try #require(items.firstIndex { $0.topic.hasSuffix("/delayed") })
    #expect(lastAlert < firstDelayed)
    #expect(eventually { harness.service.statistics.waitingObservations == 0 })
  }

  @Test func `what waits outlives a restart, and so does the newest of each sensor`() throws {
    let folder = try TemporaryFolder()
    let clock = ShiftedClock()
    do {
      let alone = try DeliveryHarness(port: 1, folder: folder, clock: clock)
      try alone.start()
      for number in 0..<5 {
        alone.commit([], retained: [alone.observation("river-1", "river \(number)")])
        #expect(eventually { alone.service.statistics.supersededObservations == UInt64(number) })
        #expect(eventually { alone.service.statistics.retainedTopics == 1 })
        clock.advance(seconds: 60)
      }
      #expect(alone.stop())
    }
    let broker = try MosquittoBroker()
    try broker.start()
    let subscriber = try Subscriber(port: broker.port)
    let harness = try DeliveryHarness(port: broker.port, folder: folder, clock: clock)
    #expect(harness.service.statistics.waitingObservations == 5)
    try harness.start()
    #expect(subscriber.received.wait { Self.delayed($0).count >= 5 })
    #expect(Self.delayed(subscriber.received.all) == (0..<5).reversed().map { "river \($0) late" })
  }

  @Test func `a backlog above its bytes is thinned to what one interval leaves, and what is too old goes`() throws {
    let clock = ShiftedClock()
    let harness = try DeliveryHarness(port: 1, clock: clock) {
      $0.limits.observationIntervalMilliseconds = 1_000
      $0.limits.observationBytes = 20_000
      $0.timing.observationBatchNanoseconds = 60_000_000_000
    }
    try harness.start()
    let filler = String(repeating: "x", count: 100)
    for second in 0..<1_200 {
      harness.commit([], retained: ["a", "b"].map { harness.observation($0, "\($0) \(second) \(filler)") })
      #expect(eventually { harness.service.statistics.supersededObservations == UInt64(2 * second) })
      clock.advance(seconds: 1)
    }
    // 60 s of two sensors may wait in memory beside it.
    #expect(eventually { harness.service.statistics.waitingObservationBytes < 20_000 + 120 * 170 })
    let statistics = harness.service.statistics
    #expect(statistics.observationIntervalMilliseconds > 1_000)
    #expect(statistics.thinnedObservations > 0 && statistics.droppedObservations == 0)
    #expect(statistics.waitingObservations > 60)
    clock.advance(seconds: 8 * 86_400)
    harness.commit([], retained: [harness.observation("a", "late")])
    #expect(eventually { harness.service.statistics.waitingObservations <= 1 })
    #expect(harness.service.statistics.droppedObservations > 0)
  }

  @Test func `a clock that is set does not make old what waits`() throws {
    let clock = ShiftedClock()
    clock.setWall(bySeconds: -50 * 365 * 86_400)
    let harness = try DeliveryHarness(port: 1, clock: clock) { $0.timing.observationBatchNanoseconds = 1 }
    try harness.start()
    for number in 0..<5 {
      harness.commit([], retained: [harness.observation("a", "\(number)")])
      #expect(eventually { harness.service.statistics.supersededObservations == UInt64(number) })
      #expect(eventually { harness.service.statistics.retainedTopics == 1 })
      clock.advance(seconds: 60)
    }
    clock.setWall(bySeconds: 50 * 365 * 86_400)
    for number in 5..<8 {
      clock.advance(seconds: 900)
      harness.commit([], retained: [harness.observation("a", "\(number)")])
      #expect(eventually { harness.service.statistics.supersededObservations == UInt64(number) })
    }
    #expect(harness.service.statistics.waitingObservations == 7)
    #expect(harness.service.statistics.droppedObservations == 0)
  }

  @Test func `an observation that the broker has already is not told again`() throws {
    let broker = try MosquittoBroker()
    try broker.start()
    let subscriber = try Subscriber(port: broker.port)
    let harness = try DeliveryHarness(port: broker.port)
    try harness.start()
    #expect(harness.isConnected())
    for number in 0..<20 {
      harness.commit([], retained: [harness.observation("a", "\(number)")])
      #expect(subscriber.received.wait { $0.contains { $0.text == "\(number)" } })
      #expect(eventually { harness.service.statistics.inFlight == 0 })
    }
    #expect(harness.service.statistics.supersededObservations == 0)
  }

  @Test(.needsSmallFileSystem)
  func `below the reserve no observation is written, alerts are, and it ends when there is room`() throws {
    let mount = try SmallFileSystem()
    let clock = ShiftedClock()
    let harness = try DeliveryHarness(port: 1, clock: clock) {
      $0.stateFolder = mount.path + "/state"
      $0.limits.reserveBytes = 450_000
      $0.limits.observationIntervalMilliseconds = 1_000
      $0.timing.observationBatchNanoseconds = 1_000_000_000
      $0.timing.reserveNanoseconds = 1_000_000_000
    }
    try harness.start()
    #expect(eventually { (harness.service.statistics.freeBytes ?? 0) > 450_000 })
    #expect(!harness.service.statistics.isYielding)
    let filler = unsafe open(mount.path + "/other", O_WRONLY | O_CREAT, 0o600)
    let room = Int(harness.service.statistics.freeBytes ?? 0) - 350_000
    #expect(posix_fallocate(filler, 0, off_t(room)) == 0)
    close(filler)
    clock.advance(seconds: 2)
    harness.commit([harness.message("A")])
    #expect(eventually { harness.service.statistics.isYielding })
    #expect(harness.lines.wait { $0.contains { $0.hasPrefix("error: Less is free") } })
    for number in 0..<50 {
      harness.commit([harness.message("B\(number)")], retained: [harness.observation("a", "\(number)")])
      #expect(eventually { harness.service.statistics.alertStream.last == UInt64(number + 2) })
      clock.advance(seconds: 1)
    }
    #expect(eventually { harness.service.statistics.unwritten == 0 })
    #expect(harness.service.statistics.ledger == .working)
    #expect(harness.service.statistics.outbox == 51)
    let path = mount.path + "/state/ledger.sqlite"
    func stored() -> Int64 {
      let database = try? SQLiteDatabase(path: path, mode: .readOnly)
      return (try? database?.prepare("SELECT count(*) FROM waiting_observations").first { $0.integer(0) } ?? -1) ?? -1
    }
    #expect(stored() == 0)
    try FileManager.default.removeItem(atPath: mount.path + "/other")
    clock.advance(seconds: 2)
    harness.commit([harness.message("C")])
    #expect(eventually { !harness.service.statistics.isYielding })
    #expect(eventually { stored() > 40 })
    #expect(harness.lines.all.contains { $0.contains("There is room for observations again") })
  }
}
