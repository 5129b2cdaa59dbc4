import Alerts
import Delivery
import Foundation
import Observations
import SensorDrivers
import Testing

@testable import Gateway

/// A watchkeeper whose clock is set while an alert is active, from its readings to its ledger and its recording.
struct WatchkeeperClockTests {
  private static let plan = StationPlan(
    gateway: "g", sensors: [SensorPlan(id: "river-1", name: "川", quantity: .waterLevel)],
    floods: [
      FloodRule(
        sensor: "river-1", levels: [.init(step: .caution, threshold: Measure(thousandths: 3000))],
        confirm: .readings(1), releaseMargin: Measure(thousandths: 0), releaseHold: .zero)
    ])
  private static let zone = TimeZoneOffsets.fixed(seconds: 9 * 3600)

  private static func formats(boot: String) -> Formats {
    Formats(
      FormatContext(
        plan: plan, name: "国包", municipality: "282103", contact: nil, position: nil, zone: zone,
        zoneName: "Asia/Tokyo", languages: ["ja", "en"], cap: nil,
        topics: Topics(root: "root", watchRoot: "watch", gateway: "g"), version: "0", configurationSHA256: "",
        boot: boot, epoch: "e"))
  }

  private static func delivery(_ folder: String, _ handOver: HandOver) throws -> DeliveryService {
    let settings = DeliverySettings(
      stateFolder: folder + "/state", brokerHost: "127.0.0.1", brokerPort: 1, clientID: "g", statusTopic: "s",
      bootID: "b")
    return try DeliveryService(
      settings: settings, freeze: { handOver.freeze($0) }, correct: { handOver.correct($0, madeNanoseconds: $1) },
      mayFreezeAhead: { handOver.mayFreezeAhead }, head: { _ in nil }, digest: { SHA256Hash.digest(of: $0) },
      logger: CollectingLog.make().logger, now: { SystemClock.kernel().monotonic.nanoseconds })
  }

  @Test func `the alert is told anew, and the recording replays to the same messages`() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "clock-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let clocks = BoardClocks()
    let formats = Self.formats(boot: "b")
    let logger = CollectingLog.make().logger
    let recorder = try Recorder(
      RecordingRequest(path: folder + "/recording"), gateway: "g", configurationSHA256: "0", zone: Self.zone,
      logger: logger)
    let handOver = HandOver(formats: formats) {
      var clock = clocks.clock()
      return clock.now()
    }
    let delivery = try Self.delivery(folder, handOver)
    let watchkeeper = Watchkeeper(
      station: Station(plan: Self.plan, identify: { "g/\($0.kind)/\($0.ordinal)" }), clock: clocks.clock(),
      formats: formats, latest: [:], outputs: [], delivery: delivery, recorder: recorder, logger: logger, boot: "b",
      isReload: false)
    watchkeeper.start(watching: nil)
    func read(_ thousandths: Int64) {
      let reading = Observation.reading("river-1", Measure(thousandths: thousandths))
      watchkeeper.take([TimedObservation(time: clocks.monotonic, observation: reading)])
    }
    try delivery.start()
    clocks.pass(20)
    read(3_200)
    clocks.pass(20)
    clocks.step()
    watchkeeper.wake(at: clocks.monotonic)
    clocks.pass(20)
    clocks.trust(.synchronized)
    watchkeeper.wake(at: clocks.monotonic)
    clocks.pass(20)
    read(2_000)
    watchkeeper.stop(isReload: false)
    #expect(delivery.stop(within: 5_000_000_000))
    recorder.finish()

    var live: [Told] = []
    try LedgerReader(stateFolder: folder + "/state").alertMessages(in: 0..<Int64.max) { bytes in
      if let told = Told(bytes) { live.append(told) }
    }
    #expect(live.map(\.reason) == [nil, "time_corrected", "released"])
    #expect(live.map(\.clock) == ["unsynchronized", "synchronized", "synchronized"])
    #expect(live.map(\.onset).suffix(2) == ["2026-11-21T15:02:00+09:00", "2026-11-21T15:02:00+09:00"])
    #expect(live.map(\.detected).suffix(2) == ["2026-11-21T15:02:40+09:00", "2026-11-21T15:03:00+09:00"])
    let recording = try String(contentsOfFile: folder + "/recording", encoding: .utf8)
    let events = recording.split(separator: "\n").filter { $0.contains("clock_") }
    #expect(events.count == 2 && events[0].contains("clock_step") && events[1].contains("clock_step"))
    #expect(events.last?.contains(#""clock":"synchronized""#) == true)
    #expect(try Self.replayed(recording) == live)
  }

  /// What of a message live running and a replay must agree in.
  private struct Told: Decodable, Equatable {
    struct Text: Decodable, Equatable {
      var headline: String
      var description: String
    }

    var message: String
    var reason: String?
    var clock: String
    var onset: String
    var detected: String
    var expires: String
    var text: [Text]

    init?(_ bytes: [UInt8]) {
      guard let told = try? JSONDecoder().decode(Told.self, from: Data(bytes)) else { return nil }
      self = told
    }
  }

  private static func replayed(_ recording: String) throws -> [Told] {
    let formats = formats(boot: "replay")
    var replayer = Replayer(station: Station(plan: plan, identify: { "g/\($0.kind)/\($0.ordinal)" }), plan: plan)
    var effects = Effects()
    for line in recording.split(separator: "\n") {
      let bytes = Array(line.utf8)
      try replayer.feed(bytes.span, into: &effects)
    }
    return effects.alerts.compactMap { Told(formats.alert($0)) }
  }

  @Test func `what is handed over takes the time of then from the clock`() {
    let clocks = BoardClocks()
    let formats = Self.formats(boot: "b")
    let handOver = HandOver(formats: formats) {
      var clock = clocks.clock()
      return clock.now()
    }
    var clock = clocks.clock()
    let report = Effects.ObservationReport(
      sensor: "river-1", at: clock.now(), value: .measure(Measure(thousandths: 1000)), fault: nil)
    let payload = formats.observation(report)
    #expect(handOver.correct(payload, madeNanoseconds: nil) == payload && !handOver.mayFreezeAhead)
    clocks.step()
    clocks.trust(.synchronized)
    #expect(handOver.mayFreezeAhead)
    let corrected = String(decoding: handOver.correct(payload, madeNanoseconds: nil), as: UTF8.self)
    #expect(corrected.contains(#""time":"2026-11-21T15:02:20+09:00""#) && corrected.contains(#""synchronized""#))
    let late = String(decoding: handOver.freeze(HandedOver(draft: payload, isDelayed: true)), as: UTF8.self)
    #expect(late == corrected.replacing(#""delayed":false"#, with: #""delayed":true"#))
  }
}
