import Gateway
import Observations
import Testing

@Suite struct `A survey of tags` {
  private static let key = TagKey(bytes: (0..<32).map { UInt8($0) })!

  private static func tag(_ number: UInt32) -> TagIdentifier {
    var bytes = [UInt8](repeating: 0xE2, count: 20)
    for index in 0..<4 { bytes[16 + index] = UInt8(truncatingIfNeeded: number >> (8 * UInt32(index))) }
    return TagIdentifier(format: .iBeacon, bytes: bytes.span)!
  }

  private static func hear(_ survey: inout TagSurvey, _ tag: TagIdentifier, _ signal: Int8) {
    survey.take(.sighting("gate", TagSighting(tag: tag, signal: signal)))
  }

  @Test func `names tags by their hash and never by themselves`() {
    var survey = TagSurvey(key: Self.key)
    for signal in [-60, -62, -64, -90] as [Int8] { Self.hear(&survey, Self.tag(1), signal) }
    Self.hear(&survey, Self.tag(2), -80)
    #expect(survey.tags.map(\.name) == [Self.key.hash(of: Self.tag(1)).hex, Self.key.hash(of: Self.tag(2)).hex])
    #expect(survey.tags[0].histogram.median == -64 && survey.tags[0].histogram.count == 4)
    #expect(!survey.text.contains("e2e2e2e2"))
    #expect(survey.text.contains("ibeacon: 2 tags, 5 sightings"))
    var clear = TagSurvey(key: nil)
    Self.hear(&clear, Self.tag(1), -60)
    #expect(clear.text.contains("e2e2e2e2"))
  }

  @Test func `is bounded, and says what it left out`() {
    var survey = TagSurvey(key: Self.key)
    for number in 0..<UInt32(TagSurvey.mostTags + 100) { Self.hear(&survey, Self.tag(number), -70) }
    #expect(survey.tags.count == TagSurvey.mostTags && survey.others == 100)
    #expect(survey.text.contains("100 sightings of further tags"))
  }

  @Test(arguments: [
    (-127, "█···············"), (-105, "█···············"), (-26, "···············█"), (20, "···············█"),
  ])
  func `puts each strength into a class`(signal: Int8, bars: String) {
    var histogram = SignalHistogram()
    histogram.add(signal)
    #expect(histogram.bars == bars && histogram.median == signal)
  }

  @Test func `without sightings says so`() {
    var survey = TagSurvey(key: Self.key)
    survey.take(.fault("gate", .deaf))
    survey.take(.fault("gate", .deaf))
    survey.take(.alive("gate"))
    #expect(survey.text.contains("no tag of a known format was heard"))
    #expect(survey.faults == [.deaf] && survey.alive == 1)
  }
}
