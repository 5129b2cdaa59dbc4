import Alerts
import Foundation
import Observations
import Testing

/// A school's mornings in virtual time: 300 children walk to the gate, stay at the shoe lockers within four metres of
/// the receiver for one to four minutes, and go in, where nothing is heard. A few are absent, a few are late.
private struct SchoolYear {
  static let children = 300
  static let expectedBy = 510
  static let zone = WatchedTime.tokyo
  /// The first morning: 2027-04-08, a Thursday.
  static let firstDay = 20_916

  let lost: Double
  private(set) var mornings = 0
  private(set) var came = 0
  private(set) var missed = 0
  private(set) var doubled = 0
  private(set) var wronglyMissing = 0
  private(set) var notMissing = 0
  private(set) var departures = 0
  /// From the first second at the lockers to the notice, in seconds.
  private(set) var delays: [Double] = []
  private var random: SeededGenerator
  private var station: Station
  private var effects = Effects()

  private static let rules = WatchRules(
    notArrivedBy: .init(minutes: expectedBy), days: [.monday, .tuesday, .wednesday, .thursday, .friday])
  private static let subjects = (0..<children).map { TestSite.subject($0) }

  init(lost: Double, seed: UInt64) {
    self.lost = lost
    random = SeededGenerator(seed: seed)
    station = Station(plan: WatchedSchool.plan(zone: Self.zone), identify: { "g/\($0.ordinal)" })
    let start = Self.moment(day: Self.firstDay - 1, second: 43_200)
    station.start(at: start, into: &effects)
    station.handle(
      .watch(
        WatchPlan(
          revision: 1,
          members: Self.subjects.map { .init(subject: $0, person: .child, places: ["gate"], rules: [Self.rules]) })),
      at: start, into: &effects)
  }

  private static func moment(day: Int, second: Double) -> Moment {
    let milliseconds = (Int64(day) * 86_400 - 9 * 3600) * 1000 + Int64((second * 1000).rounded())
    return Moment(
      monotonic: MonotonicTime(nanoseconds: (milliseconds - 1_800_000_000_000) * 1_000_000 + 10_000_000_000_000_000),
      wall: WallTime(milliseconds: milliseconds), clock: .synchronized)
  }

  /// One child's morning.
  private struct Morning {
    /// When it stands at the lockers, in seconds after midnight; nil: at home.
    var there: Double?
    var arrivals = 0
    var notArrived = 0
  }

  mutating func live(days: Int) {
    for day in Self.firstDay..<Self.firstDay + days where (day + 3) % 7 < 5 { live(day) }
  }

  private mutating func live(_ day: Int) {
    mornings += 1
    var children = [Morning](repeating: Morning(), count: Self.children)
    var heard: [(second: Double, child: Int, signal: Int8)] = []
    let walk = SimulatedWalk(interval: 1, lost: lost)
    for child in children.indices where Int.random(in: 0..<100, using: &random) >= 3 {
      let isLate = Int.random(in: 0..<100, using: &random) < 2
      let usual = min(max(28_500 + SimulatedWalk.gaussian(using: &random) * 480, 26_400), 30_300)
      let there = isLate ? Double.random(in: 30_780...32_400, using: &random) : usual
      let (stay, near) = (Double.random(in: 60...240, using: &random), Double.random(in: 1.5...4, using: &random))
      children[child].there = there
      came += 1
      let reports = walk.reports(for: 30 + stay, using: &random) { $0 < 30 ? near + (30 - $0) * 1.3 : near }
      heard += reports.map { (there - 30 + $0.second, child, $0.signal) }
    }
    heard.sort { $0.second < $1.second }
    for report in heard {
      station.handle(
        .sighting(
          "gate-north", Self.subjects[report.child], signal: report.signal, battery: nil, button: nil),
        at: Self.moment(day: day, second: report.second), into: &effects)
      take(&children, day)
    }
    station.handle(.timePasses, at: Self.moment(day: day, second: 43_200), into: &effects)
    take(&children, day)
    for child in children {
      if child.there != nil, child.arrivals == 0 { missed += 1 }
      doubled += max(child.arrivals - 1, 0) + max(child.notArrived - 1, 0)
      // Who comes after half past eight is missed until then.
      let isMissing = child.there.map { $0 > 30_660 } ?? true
      if isMissing, child.notArrived == 0 { notMissing += 1 }
      if !isMissing, child.notArrived > 0 { wronglyMissing += 1 }
    }
  }

  private mutating func take(_ children: inout [Morning], _ day: Int) {
    guard !effects.notices.isEmpty else { return effects.removeAll() }
    for notice in effects.notices {
      guard let child = Self.subjects.firstIndex(of: notice.subject) else { continue }
      switch notice.kind {
      case .arrival:
        children[child].arrivals += 1
        let start = Self.moment(day: day, second: 0).wall
        if let there = children[child].there { delays.append((notice.detected.wall - start).seconds - there) }
      case .notArrived: children[child].notArrived += 1
      default: departures += 1
      }
    }
    effects.removeAll()
  }

  /// How many arrivals were told more than a minute after the child stood there.
  var late: Int { delays.count { $0 > 60 } }

  /// The delay that this part of all stays below.
  func delay(_ part: Double) -> Double {
    delays.sorted()[min(Int(Double(delays.count) * part), delays.count - 1)]
  }
}

@Suite struct `A school year` {
  /// The whole year with `MIMAMORI_SOAK`, as `make soak` does in an optimised build; otherwise a week of it.
  private static let days = isSoak ? 350 : 6

  @Test(arguments: [0, 0.3, 0.5])
  func `of mornings misses no child and tells nobody twice`(lost: Double) {
    var year = SchoolYear(lost: lost, seed: 2027)
    year.live(days: Self.days)
    print(
      """
      \(year.mornings) mornings, \(Int(lost * 100)) % lost: \(year.came) came, \(year.missed) missed, \
      \(year.doubled) told twice, \(year.late) told late, \(year.wronglyMissing) wrongly and \(year.notMissing) never missing; told after \
      \(year.delay(0.5).rounded()) s (half), \(year.delay(0.99).rounded()) s (99 %), \(year.delay(1).rounded()) s (all)
      """)
    #expect(year.came > 200 * year.mornings)
    #expect(year.missed == 0 && year.doubled == 0)
    #expect(year.wronglyMissing == 0 && year.notMissing == 0)
    #expect(year.departures == year.came)
    #expect(year.delay(0.99) <= 30)
    // Later than a minute: one in a thousand at most, and nobody later than two.
    #expect(year.late * 1000 <= year.came && year.delay(1) <= 120)
  }
}
