import Alerts
import Delivery
import Foundation
import Observations
import SensorDrivers
import Testing

@testable import Gateway

/// Commands to a gateway with a ledger, over settings of its clock and restarts of its program.
struct CommandDeskTests {
  /// One run of the gateway's program.
  private struct Run {
    let delivery: DeliveryService
    let watchkeeper: Watchkeeper
    let desk: CommandDesk

    /// Ends it in order.
    func stop() -> Bool {
      watchkeeper.stop(isReload: false)
      return delivery.stop(within: 5_000_000_000)
    }
  }

  /// A board that keeps its ledger and its clocks over restarts.
  private final class Board {
    static let boot = CommandFixture.boot
    /// Somebody who is not on the list.
    static let sought = "ffffffffffffffffffffffff"
    private static let plan = StationPlan(
      gateway: "kakogawa-042",
      sensors: [SensorPlan(id: "gate-north", name: "門", quantity: .beacon)],
      places: [
        PlaceRule(
          id: "school-7-gate", name: "正門", sensors: ["gate-north"], enter: -75, leave: -85, sightingsCount: 3,
          sightingsOf: 5, dwell: .seconds(10), goneAfter: .seconds(60))
      ])

    let folder = FileManager.default.temporaryDirectory.appending(path: "desk-\(UUID().uuidString)").path
    let clocks = BoardClocks()
    let authority: CommandFixture
    let city: WatchListFixture
    private var lastID = 0

    init() throws {
      authority = try CommandFixture()
      city = try WatchListFixture()
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    var stateFolder: String { folder + "/state" }

    var now: Moment {
      var clock = clocks.clock()
      return clock.now()
    }

    func openLedger(boot: String = boot) throws -> DeliveryService {
      let settings = DeliverySettings(
        stateFolder: stateFolder, brokerHost: "127.0.0.1", brokerPort: 1, clientID: "g", statusTopic: "s", bootID: boot)
      return try DeliveryService(
        settings: settings, freeze: { $0.draft }, correct: { payload, _ in payload }, mayFreezeAhead: { true },
        head: { _ in nil }, digest: { SHA256Hash.digest(of: $0) }, logger: CollectingLog.make().logger,
        now: { SystemClock.kernel().monotonic.nanoseconds })
    }

    func start(boot: String = boot) throws -> Run {
      let delivery = try openLedger(boot: boot)
      let formats = Formats(
        FormatContext(
          plan: Self.plan, name: "国包", municipality: "282103", contact: nil, position: nil,
          zone: .fixed(seconds: 9 * 3600), zoneName: "Asia/Tokyo", languages: ["ja"], cap: nil,
          topics: Topics(root: "mimamori/282103", watchRoot: "watch", gateway: "kakogawa-042"), version: "0",
          configurationSHA256: "", boot: boot, epoch: delivery.epoch.current))
      let records = delivery.takeSavedRecords()
      var station = Station(plan: Self.plan, identify: { "\($0.source)/\($0.kind)/\($0.ordinal)" })
      station.restore(
        BatchWriter.decode(records.filter { !$0.isOfGateway }), sequences: delivery.lastSequences, at: now,
        sameBoot: delivery.savedBoot == boot, boot: boot)
      let logger = CollectingLog.make().logger
      let watchkeeper = Watchkeeper(
        station: station, clock: clocks.clock(), formats: formats, latest: [:], outputs: [], delivery: delivery,
        logger: logger, boot: boot)
      let judge = CommandJudge(
        root: "mimamori/282103", gateway: "kakogawa-042", groups: [],
        authorities: [
          SigningAuthority(
            keyIdentifier: "bousai-2026", publicKey: authority.key.publicKey, rights: ["search", "maintenance"])
        ], boot: boot)
      let desk = CommandDesk(
        judge: judge, watchkeeper: watchkeeper, delivery: delivery, formats: formats, logger: logger, records: records,
        boot: boot, at: now)
      watchkeeper.start(watching: try city.accept(try city.file(), at: now))
      desk.resumeSearches()
      try delivery.start()
      return Run(delivery: delivery, watchkeeper: watchkeeper, desk: desk)
    }

    /// The only message of its kind: each has an id of its own, which is returned.
    @discardableResult
    func command(
      _ verb: String, _ values: [String: any Sendable], boot: String? = boot, issued: WallTime? = nil, to run: Run
    ) throws -> String {
      lastID += 1
      let issued = issued ?? now.wall
      let zone = TimeZoneOffsets.fixed(seconds: 0)
      var with = values
      with["end"] = (issued + .hours(6)).rfc3339(in: zone)
      let payload = CommandFixture.payload([
        "id": "\(lastID)", "issued": issued.rfc3339(in: zone), "expires": (issued + .hours(24)).rfc3339(in: zone),
        "do": verb, "with": with, "boot": boot,
      ])
      run.desk.take(
        IncomingMessage(
          topic: "mimamori/282103/kakogawa-042/command", payload: try authority.sign(payload), isRetained: false))
      return "\(lastID)"
    }

    private func identifier(_ number: Int) throws -> TagIdentifier {
      try tag("ibeacon", "e2c56db5dffb48d2b060d0f5a71096e003e9\(1000 + number)")
    }

    @discardableResult
    func search(_ number: Int, issued: WallTime? = nil, in run: Run) throws -> String {
      let hash = city.tagKey.hash(of: try identifier(number)).hex
      return try command(
        "search", ["tag": hash, "tag_kid": "2026-11", "subject": Self.sought, "case": "26-118"], issued: issued, to: run
      )
    }

    func hear(_ number: Int, in run: Run) throws {
      let sighting = TagSighting(tag: try identifier(number), signal: -60, battery: nil, button: nil)
      run.watchkeeper.take([
        TimedObservation(time: clocks.monotonic, observation: .sighting("gate-north", sighting))
      ])
    }
  }

  /// The true time of the board's first command, which a board without a clock does not know.
  private static let trueTime = WallTime(rfc3339: "2026-11-21T15:02:20+09:00")

  @Test func `a search for a tag goes on when the clock is set, and ends when its length is over`() throws {
    let board = try Board()
    let run = try board.start()
    try board.search(1, issued: Self.trueTime, in: run)
    #expect(run.desk.counters.done == 1)
    board.clocks.pass(20)
    board.clocks.step()
    board.clocks.trust(.synchronized)
    run.watchkeeper.wake(at: board.clocks.monotonic)
    for seconds in [20, 6 * 3600 - 100, 60] as [Int64] {
      board.clocks.pass(seconds)
      try board.hear(1, in: run)
    }
    #expect(run.stop())
    #expect(try board.openLedger().lastSequences[Board.sought] == 2, "The third time it is over")
  }

  @Test func `two tags of one person are searched for over restarts, also of the board`() throws {
    let board = try Board()
    var run = try board.start()
    for number in 1...2 { try board.search(number, issued: Self.trueTime, in: run) }
    #expect(run.desk.counters.done == 2)
    #expect(run.stop())
    board.clocks.step()
    board.clocks.trust(.synchronized)
    for boot in [Board.boot, "another"] {
      run = try board.start(boot: boot)
      for number in 1...2 {
        // At one place a person is told again after five minutes.
        board.clocks.pass(360)
        try board.hear(number, in: run)
      }
      #expect(run.stop())
    }
    board.clocks.pass(6 * 3600)
    run = try board.start(boot: "another")
    try board.hear(1, in: run)
    #expect(run.stop())
    let ledger = try board.openLedger()
    #expect(ledger.lastSequences[Board.sought] == 4)
    #expect(!ledger.takeSavedRecords().contains { $0.key.hasPrefix(KeptSearches.prefix) })
  }

  @Test func `a tag beside too many that are searched for is refused`() throws {
    let board = try Board()
    let run = try board.start()
    for number in 1...TagMatcher.mostSearched {
      try board.search(number, issued: Self.trueTime, in: run)
      board.clocks.pass(1)
    }
    #expect(run.desk.counters.done == 16 && run.desk.counters.refused == 0)
    let id = try board.search(17, issued: Self.trueTime, in: run)
    #expect(run.desk.counters.refused == 1)
    #expect(run.desk.memory.entry(authority: "bousai-2026", id: id)?.reply.contains(#""too_many""#) == true)
    try board.search(16, issued: Self.trueTime, in: run)
    #expect(run.desk.counters.done == 17, "One that is searched for already may go on for longer")
    try board.hear(17, in: run)
    #expect(run.stop())
    #expect(try board.openLedger().lastSequences[Board.sought] == nil)
  }

  /// A disk that was full when the process was killed: the answers went out from memory, and their numbers were noted.
  @Test func `after answers that no ledger took, a command must name the boot and be of a time since`() throws {
    let board = try Board()
    board.clocks.step()
    board.clocks.trust(.synchronized)
    var run = try board.start()
    try board.command("maintenance", [:], to: run)
    board.clocks.pass(25 * 3600)
    try board.command("maintenance", [:], boot: nil, to: run)
    #expect(run.desk.counters.done == 2, "A day after the ledger was begun no boot is needed")
    let issued = board.now.wall
    #expect(run.stop())
    #expect(MemoryMark(folder: board.stateFolder, epoch: run.delivery.epoch.current).note(["command": 4]))
    board.clocks.pass(60)
    run = try board.start()
    #expect(run.delivery.unstoredCommands == 2)
    board.clocks.pass(10)
    try board.command("maintenance", [:], boot: nil, issued: issued, to: run)
    try board.command("maintenance", [:], issued: issued, to: run)
    #expect(run.desk.counters.done == 0 && run.desk.counters.refused == 2)
    try board.command("maintenance", [:], to: run)
    #expect(run.desk.counters.done == 1)
    #expect(run.stop())
    run = try board.start()
    #expect(run.delivery.unstoredCommands == 0)
    try board.command("maintenance", [:], boot: nil, issued: issued, to: run)
    #expect(run.desk.counters.done == 0 && run.desk.counters.refused == 1, "It is known at the next start as well")
    #expect(run.stop())
  }
}
