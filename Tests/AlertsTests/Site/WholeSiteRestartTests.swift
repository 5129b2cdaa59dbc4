import Alerts
import Foundation
import Observations
import Testing

/// Every detector, and a stop and a start anywhere.
@Suite struct `A restart of a site` {
  private static func stored(_ states: [SavedState]) throws -> [SavedState] {
    try JSONDecoder().decode([SavedState].self, from: JSONEncoder().encode(states.filter { !$0.isForgotten }))
  }

  /// What is told, beside the boot's clock.
  private static func told(_ alert: Alert) -> String {
    """
    \(alert.id) \(alert.revision) \(alert.sequence) \(alert.short) \(alert.severity) \(alert.certainty) \
    \(alert.mode) \(alert.acknowledged != nil) \(alert.onset.wall) \(alert.detected.wall) \(alert.references) \(String(describing: alert.observed))
    """
  }

  private static func told(_ notice: Notice) -> String {
    """
    \(notice.id) \(notice.sequence) \(notice.kind) \(notice.place) \(notice.sensor) \(notice.detected.wall) \
    \(notice.lastSeen.wall) \(notice.confidence) \(notice.whereabouts) \(notice.searchCase ?? "")
    """
  }

  private static let long = WholeSite(seed: 7, count: 400)
  private static let whole = long.run()
  private static let parts = 8

  @Test func `is tried in a recording with every kind of input, in which much is told`() {
    var kinds: Set<String> = []
    for event in Self.long.events { kinds.insert(String("\(event.input)".prefix { $0 != "(" })) }
    #expect(
      kinds == [
        "reading", "contact", "tips", "sighting", "position", "alive", "fault", "watch", "command", "timePasses",
      ])
    #expect(Self.whole.alerts.count > 20 && Self.whole.notices.count > 4 && Self.whole.outputs.count > 2)
  }

  /// Every prefix of the recording, and then the whole rest of it. In parts, so that they run side by side.
  @Test(arguments: 0..<parts)
  func `after any line changes no message`(part: Int) throws {
    let events = Self.long.events
    let alerts = Self.whole.alerts.map(Self.told)
    let notices = Self.whole.notices.map(Self.told)
    var first = WholeSite.begin()
    for (index, event) in events.enumerated() {
      first.tell(event.input, at: event.moment)
      guard index % Self.parts == part else { continue }
      var second = StationRun(
        WholeSite.plan, watch: Self.long.list(after: index + 1),
        states: try Self.stored(first.ledger + first.station.snapshot(at: event.moment)), sequences: first.sequences,
        at: event.moment, sameBoot: true)
      for later in events[(index + 1)...] { second.tell(later.input, at: later.moment) }
      let restOfAlerts = Array(alerts.dropFirst(first.alerts.count))
      let restOfNotices = Array(notices.dropFirst(first.notices.count))
      #expect(Self.difference(second.alerts.map(Self.told), restOfAlerts) == nil, "after \(index + 1) lines")
      #expect(Self.difference(second.notices.map(Self.told), restOfNotices) == nil, "after \(index + 1) lines")
    }
  }

  /// A stop and a start after every line: never two lines in one run.
  @Test(arguments: [3, 4, 5] as [UInt64])
  func `after every line changes no message`(seed: UInt64) throws {
    let site = WholeSite(seed: seed, count: isSoak ? 3000 : 500)
    let whole = site.run()
    var run = WholeSite.begin()
    var (alerts, notices) = (run.alerts, run.notices)
    var sequences: [String: UInt64] = [:]
    var list = WholeSite.watch(1)
    // What the ledger's file holds: the newest state of each key.
    var ledger: [String: SavedState] = [:]
    for event in site.events {
      if case .watch(let newer) = event.input { list = newer }
      run.tell(event.input, at: event.moment)
      alerts += run.alerts
      notices += run.notices
      sequences.merge(run.sequences) { max($0, $1) }
      for state in run.saves + run.station.snapshot(at: event.moment) {
        ledger[state.key] = state.isForgotten ? nil : state
      }
      run = StationRun(
        WholeSite.plan, watch: list, states: try Self.stored(ledger.keys.sorted().compactMap { ledger[$0] }),
        sequences: sequences, at: event.moment, sameBoot: true)
    }
    alerts += run.alerts
    notices += run.notices
    #expect(Self.difference(alerts.map(Self.told), whole.alerts.map(Self.told)) == nil)
    #expect(Self.difference(notices.map(Self.told), whole.notices.map(Self.told)) == nil)
  }

  /// The first message that is not the same.
  private static func difference(_ ours: [String], _ theirs: [String]) -> String? {
    for (index, (our, their)) in zip(ours, theirs).enumerated() where our != their {
      return "message \(index + 1): \(our)\ninstead of \(their)"
    }
    return ours.count == theirs.count ? nil : "\(ours.count) messages instead of \(theirs.count)"
  }
}
