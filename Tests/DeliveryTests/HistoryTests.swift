import Foundation
import Testing

@testable import Delivery

@Suite(.serialized) struct HistoryTests {
  private static func record(_ number: Int, fault: String? = nil) -> ObservationRecord {
    ObservationRecord(
      wallMilliseconds: 1_795_240_000_000 + Int64(number) * 1000, sensor: "river-1", quantity: "water_level",
      thousandths: fault == nil ? Int64(number) : nil, count: nil, fault: fault, clock: "synchronized")
  }

  private static func batch(_ records: [ObservationRecord]) -> DeliveryBatch {
    var batch = DeliveryBatch()
    batch.observations = records
    return batch
  }

  @Test func `observations are written with the next message, and with the stop, and read page by page`() throws {
    let harness = try DeliveryHarness(port: 1)
    try harness.start()
    harness.service.commit(Self.batch((1...5).map { Self.record($0) }))
    harness.commit([harness.message("A")])
    let reader = try LedgerReader(stateFolder: harness.folder.path + "/state")
    #expect(eventually { (try? reader.observations(in: .min ..< .max).count) == 5 })
    harness.service.commit(Self.batch([Self.record(6, fault: "timeout")]))
    harness.stop()
    var rows: [Int64] = []
    var records: [ObservationRecord] = []
    while true {
      let page = try reader.observations(in: .min ..< .max, after: rows.last ?? 0, limit: 4)
      guard !page.isEmpty else { break }
      rows += page.map(\.row)
      records += page.map(\.record)
    }
    #expect(rows == [1, 2, 3, 4, 5, 6])
    #expect(records == (1...5).map { Self.record($0) } + [Self.record(6, fault: "timeout")])
    let middle = try reader.observations(in: 1_795_240_002_000..<1_795_240_004_000).map(\.record)
    #expect(middle == [Self.record(2), Self.record(3)])
  }

  @Test func `what outputs did is kept with its cause, the newest of it`() throws {
    let harness = try DeliveryHarness(port: 1)
    try harness.start()
    let on = OutputAction(
      wallMilliseconds: 1_795_240_000_001, output: "siren", isOn: true, cause: "alert", by: ["g/1", "g/2"],
      untilMilliseconds: 1_795_240_180_000)
    let off = [Int64(2), 3].map { number in
      OutputAction(
        wallMilliseconds: 1_795_240_000_000 + number, output: "siren", isOn: false, cause: "alert", by: [],
        untilMilliseconds: nil)
    }
    let actions = [on] + off
    var batch = DeliveryBatch()
    batch.actions = actions
    harness.service.commit(batch)
    let reader = try LedgerReader(stateFolder: harness.folder.path + "/state")
    #expect(eventually { (try? reader.actions(limit: 10)) == actions })
    harness.stop()
    #expect(try reader.actions(limit: 2) == Array(actions.suffix(2)))
  }

  @Test func `the staff's marks are kept beside the messages while the gateway writes, the newest of them`() throws {
    let harness = try DeliveryHarness(port: 1)
    try harness.start()
    harness.commit([harness.message("A")])
    let folder = harness.folder.path + "/state"
    let reader = try LedgerReader(stateFolder: folder)
    #expect(eventually { (try? reader.rows(limit: 10).count) == 1 })
    let id = try #require(try reader.rows(limit: 1).first?.id)
    #expect(try reader.marks() == [])
    let marks = ["real", "false_alarm"].enumerated().map {
      AlertMark(alert: id, cause: $1, by: "Tanaka", wallMilliseconds: 1_795_240_000_000 + Int64($0))
    }
    for mark in marks { try LedgerMarker(stateFolder: folder).write(mark) }
    #expect(try reader.marks() == marks)
    #expect(throws: DeliveryError.self) {
      try LedgerMarker(stateFolder: folder).write(
        AlertMark(alert: "g/none", cause: "real", by: "Tanaka", wallMilliseconds: 0))
    }
    harness.commit([harness.message("B")])
    #expect(eventually { (try? reader.rows(limit: 10).count) == 2 })
    harness.stop()
    #expect(try reader.marks() == marks)
    #expect(try reader.verify(digest: testDigest).isWhole)
    let marker = try LedgerMarker(stateFolder: folder)
    for number in 0..<Int64(5) {
      try marker.write(AlertMark(alert: id, cause: "test", by: "\(number)", wallMilliseconds: number), keeping: 3)
    }
    #expect(try reader.marks().map(\.by) == ["2", "3", "4"])
    #expect(throws: DeliveryError.self) { try LedgerMarker(stateFolder: harness.folder.path + "/nowhere") }
  }

  @Test func `a run is known from its start to its end, and how it ended`() throws {
    let folder = try TemporaryFolder()
    for _ in 0..<2 {
      let harness = try DeliveryHarness(port: 1, folder: folder)
      try harness.start()
      harness.stop()
    }
    let runs = try LedgerReader(stateFolder: folder.path + "/state").runs()
    #expect(runs.count == 2)
    for run in runs {
      #expect(run.ended == "stop")
      #expect(run.beganMilliseconds <= run.aliveMilliseconds)
      #expect(abs(run.aliveMilliseconds - systemWallMilliseconds()) < 60_000)
    }
    #expect(runs[0].aliveMilliseconds <= runs[1].beganMilliseconds + 1)
  }

  @Test func `too old and too many observations go, the oldest first`() throws {
    let folder = try TemporaryFolder()
    let opener = LedgerOpener(folder: folder.path, boot: "b", wallMilliseconds: 0, digest: testDigest)
    let ledger = try opener.open().ledger
    var entry = LedgerEntry()
    entry.observations = (0..<100).map { Self.record($0) }
    try ledger.write(entry)
    func left() throws -> [Int64?] {
      try LedgerReader(stateFolder: folder.path).observations(in: .min ..< .max).map(\.record.thousandths)
    }
    try ledger.pruneObservations(before: 0, above: 60, limit: 30)
    #expect(try left().count == 70)
    try ledger.pruneObservations(before: 0, above: 60, limit: 30)
    #expect(try left() == (40..<100).map { $0 })
    try ledger.pruneObservations(before: Self.record(50).wallMilliseconds, above: 60, limit: 30)
    #expect(try left() == (50..<100).map { $0 })
  }

  @Test func `no observation is kept where none is asked for`() throws {
    let harness = try DeliveryHarness(port: 1) { $0.limits.observationDays = 0 }
    try harness.start()
    harness.service.commit(Self.batch([Self.record(1)]))
    harness.stop()
    #expect(try LedgerReader(stateFolder: harness.folder.path + "/state").observations(in: .min ..< .max).isEmpty)
  }

  @Test func `a ledger from before has no observations, and gets a place for them`() throws {
    let folder = try TemporaryFolder()
    do {
      let database = try SQLiteDatabase(path: LedgerOpener.path(in: folder.path), mode: .readWrite)
      try database.execute(LedgerSchema.tables)
      try database.execute("INSERT INTO meta(key, value) VALUES('epoch', 'e')")
    }
    #expect(try LedgerReader(stateFolder: folder.path).observations(in: .min ..< .max).isEmpty)
    #expect(try LedgerReader(stateFolder: folder.path).runs().isEmpty)
    let ledger = try LedgerOpener(folder: folder.path, boot: "b", wallMilliseconds: 0, digest: testDigest).open().ledger
    var entry = LedgerEntry()
    entry.observations = [Self.record(1)]
    try ledger.write(entry)
    #expect(try LedgerReader(stateFolder: folder.path).observations(in: .min ..< .max).count == 1)
  }
}

@Suite(.serialized) struct MeasureDeliveryTests {
  private static let topic = "/json/{secret}/kakogawa-042_river-1/attrs"
  private static let wireTopic = "/json/k3y-1/kakogawa-042_river-1/attrs"

  private func measure(_ harness: DeliveryHarness, _ id: String, revision: Int = 1) -> OutgoingMessage {
    OutgoingMessage(
      stream: "alert", sequence: nil, form: .measure, id: "kakogawa-042/\(id)", revision: revision, topic: Self.topic,
      draft: Array("measure \(id) \(revision)".utf8), detectedNanoseconds: monotonicNanoseconds())
  }

  @Test func `an alert goes out in all its forms, and the secret is in no file and no log`() throws {
    let broker = try MosquittoBroker()
    try broker.start()
    let subscriber = try Subscriber(port: broker.port)
    let harness = try DeliveryHarness(port: broker.port) { $0.topicSecret = "k3y-1" }
    try harness.start()
    for revision in 1...2 {
      harness.commit([
        harness.message("A", revision: revision), harness.message("A", revision: revision, isSecondForm: true),
        measure(harness, "A", revision: revision),
      ])
    }
    #expect(subscriber.received.wait { $0.count { $0.topic == Self.wireTopic } == 2 })
    #expect(harness.isDelivered())
    harness.stop()
    let received = subscriber.received.all.filter { $0.topic == Self.wireTopic }
    #expect(received.map(\.text) == ["measure A 1 prompt", "measure A 2 prompt"])
    #expect(received.allSatisfy { !$0.isRetained })
    #expect(!harness.lines.all.contains { $0.contains("k3y-1") })
    for file in try FileManager.default.contentsOfDirectory(atPath: harness.folder.path + "/state") {
      let bytes = try Data(contentsOf: URL(filePath: harness.folder.path + "/state/" + file))
      #expect(bytes.range(of: Data("k3y-1".utf8)) == nil, "\(file)")
    }
  }

  @Test func `of measures that wait only the newest goes out, once`() throws {
    let broker = try MosquittoBroker()
    try broker.start()
    let subscriber = try Subscriber(port: broker.port)
    let harness = try DeliveryHarness(port: broker.port) { $0.topicSecret = "k3y-1" }
    for number in 1...5 {
      harness.service.retain(
        RetainedState(
          topic: Self.topic, payload: Array("\(number)".utf8), urgency: .spread, expirySeconds: 60, isRetained: false))
    }
    try harness.start()
    #expect(subscriber.received.wait { $0.contains { $0.topic == Self.wireTopic } })
    #expect(eventually { harness.service.statistics.retainedTopics == 0 })
    #expect(subscriber.received.all.filter { $0.topic == Self.wireTopic }.map(\.text) == ["5"])
    let late = try Subscriber(port: broker.port)
    #expect(late.received.wait { $0.contains { $0.topic == DeliveryHarness.statusTopic } })
    #expect(!late.received.all.contains { $0.topic == Self.wireTopic })
  }

  @Test func `what was meant for an agent that is configured no more is given up, and nothing else`() throws {
    let broker = try MosquittoBroker()
    let folder = try TemporaryFolder()
    do {
      let harness = try DeliveryHarness(port: broker.port, folder: folder) { $0.topicSecret = "k3y-1" }
      try harness.start()
      harness.commit([harness.message("A"), measure(harness, "A")])
      #expect(eventually { harness.service.statistics.outbox == 2 })
      harness.stop()
    }
    try broker.start()
    let subscriber = try Subscriber(port: broker.port)
    let harness = try DeliveryHarness(port: broker.port, folder: folder)
    try harness.start()
    #expect(subscriber.received.wait { $0.contains { $0.topic == DeliveryHarness.alertTopic } })
    #expect(eventually { harness.service.statistics.outbox == 0 })
    #expect(!subscriber.received.all.contains { $0.topic.hasPrefix("/json") })
  }
}
