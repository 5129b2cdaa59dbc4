import Observations
import Testing

@testable import Alerts

@Suite struct `Rain that is over, with an alert that waits` {
  private static let plan = StationPlan(
    gateway: "g", sensors: [SensorPlan(id: "rain-1", name: "雨量計", quantity: .rain, tip: .metres(0.5))],
    rains: [
      RainRule(
        sensor: "rain-1",
        amounts: [.init(amount: .metres(3), within: .minutes(10), severity: .severe, suppress: .hours(4))])
    ])

  @Test func `is said to be below its amount until when, and not as a rain of 0 mm`() throws {
    var run = StationRun(Self.plan)
    for count in 0...7 as ClosedRange<UInt64> { run.tell(.tips("rain-1", count: count), at: Double(count) * 10) }
    #expect(run.alerts.map(\.short) == ["raise rain"])
    let raised = try #require(run.alerts.first)
    #expect(raised.until == nil)
    run.tell(.timePasses, at: 3 * 3600)
    let renewed = try #require(run.alerts.last)
    #expect(renewed.reason == "renewed" && renewed.observed?.value == .metres(0))
    #expect(renewed.until == raised.detected.wall + .hours(4))
    let texts = Wording(languages: Catalogue.languages, contact: nil, zone: Samples.tokyo).texts(for: renewed)
    #expect(texts[0].headline == "雨量計：雨量は設定値 3.0 mm（10分間）を下回っています")
    #expect(texts[2].headline == "雨量計: rainfall now below the configured 3.0 mm in 10 min")
    #expect(texts[2].description.contains("does not end before"))
    for text in texts { #expect(!text.headline.contains("0.0") && !text.headline.contains("0,0")) }
    // It rains again: the alert is about rain once more.
    for count in 8...16 as ClosedRange<UInt64> { run.tell(.tips("rain-1", count: count), at: 10_800 + Double(count)) }
    run.tell(.timePasses, at: 10_820)
    run.tell(.timePasses, at: 5 * 3600)
    #expect(run.alerts.last?.short == "clear rain released")
    #expect(run.alerts.last?.until == nil)
  }
}
