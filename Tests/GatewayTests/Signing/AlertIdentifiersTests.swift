import Alerts
import Gateway
import Observations
import Testing

@Suite struct `Ids of alerts and notices` {
  static let origin = AlertOrigin(
    gateway: "kakogawa-042", source: "river-1", kind: "water_level", onset: WallTime(milliseconds: 1_795_000_000_000),
    ordinal: 18)

  static let others = [
    AlertOrigin(
      gateway: "kakogawa-043", source: "river-1", kind: "water_level", onset: origin.onset, ordinal: 18),
    AlertOrigin(gateway: "kakogawa-042", source: "river-2", kind: "water_level", onset: origin.onset, ordinal: 18),
    AlertOrigin(gateway: "kakogawa-042", source: "river-1", kind: "rain", onset: origin.onset, ordinal: 18),
    AlertOrigin(
      gateway: "kakogawa-042", source: "river-1", kind: "water_level", onset: WallTime(milliseconds: 0), ordinal: 18),
    AlertOrigin(gateway: "kakogawa-042", source: "river-1", kind: "water_level", onset: origin.onset, ordinal: 19),
    // The same characters, divided otherwise.
    AlertOrigin(gateway: "kakogawa-04", source: "2river-1", kind: "water_level", onset: origin.onset, ordinal: 18),
    AlertOrigin(gateway: "kakogawa-042", source: "river-1w", kind: "ater_level", onset: origin.onset, ordinal: 18),
  ]

  @Test func `are the same for the same origin in a replay`() {
    let identifier = replayIdentifier(for: Self.origin)
    #expect(identifier == replayIdentifier(for: Self.origin))
    // Computed apart from this program, from the definition.
    #expect(identifier == "kakogawa-042/2J61XCP4KXF4WB644BTM6EPMZ4")
  }

  @Test func `differ with every member of the origin`() {
    let identifiers = ([Self.origin] + Self.others).map { replayIdentifier(for: $0).split(separator: "/")[1] }
    #expect(Set(identifiers).count == identifiers.count)
  }

  @Test func `begin with their time in live running and are sorted by it`() throws {
    let early = try LiveIdentifier.make(gateway: "kakogawa-042", at: WallTime(milliseconds: 1_469_918_176_385))
    let late = try LiveIdentifier.make(gateway: "kakogawa-042", at: WallTime(milliseconds: 1_469_918_176_386))
    // The time of the ULID specification's example.
    #expect(early.hasPrefix("kakogawa-042/01ARYZ6S41"))
    #expect(early.utf8.count == "kakogawa-042/".utf8.count + 26)
    #expect(early < late)
  }

  @Test func `are all different in live running`() {
    let identifiers = (0..<10_000).map { _ in LiveIdentifier.make(for: Self.origin) }
    #expect(Set(identifiers).count == identifiers.count)
    let alphabet = Set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    #expect(identifiers.allSatisfy { $0.dropFirst("kakogawa-042/".count).allSatisfy { alphabet.contains($0) } })
    // 128 bits in 26 characters of 5: the first has 3.
    #expect(identifiers.allSatisfy { "01234567".contains($0.dropFirst("kakogawa-042/".count).first ?? "Z") })
  }

  @Test(arguments: [Int64.min, -1, 0])
  func `are made also by a clock that was never set`(milliseconds: Int64) throws {
    let identifier = try LiveIdentifier.make(gateway: "g", at: WallTime(milliseconds: milliseconds))
    #expect(identifier.hasPrefix("g/0000000000"))
  }
}
