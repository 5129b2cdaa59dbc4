import Alerts
import Delivery
import Foundation
import Observations
import SensorDrivers
import Testing

@testable import Gateway

@Suite struct `A watch list at the broker` {
  typealias Fixture = WatchListFixture

  /// A fetcher at a broker that passes on what the test says, at the times that the test says.
  private final class Broker {
    static let topics = Topics(root: "mimamori/282103", watchRoot: "watch", gateway: "kakogawa-042")

    private(set) var now = Fixture.now
    /// What was listened to, in order.
    private(set) var listened: [[Subscription]] = []
    private(set) var accepted: [WatchListFetcher.Accepted] = []
    private(set) var draws: [ClosedRange<Int64>] = []
    let log = CollectingLog.make()
    /// What the fetcher draws, in nanoseconds.
    var drawn: Int64 = 0
    private let verifier: WatchListVerifier
    private let revision: Int

    init(_ city: WatchListFixture, revision: Int = 0) {
      verifier = city.verifier
      self.revision = revision
    }

    private(set) lazy var fetcher = WatchListFetcher(
      verifier: verifier, topics: Self.topics, group: "east", revision: revision, within: .minutes(15),
      logger: log.logger, now: { [unowned self] in now },
      random: { [unowned self] in
        draws.append($0)
        return drawn
      },
      listen: { [unowned self] in listened.append($0) }, accepted: { [unowned self] in accepted.append($0) })

    func offer(_ manifest: [UInt8]) {
      fetcher.take(IncomingMessage(topic: Self.topics.watchlist("east"), payload: manifest, isRetained: true))
    }

    func pass(on part: some Sequence<UInt8>, _ number: Int, revision: Int = 7) {
      fetcher.take(
        IncomingMessage(
          topic: Self.topics.watchlistPart("east", revision: revision, number: number), payload: Array(part),
          isRetained: true))
    }

    /// Lets time pass; what is due by then happens then.
    func wait(_ span: TimeSpan) {
      now = now.advanced(by: span)
      if let due = fetcher.nextDeadline, due <= now.monotonic { fetcher.wake(at: now.monotonic) }
    }

    /// The wall clock is set; the monotonic clock goes on.
    func setClock(to wall: WallTime) {
      now = Moment(monotonic: now.monotonic, wall: wall, clock: now.clock)
    }

    /// Waits until the list was judged. Returns false after a minute.
    func isJudged() -> Bool {
      let end = monotonicNow() + .seconds(60)
      while let interest = fetcher.interest, monotonicNow() < end {
        var descriptor = pollfd(fd: interest.descriptor, events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&descriptor, 1, 1000)
        fetcher.ready(at: now.monotonic)
      }
      return fetcher.interest == nil
    }

    /// Offers a list, and passes on each part as it is asked for.
    func bring(_ file: WatchListFile, revision: Int = 7) -> Bool {
      offer(file.manifest)
      wait(.zero)
      for (index, part) in file.parts.enumerated() { pass(on: part, index + 1, revision: revision) }
      return isJudged()
    }

    var subscriptions: [Subscription] { listened.last ?? [] }
  }

  var city: WatchListFixture

  init() throws {
    city = try WatchListFixture()
  }

  private func file() throws -> WatchListFile { try WatchListFile(bytes: try city.file()) }

  // MARK: When

  @Test(arguments: [0, 1, 449_999_999_999, 900_000_000_000] as [Int64])
  func `is fetched at a moment that is drawn from the configured time, and not before`(drawn: Int64) throws {
    let broker = Broker(city)
    broker.drawn = drawn
    broker.offer(try file().manifest)
    #expect(broker.draws == [0...900_000_000_000])
    #expect(broker.fetcher.nextDeadline == Fixture.now.monotonic + TimeSpan(nanoseconds: drawn))
    #expect(broker.listened == [])
    broker.wait(TimeSpan(nanoseconds: drawn))
    #expect(broker.subscriptions.count == 1)
  }

  @Test func `is fetched by each gateway at a moment of its own`() throws {
    let manifest = try file().manifest
    var moments: Set<MonotonicTime> = []
    for _ in 0..<100 {
      let fetcher = WatchListFetcher(
        verifier: city.verifier, topics: Broker.topics, group: "east", revision: 0, within: .minutes(15),
        logger: CollectingLog.make().logger, now: { Fixture.now }, listen: { _ in }, accepted: { _ in })
      fetcher.take(
        IncomingMessage(topic: Broker.topics.watchlist("east"), payload: manifest, isRetained: true))
      moments.insert(try #require(fetcher.nextDeadline))
    }
    let start = Fixture.now.monotonic
    #expect(moments.allSatisfy { $0 >= start && $0 <= start + .minutes(15) })
    // Of 100 draws from 900 seconds, some fall into each third.
    #expect(moments.count > 90)
    #expect(moments.contains { $0 < start + .minutes(5) } && moments.contains { $0 > start + .minutes(10) })
  }

  // MARK: What is fetched

  @Test func `is fetched part by part, each no longer than was signed, and used when all of it is proved`() throws {
    let file = try file()
    let broker = Broker(city, revision: 6)
    broker.offer(file.manifest)
    broker.wait(.zero)
    for (index, part) in file.parts.enumerated() {
      let topic = Broker.topics.watchlistPart("east", revision: 7, number: index + 1)
      #expect(broker.subscriptions == [Subscription(topic: topic, maximumBytes: part.count)])
      #expect(broker.fetcher.nextDeadline == broker.now.monotonic + .minutes(1))
      #expect(broker.accepted.isEmpty && broker.fetcher.revision == 6)
      broker.wait(.seconds(59))
      broker.pass(on: part, index + 1)
    }
    #expect(broker.isJudged())
    #expect(broker.listened.count == 3 && broker.subscriptions == [])
    #expect(broker.accepted.map(\.list.revision) == [7])
    #expect(broker.fetcher.revision == 7 && broker.fetcher.refusal == nil && broker.fetcher.nextDeadline == nil)
    // What is kept over a restart is the whole list.
    let record = try #require(broker.accepted.first?.record)
    #expect(record.key == WatchListKeeper.recordKey)
    let kept = try #require(record.value)
    #expect(kept == file.bytes)
    #expect(try city.verifier.resume(fileBytes: kept, at: Fixture.now).revision == 7)
  }

  @Test mutating func `is fetched no part of while it is not newer`() throws {
    let file = try file()
    city.manifest["revision"] = "6"
    let older = try self.file()
    let broker = Broker(city, revision: 7)
    for manifest in [file.manifest, older.manifest, []] { broker.offer(manifest) }
    #expect(broker.fetcher.nextDeadline == nil)
    #expect(broker.listened == [] && broker.accepted.isEmpty)
    #expect(broker.fetcher.refusal == "older")
  }

  @Test func `is made of the part that was asked for alone`() throws {
    let file = try file()
    let broker = Broker(city)
    broker.offer(file.manifest)
    // Before it is time, a later part, and a part of another revision.
    broker.pass(on: file.parts[0], 1)
    broker.wait(.zero)
    broker.pass(on: file.parts[1], 2)
    broker.pass(on: file.parts[0], 1, revision: 6)
    let first = Broker.topics.watchlistPart("east", revision: 7, number: 1)
    #expect(broker.subscriptions.map(\.topic) == [first] && broker.fetcher.refusal == nil)
    for (index, part) in file.parts.enumerated() { broker.pass(on: part, index + 1) }
    #expect(broker.isJudged())
    #expect(broker.accepted.count == 1)
  }

  @Test mutating func `gives way to a newer one while it is fetched, and to no other`() throws {
    let file = try file()
    city.manifest["revision"] = "8"
    let newer = try self.file()
    let broker = Broker(city)
    broker.offer(file.manifest)
    broker.wait(.zero)
    broker.pass(on: file.parts[0], 1)
    broker.offer(newer.manifest)
    #expect(broker.subscriptions == [])
    broker.offer(file.manifest)
    broker.wait(.zero)
    #expect(
      broker.subscriptions.map(\.topic) == [Broker.topics.watchlistPart("east", revision: 8, number: 1)])
    for (index, part) in newer.parts.enumerated() { broker.pass(on: part, index + 1, revision: 8) }
    #expect(broker.isJudged())
    #expect(broker.accepted.map(\.list.revision) == [8])
  }

  @Test mutating func `is fetched after the one that was being read when it came`() throws {
    let file = try file()
    city.manifest["revision"] = "8"
    let newer = try self.file()
    let broker = Broker(city)
    broker.offer(file.manifest)
    broker.wait(.zero)
    for (index, part) in file.parts.enumerated() { broker.pass(on: part, index + 1) }
    #expect(broker.fetcher.interest != nil)
    broker.offer(newer.manifest)
    #expect(broker.isJudged())
    #expect(broker.accepted.map(\.list.revision) == [7])
    broker.wait(.zero)
    for (index, part) in newer.parts.enumerated() { broker.pass(on: part, index + 1, revision: 8) }
    #expect(broker.isJudged())
    #expect(broker.accepted.map(\.list.revision) == [7, 8])
  }

  // MARK: What goes wrong

  @Test func `is tried again from its first part when a part does not come within a minute`() throws {
    let file = try file()
    let broker = Broker(city)
    broker.offer(file.manifest)
    broker.wait(.zero)
    broker.pass(on: file.parts[0], 1)
    broker.drawn = 5_000_000_000
    for _ in 0..<3 {
      broker.wait(.milliseconds(59_999))
      #expect(broker.subscriptions.count == 1)
      broker.wait(.milliseconds(1))
      #expect(broker.subscriptions == [])
      #expect(broker.fetcher.refusal == "incomplete")
      #expect(broker.fetcher.nextDeadline == broker.now.monotonic + .seconds(605))
      // Too late: it was given up.
      broker.pass(on: file.parts[1], 2)
      #expect(broker.accepted.isEmpty && broker.fetcher.interest == nil)
      broker.wait(.seconds(605))
      #expect(
        broker.subscriptions.map(\.topic) == [Broker.topics.watchlistPart("east", revision: 7, number: 1)])
    }
    for (index, part) in file.parts.enumerated() { broker.pass(on: part, index + 1) }
    #expect(broker.isJudged())
    #expect(broker.accepted.map(\.list.revision) == [7])
    #expect(broker.fetcher.refusal == nil)
    #expect(broker.log.lines.all.count { $0.contains("is not at the broker: publish it retained") } == 3)
  }

  @Test(arguments: ["longer", "shorter", "other", "empty"])
  func `with a part that is not the one that was signed is not used, and is tried again`(fault: String) throws {
    let file = try file()
    let broker = Broker(city, revision: 5)
    var part = Array(file.parts[1])
    switch fault {
    case "longer": part.append(UInt8(ascii: " "))
    case "shorter": part.removeLast()
    case "other": part[10] ^= 1
    default: part = []
    }
    broker.offer(file.manifest)
    broker.wait(.zero)
    broker.pass(on: file.parts[0], 1)
    broker.pass(on: part, 2)
    #expect(broker.fetcher.refusal == "altered")
    #expect(broker.subscriptions == [] && broker.accepted.isEmpty && broker.fetcher.revision == 5)
    #expect(broker.fetcher.interest == nil && broker.fetcher.nextDeadline == broker.now.monotonic + .minutes(10))
    #expect(broker.log.lines.all.count { $0.contains("part 2 is not the one that was signed") } == 1)
    // Publishing the manifest again, after the part was mended, is the sign to try at once.
    broker.offer(file.manifest)
    broker.wait(.zero)
    for (index, part) in file.parts.enumerated() { broker.pass(on: part, index + 1) }
    #expect(broker.isJudged())
    #expect(broker.accepted.map(\.list.revision) == [7] && broker.fetcher.refusal == nil)
  }

  @Test func `is refused by its manifest alone, and no part is fetched`() throws {
    let hash = String(repeating: "a", count: 64)
    let cases: [(String, (inout Fixture) -> Void)] = [
      ("too_long", { $0.manifest["parts"] = #"[{"n":1,"sha256":"\#(hash)","bytes":65537}]"# }),
      ("signature", { $0.keyIdentifier = "someone" }), ("wrong_group", { $0.manifest["group"] = #""west""# }),
      ("malformed", { $0.manifest["revision"] = #""7""# }),
      ("expired", { $0.manifest["valid_until"] = #""2026-11-20T12:00:00+09:00""# }),
    ]
    for (reason, spoil) in cases {
      var spoilt = city
      spoil(&spoilt)
      let broker = Broker(city)
      broker.offer(try WatchListFile(bytes: try spoilt.file()).manifest)
      #expect(broker.fetcher.refusal == reason)
      // What has expired is judged again: the clock may have been wrong.
      let again = reason == "expired" ? broker.now.monotonic + .minutes(10) : nil
      #expect(broker.fetcher.nextDeadline == again && broker.listened == [], "\(reason)")
      // A good one is taken all the same.
      let isJudged = broker.bring(try file())
      #expect(isJudged && broker.accepted.count == 1 && broker.fetcher.refusal == nil, "\(reason)")
    }
  }

  /// Past the end of the list.
  private static let farAhead = Fixture.now.wall + .hours(24 * 365)

  @Test func `that a clock far ahead took for expired is fetched once the clock is right, and said once`() throws {
    let file = try file()
    let broker = Broker(city)
    broker.setClock(to: Self.farAhead)
    broker.offer(file.manifest)
    for _ in 0..<3 {
      #expect(broker.fetcher.refusal == "expired" && broker.listened == [])
      #expect(broker.fetcher.nextDeadline == broker.now.monotonic + .minutes(10))
      broker.wait(.minutes(10))
    }
    // A broker passes it on once more with each connection.
    broker.offer(file.manifest)
    #expect(broker.log.lines.all.count { $0.contains("it was valid until") } == 1)
    broker.setClock(to: Fixture.now.wall)
    broker.wait(.minutes(10))
    broker.wait(.zero)
    #expect(broker.subscriptions.map(\.topic) == [Broker.topics.watchlistPart("east", revision: 7, number: 1)])
    for (index, part) in file.parts.enumerated() { broker.pass(on: part, index + 1) }
    #expect(broker.isJudged())
    #expect(broker.accepted.map(\.list.revision) == [7])
    #expect(broker.fetcher.refusal == nil && broker.fetcher.nextDeadline == nil)
  }

  @Test func `that seems to expire while it is fetched is fetched again once the clock is right`() throws {
    let file = try file()
    let broker = Broker(city)
    broker.offer(file.manifest)
    broker.wait(.zero)
    broker.setClock(to: Self.farAhead)
    for (index, part) in file.parts.enumerated() { broker.pass(on: part, index + 1) }
    #expect(broker.isJudged())
    #expect(broker.fetcher.refusal == "expired" && broker.accepted.isEmpty)
    broker.setClock(to: Fixture.now.wall)
    broker.wait(.minutes(10))
    broker.wait(.zero)
    for (index, part) in file.parts.enumerated() { broker.pass(on: part, index + 1) }
    #expect(broker.isJudged())
    #expect(broker.accepted.map(\.list.revision) == [7])
  }

  @Test mutating func `that has expired gives way to a good one, and not to a forged one`() throws {
    let broker = Broker(city)
    let good = try file()
    var forged = city
    forged.keyIdentifier = "someone"
    city.manifest["revision"] = "8"
    city.manifest["valid_until"] = #""2026-11-20T12:00:00+09:00""#
    let expired = try file()
    broker.offer(expired.manifest)
    broker.offer(try WatchListFile(bytes: try forged.file()).manifest)
    #expect(broker.fetcher.refusal == "signature")
    broker.wait(.minutes(10))
    #expect(broker.fetcher.refusal == "expired")
    #expect(broker.bring(good))
    #expect(broker.accepted.map(\.list.revision) == [7] && broker.fetcher.nextDeadline == nil)
  }

  @Test mutating func `is refused whole when what was signed is no list, and the one in use stays`() throws {
    let broker = Broker(city)
    let first = try file()
    city.manifest["revision"] = "8"
    city.parts[1] = #"{"tags":7}"#
    let second = try file()
    #expect(broker.bring(first))
    #expect(broker.bring(second, revision: 8))
    #expect(broker.fetcher.refusal == "malformed")
    #expect(broker.accepted.map(\.list.revision) == [7])
    #expect(broker.fetcher.revision == 7 && broker.subscriptions == [])
  }
}
