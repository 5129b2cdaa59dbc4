import Observations
import Testing

@Suite struct `Civil time` {
  static let tokyo = TimeZoneOffsets.fixed(seconds: 9 * 3600)

  @Test(arguments: [
    "2026-11-21T15:02:00+09:00", "2024-02-29T00:00:00+09:00", "1970-01-01T09:00:00+09:00",
    "1969-12-31T23:59:59.999+09:00", "2000-03-01T00:00:00.001+09:00",
  ])
  func `reads what it writes`(text: String) throws {
    let time = try #require(WallTime(rfc3339: text))
    #expect(time.rfc3339(in: Self.tokyo) == text)
  }

  @Test(arguments: [
    "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00", "2026-01-01",
    "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+0900", "x", "2026-01-01T00:00:00+09:00 ",
  ])
  func `refuses what no calendar has`(text: String) {
    #expect(WallTime(rfc3339: text) == nil)
  }

  @Test func `knows the day of the week`() throws {
    let saturday = try #require(WallTime(rfc3339: "2026-11-21T00:00:00+09:00"))
    #expect(CivilTime(saturday, in: Self.tokyo).weekday == 5)
  }

  @Test func `changes its offset when the zone does`() {
    let zone = TimeZoneOffsets([
      .init(start: WallTime(milliseconds: .min), seconds: 3600),
      .init(start: WallTime(milliseconds: 1_000_000), seconds: 7200),
    ])
    #expect(WallTime(milliseconds: 999_000).rfc3339(in: zone).hasSuffix("+01:00"))
    #expect(WallTime(milliseconds: 1_000_000).rfc3339(in: zone).hasSuffix("+02:00"))
  }

  @Test func `counts what lies further apart than can be told as a long time, in both directions`() throws {
    let first = try #require(WallTime(rfc3339: "0001-01-01T00:00:00Z"))
    let last = try #require(WallTime(rfc3339: "9999-12-31T23:59:59Z"))
    #expect(last - first > .hours(24 * 365 * 100) && first - last < .zero - .hours(24 * 365 * 100))
    #expect(last - first + (last - first) > last - first)
    #expect(WallTime(milliseconds: .max) - WallTime(milliseconds: .min) > .hours(24))
    #expect(WallTime(milliseconds: .min) - WallTime(milliseconds: .max) < .zero)
    #expect(last - (last - .minutes(5)) == .minutes(5))
  }
}
