import Alerts
import Foundation
import Observations
import Testing

@Suite struct `A fault that comes and goes` {
  private static let contact = StationPlan(
    gateway: "g", sensors: [TestSite.sensors[2]], contacts: [TestSite.underpass])
  private static let gauge = TestSite.riverOnly([(.caution, 3)])

  /// A loose wire: broken for half a minute, whole for half a minute.
  private static func flicker(_ run: inout StationRun, from start: Double, to end: Double) {
    for second in stride(from: start, to: end, by: 60) {
      run.tell(.fault("underpass-1", .cableBreak), at: second)
      run.tell(.contact("underpass-1", active: false), at: second + 30)
    }
  }

  private static func told(_ run: StationRun) -> [String] {
    run.alerts.filter { $0.reason != "renewed" }.map(\.short)
  }

  private static let unstable = [
    "raise sensor_fault", "clear sensor_fault recovered", "raise sensor_fault", "clear sensor_fault recovered",
    "raise sensor_fault", "update sensor_fault unstable",
  ]

  @Test func `is raised three times at most, then said to be unstable, once`() {
    var run = StationRun(Self.contact)
    Self.flicker(&run, from: 0, to: 86_400)
    run.tell(.timePasses, at: 86_400)
    #expect(Self.told(run) == Self.unstable)
    // It is heard whenever it speaks, all the same.
    #expect(run.observations.last?.value == .contact(active: false))
  }

  @Test func `of a gauge that answers for a while and then not is one too`() {
    var run = StationRun(Self.gauge)
    for cycle in stride(from: 0.0, to: 86_400, by: 110) {
      for second in stride(from: 0.0, through: 30, by: 10) {
        run.tell(.reading("river-1", .metres(1)), at: cycle + second)
      }
    }
    #expect(Self.told(run) == Self.unstable)
  }

  @Test func `ends when the sensor was sound for half an hour`() throws {
    var run = StationRun(Self.contact)
    Self.flicker(&run, from: 0, to: 600)
    run.tell(.timePasses, at: 570 + 1799)
    #expect(Self.told(run) == Self.unstable)
    run.tell(.timePasses, at: 570 + 1800)
    #expect(Self.told(run) == Self.unstable + ["clear sensor_fault recovered"])
    // Then everything begins anew.
    Self.flicker(&run, from: 3000, to: 3060)
    #expect(Self.told(run).suffix(2) == ["raise sensor_fault", "clear sensor_fault recovered"])
  }

  @Test func `decides as any sound sensor between its faults`() {
    var run = StationRun(Self.contact)
    Self.flicker(&run, from: 0, to: 600)
    run.tell(.contact("underpass-1", active: true), at: 700)
    run.tell(.timePasses, at: 720)
    #expect(run.alerts.last?.short == "raise flood_contact")
  }

  @Test func `that comes once in an hour is told each time`() {
    var run = StationRun(Self.contact)
    for hour in 0..<24 { Self.flicker(&run, from: Double(hour) * 3600, to: Double(hour) * 3600 + 60) }
    #expect(run.alerts.count { $0.message == .raise } == 24)
  }

  @Test(arguments: [true, false])
  func `goes on over a restart and over a power cut`(isInOrder: Bool) throws {
    for end in stride(from: 60.0, through: 600, by: 60) {
      var run = StationRun(Self.contact)
      Self.flicker(&run, from: 0, to: end)
      let stop = StationRun.moment(end)
      let states = isInOrder ? (run.ledger + run.station.snapshot(at: stop)).newest : run.ledger
      var next = StationRun(
        Self.contact, watch: .empty,
        states: try JSONDecoder().decode([SavedState].self, from: JSONEncoder().encode(states)),
        sequences: run.sequences, at: stop, sameBoot: isInOrder)
      Self.flicker(&next, from: end, to: 1200)
      next.tell(.timePasses, at: 10_000)
      let told = Self.told(run) + Self.told(next)
      // After a power cut nobody knows that it was said to be unstable already: once more at most.
      let distinct = told.enumerated().filter { $0 == 0 || told[$0 - 1] != $1 }.map(\.element)
      #expect(distinct == Self.unstable + ["clear sensor_fault recovered"], "after \(end)")
      if isInOrder { #expect(told == distinct) }
    }
  }
}
