import Alerts
import Foundation
import Observations
import Testing

/// A board and its ledger over power cuts, with clocks that know the time, know none, or know a wrong one.
private struct Board {
  var run: StationRun
  private(set) var ledger: [String: SavedState] = [:]
  private let plan: StationPlan
  private let watch: WatchPlan
  /// When the board was started, and what its monotonic clock showed then.
  private var started: (hour: Double, monotonic: MonotonicTime)
  private var seen = 0

  /// How far the clock on the wall is from the right time, and how far it is trusted.
  struct Wall {
    var hoursAhead = 0.0
    var clock = ClockQuality.synchronized

    static let right = Wall()
    static let of1970 = Wall(hoursAhead: -Double(StationRun.epoch.milliseconds) / 3_600_000, clock: .unsynchronized)
    /// A chip that stood still, or that the system's last written time was put into.
    static let slowChip = Wall(hoursAhead: -30, clock: .rtc)
  }

  init(_ plan: StationPlan = TestSite.plan, watch: WatchPlan = .empty) {
    self.plan = plan
    self.watch = watch
    started = (0, StationRun.moment(0).monotonic)
    run = StationRun(plan, watch: watch)
    keep()
  }

  func moment(_ hour: Double, _ wall: Wall = .right) -> Moment {
    let right = StationRun.moment(hour * 3600)
    return Moment(
      monotonic: started.monotonic + .seconds(Int64((hour - started.hour) * 3600)),
      wall: right.wall + .seconds(Int64(wall.hoursAhead * 3600)), clock: wall.clock)
  }

  mutating func tell(_ input: StationInput, at hour: Double, _ wall: Wall = .right) {
    run.tell(input, at: moment(hour, wall))
    keep()
  }

  /// The program is killed, and goes on in the same boot.
  mutating func restart(at hour: Double, _ wall: Wall = .right) throws { try start(at: hour, wall, sameBoot: true) }

  /// The power is cut, and comes back.
  mutating func reboot(at hour: Double, _ wall: Wall = .right) throws {
    started = (hour, MonotonicTime(nanoseconds: 5_000_000_000))
    try start(at: hour, wall, sameBoot: false)
  }

  private mutating func start(at hour: Double, _ wall: Wall, sameBoot: Bool) throws {
    let states = try JSONDecoder().decode([SavedState].self, from: JSONEncoder().encode(Array(ledger.values)))
    run = StationRun(
      plan, watch: watch, states: states, sequences: run.sequences, at: moment(hour, wall), sameBoot: sameBoot)
    seen = 0
    keep()
  }

  private mutating func keep() {
    for state in run.saves.dropFirst(seen) { ledger[state.key] = state.isForgotten ? nil : state }
    seen = run.saves.count
  }

  /// Changes the member at `path` of what is saved under `key` to what an older version wrote.
  mutating func makeOld(_ key: String, _ path: [String], _ change: (Any) -> Any) throws {
    func changed(_ value: Any, _ path: ArraySlice<String>) throws -> Any {
      guard let name = path.first else { return change(value) }
      var object = try #require(value as? [String: Any])
      object[name] = try changed(try #require(object[name]), path.dropFirst())
      return object
    }
    let saved = try JSONSerialization.jsonObject(with: JSONEncoder().encode(ledger[key]))
    let old = try JSONSerialization.data(withJSONObject: try changed(saved, path[...]))
    ledger[key] = try JSONDecoder().decode(SavedState.self, from: old)
  }
}

extension Board {
  fileprivate mutating func maintain(until hour: Double, at now: Double, _ wall: Wall = .right) {
    let until = moment(hour, wall).wall
    tell(.asked(.maintenance(["river-1"], until: until)), at: now, wall)
  }

  fileprivate var isMaintained: Bool { run.station.activeAlerts.contains { $0.kind == .maintenance } }
}

@Suite struct `A clock that went back over a power cut` {
  @Test func `lets maintenance go on once, and no more`() throws {
    var board = Board()
    board.maintain(until: 10, at: 0)
    try board.reboot(at: 2, .slowChip)
    #expect(board.isMaintained)
    var cut = board
    try cut.reboot(at: 4, Board.Wall(hoursAhead: -40, clock: .rtc))
    #expect(!cut.isMaintained)
    board.tell(.timePasses, at: 3)
    board.tell(.timePasses, at: 9.9)
    #expect(board.isMaintained)
    board.tell(.timePasses, at: 10)
    #expect(!board.isMaintained)
  }

  @Test func `ends a silence, since nobody knows how much of it is left`() throws {
    var board = Board()
    board.tell(.contact("underpass-1", active: true), at: 0)
    for second in 0...6 { board.tell(.reading("river-1", .metres(4.5)), at: Double(second) / 360) }
    board.tell(.asked(.silence(nil, until: StationRun.moment(36_000).wall)), at: 0.02)
    try board.reboot(at: 2, .slowChip)
    #expect(board.run.outputs.last { $0.output == "siren" }.map { $0.on && $0.cause == "alert" } == true)
  }

  /// It was off from ten past eight to twenty to nine, when the children come.
  @Test func `misses no child that came during the cut`() throws {
    let plan = WatchedSchool.plan()
    var board = Board(plan, watch: WatchedSchool.watch(WatchedSchool.rules))
    func hour(_ text: String) -> Double { WatchedTime.second("2026-11-24T\(text)+09:00") / 3600 }
    board.tell(.timePasses, at: hour("08:10:00"))
    try board.reboot(at: hour("08:40:00"), Board.Wall(hoursAhead: -2, clock: .rtc))
    board.run.notices = []
    board.tell(.timePasses, at: hour("08:41:00"))
    board.tell(.timePasses, at: hour("12:00:00"))
    #expect(board.run.notices.isEmpty)
  }
}

@Suite struct `An end of which a clock without a time was told` {
  @Test func `stays where it is over a power cut, once the clock was set`() throws {
    var board = Board()
    board.maintain(until: 24, at: 0, .of1970)
    board.tell(.timePasses, at: 1, .right)
    try board.reboot(at: 23)
    #expect(board.isMaintained)
    board.tell(.timePasses, at: 23.9)
    #expect(board.isMaintained)
    board.tell(.timePasses, at: 24)
    #expect(!board.isMaintained)
  }

  @Test(arguments: [false, true])
  func `is where it was as soon as the next boot knows the time`(isSetWhileDown: Bool) throws {
    var board = Board()
    board.maintain(until: 24, at: 0, .of1970)
    if isSetWhileDown { try board.restart(at: 1) } else { board.tell(.timePasses, at: 1) }
    try board.reboot(at: 22, .of1970)
    board.tell(.timePasses, at: 22.5)
    #expect(board.isMaintained)
    board.tell(.timePasses, at: 24.1)
    #expect(!board.isMaintained)
  }

  /// Nobody knows how much of it was left: it goes on for what was, and ends then at every later boot too.
  @Test func `is not over at once where the clock was never set before the cut`() throws {
    var board = Board()
    board.maintain(until: 10, at: 0, .of1970)
    try board.reboot(at: 2)
    #expect(board.isMaintained)
    try board.reboot(at: 11)
    board.tell(.timePasses, at: 11.9)
    #expect(board.isMaintained)
    board.tell(.timePasses, at: 12)
    #expect(!board.isMaintained)
  }

  @Test func `ends as an older version saved it`() throws {
    var board = Board()
    board.maintain(until: 10, at: 0)
    try board.makeOld("maintenance/river-1", ["part", "maintenance", "_0", "end"]) { end in
      var old = end as? [String: Any] ?? [:]
      #expect(old.removeValue(forKey: "clock") as? String == "synchronized")
      return old
    }
    try board.reboot(at: 2, .of1970)
    board.tell(.timePasses, at: 9.9)
    #expect(board.isMaintained)
    board.tell(.timePasses, at: 10)
    #expect(!board.isMaintained)
  }
}

@Suite struct `A search and its end` {
  private static let person = WatchedSchool.child
  private static let key = "search/\(person.text)"

  private func searching(until hour: Double, _ wall: Board.Wall = .right) -> Board {
    var board = Board(WatchedSchool.plan())
    let search = WatchSearch(
      subject: Self.person, person: .elder, searchCase: "26-118", until: board.moment(hour, wall).wall)
    board.tell(.asked(.search(search)), at: 0, wall)
    return board
  }

  private func isFound(_ board: inout Board, at hour: Double, _ wall: Board.Wall = .right) -> Bool {
    board.run.notices = []
    board.tell(
      .sighting("gate-north", Self.person, signal: -90, battery: nil, button: nil), at: hour, wall)
    return board.run.notices.contains { $0.kind == .found }
  }

  @Test func `is forgotten at its end, so that no power cut brings it back`() throws {
    var board = searching(until: 5)
    let due = try #require(board.run.station.nextDeadline)
    #expect(due <= board.moment(5).monotonic)
    board.tell(.timePasses, at: 4.9)
    #expect(board.ledger[Self.key] != nil)
    board.tell(.timePasses, at: 5)
    #expect(board.ledger[Self.key] == nil)
    try board.reboot(at: 30, .of1970)
    #expect(!isFound(&board, at: 30.1, .of1970))
  }

  @Test func `goes on once after a boot without a clock, and no more`() throws {
    var board = searching(until: 5)
    try board.reboot(at: 3, .of1970)
    #expect(isFound(&board, at: 3.1, .of1970))
    try board.reboot(at: 4, .of1970)
    #expect(!isFound(&board, at: 4.1, .of1970))
    #expect(board.ledger[Self.key] == nil)
  }

  @Test(arguments: [Board.Wall.of1970, .slowChip])
  fileprivate func `ends at its time as soon as the clock is known`(wall: Board.Wall) throws {
    var board = searching(until: 5)
    try board.reboot(at: 3, wall)
    #expect(isFound(&board, at: 4.9))
    #expect(!isFound(&board, at: 5.1))
    #expect(board.ledger[Self.key] == nil)
  }

  @Test func `goes on as an older version saved it`() throws {
    for isCut in [false, true] {
      var board = searching(until: 5)
      let end = board.moment(5).monotonic.nanoseconds
      try board.makeOld(Self.key, ["part", "search", "_0", "end"]) { _ in ["nanoseconds": end] }
      if isCut { try board.reboot(at: 3) } else { try board.restart(at: 3) }
      #expect(isFound(&board, at: 4.9))
      #expect(!isFound(&board, at: 5.1))
      #expect(board.ledger[Self.key] == nil)
    }
  }
}
