import Alerts
import Observations
import Testing

@Suite struct `A fault of the ledger` {
  private static let plan = StationPlan(gateway: "g", sensors: [])

  @Test(arguments: [FaultCause.ledgerUnwritable, .storageReserve])
  func `that cannot be written, or gives way for want of room, is an alert until it can`(cause: FaultCause) throws {
    var run = StationRun(Self.plan)
    run.tell(.ledger(nil), at: 5)
    #expect(run.alerts.isEmpty)
    run.tell(.ledger(cause), at: 10)
    run.tell(.ledger(cause), at: 70)
    let alert = try #require(run.alerts.first)
    #expect(alert.kind == .storage && alert.sensor == "board:ledger" && alert.fault == cause)
    #expect(run.station.ledgerFault == cause)
    run.tell(.ledger(nil), at: 130)
    run.tell(.ledger(nil), at: 190)
    #expect(run.alerts.map(\.short) == ["raise storage", "clear storage recovered"])
    #expect(run.station.ledgerFault == nil)
  }

  @Test func `that was begun anew is told for a day, also over a restart`() {
    var run = StationRun(Self.plan)
    run.tell(.ledger(.ledgerDamaged), at: 10)
    run.tell(.ledger(nil), at: 70)
    run.tell(.timePasses, at: 3 * 3600)
    #expect(run.alerts.map(\.short) == ["raise storage", "update storage renewed"])
    var next = StationRun(
      Self.plan, watch: .empty, states: run.ledger, sequences: run.sequences, at: StationRun.moment(3 * 3600 + 10),
      sameBoot: true)
    next.tell(.timePasses, at: 23 * 3600)
    #expect(next.alerts.allSatisfy { $0.reason == "renewed" })
    next.tell(.timePasses, at: 26 * 3600)
    #expect(next.alerts.last?.short == "clear storage recovered")
    #expect(next.alerts.last?.fault == .ledgerDamaged)
    let told = next.alerts.count
    next.tell(.timePasses, at: 60 * 3600)
    #expect(next.alerts.count == told)
  }

  @Test func `that was begun anew counts from 1, although alerts stand that were told with higher numbers`() throws {
    let canal = FloodRule(
      sensor: "canal-1", levels: [.init(step: .caution, threshold: .metres(1.2))], confirm: .readings(1),
      releaseMargin: .metres(0.05), releaseHold: .zero)
    let plan = StationPlan(gateway: "g", sensors: [TestSite.sensors[1]], floods: [canal])
    var run = StationRun(plan)
    for (second, level) in [(0.0, 1.25), (10, 1.0), (20, 1.0), (400, 1.3)] {
      run.tell(.reading("canal-1", .metres(level)), at: second)
    }
    let standing = try #require(run.alerts.last)
    #expect(standing.message == .raise && standing.sequence > 1)
    // Of a ledger that was replaced at the start there is the station's memory, and no number.
    var next = StationRun(
      plan, watch: .empty, states: run.ledger, sequences: [:], at: StationRun.moment(410), sameBoot: true)
    next.tell(.ledger(.ledgerDamaged), at: 420)
    next.tell(.reading("canal-1", .metres(1.0)), at: 430)
    next.tell(.reading("canal-1", .metres(1.0)), at: 440)
    #expect(next.alerts.map(\.sequence) == [1, 2])
    #expect(next.alerts.first?.fault == .ledgerDamaged)
    #expect(next.alerts.last?.id == standing.id && next.alerts.last?.revision == 2)
  }

  @Test func `that changes its cause is one alert`() {
    var run = StationRun(Self.plan)
    run.tell(.ledger(.ledgerDamaged), at: 10)
    run.tell(.ledger(.ledgerUnwritable), at: 100)
    run.tell(.ledger(nil), at: 200)
    #expect(run.alerts.map(\.short) == ["raise storage", "update storage cause", "clear storage recovered"])
    #expect(Set(run.alerts.map(\.id)).count == 1)
  }
}
