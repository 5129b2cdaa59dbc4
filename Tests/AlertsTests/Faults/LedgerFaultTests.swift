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

  @Test func `that changes its cause is one alert`() {
    var run = StationRun(Self.plan)
    run.tell(.ledger(.ledgerDamaged), at: 10)
    run.tell(.ledger(.ledgerUnwritable), at: 100)
    run.tell(.ledger(nil), at: 200)
    #expect(run.alerts.map(\.short) == ["raise storage", "update storage cause", "clear storage recovered"])
    #expect(Set(run.alerts.map(\.id)).count == 1)
  }
}
