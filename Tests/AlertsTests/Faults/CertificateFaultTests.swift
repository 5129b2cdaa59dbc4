import Alerts
import Observations
import Testing

@Suite struct `A certificate of the board` {
  private static let plan = StationPlan(gateway: "g", sensors: [], certificates: [.own, .authority])

  @Test func `that ends soon is an alert until it is renewed, and one that has ended is news`() throws {
    var run = StationRun(Self.plan)
    run.tell(.certificate(.own, nil), at: 5)
    #expect(run.alerts.isEmpty)
    run.tell(.certificate(.own, .certificateExpiring), at: 10)
    run.tell(.certificate(.own, .certificateExpiring), at: 20)
    let alert = try #require(run.alerts.first)
    #expect(alert.kind == .certificate && alert.sensor == "board:certificate" && alert.name == "mqtt.tls.certificate")
    run.tell(.certificate(.own, .certificateExpired), at: 30)
    #expect(run.station.fault(of: .own) == .certificateExpired)
    run.tell(.certificate(.own, nil), at: 40)
    run.tell(.certificate(.own, nil), at: 50)
    #expect(
      run.alerts.map(\.short) == ["raise certificate", "update certificate cause", "clear certificate recovered"])
    #expect(Set(run.alerts.map(\.id)).count == 1)
  }

  @Test func `is an alert of its own beside another, and each clears alone`() {
    var run = StationRun(Self.plan)
    run.tell(.certificate(.own, .certificateExpiring), at: 10)
    run.tell(.certificate(.authority, .certificateExpired), at: 20)
    #expect(Set(run.alerts.map(\.id)).count == 2)
    run.tell(.certificate(.own, nil), at: 30)
    #expect(run.station.fault(of: .own) == nil && run.station.fault(of: .authority) == .certificateExpired)
  }

  @Test(arguments: [true, false])
  func `is still told of after a restart, unless the configuration has it no more`(isConfigured: Bool) {
    var run = StationRun(Self.plan)
    run.tell(.certificate(.authority, .certificateExpiring), at: 10)
    let plan = isConfigured ? Self.plan : StationPlan(gateway: "g", sensors: [], certificates: [.own])
    var next = StationRun(
      plan, watch: .empty, states: run.ledger, sequences: run.sequences, at: StationRun.moment(100), sameBoot: true)
    next.tell(.certificate(.own, nil), at: 110)
    #expect(next.alerts.map(\.short) == (isConfigured ? [] : ["clear certificate removed"]))
    #expect(next.station.fault(of: .authority) == (isConfigured ? .certificateExpiring : nil))
  }
}
