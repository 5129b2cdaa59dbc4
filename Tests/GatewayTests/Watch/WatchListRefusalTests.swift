import Gateway
import Observations
import Testing

@Suite struct `A refused watch list` {
  typealias Fixture = WatchListFixture

  /// How a good list is spoilt, and what is said then.
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var reason: WatchListRefusal.Reason
    var problem: String
    var spoil: @Sendable (inout Fixture) -> Void
    var testDescription: String { name }

    init(
      _ name: String, _ reason: WatchListRefusal.Reason, _ problem: String,
      spoil: @escaping @Sendable (inout Fixture) -> Void
    ) {
      self.name = name
      self.reason = reason
      self.problem = problem
      self.spoil = spoil
    }
  }

  static let hash = String(repeating: "a", count: 64)

  static let signatures: [Case] = [
    Case("an unknown signer", .signature, "no [[authority]] has the kid 'someone'") { $0.keyIdentifier = "someone" },
    Case("a signer without the right", .signature, "the authority 'bousai-2026' may not 'watchlist'") {
      $0.rights = ["test", "silence"]
    },
    Case("a signed command", .signature, "it is of type 'mimamori-command', not 'mimamori-watchlist'") {
      $0.type = "mimamori-command"
    },
  ]

  static let manifests: [Case] = [
    Case("another root", .wrongRoot, "it is for the root 'mimamori/1', not 'mimamori/282103'") {
      $0.manifest["root"] = #""mimamori/1""#
    },
    Case("another group", .wrongGroup, "it is for the group 'west', not 'east'") { $0.manifest["group"] = #""west""# },
    Case("control characters", .wrongGroup, "it is for the group '?[31mwest', not 'east'") {
      $0.manifest["group"] = #""\u001b[31mwest""#
    },
    Case("another tag key", .unknownTagKey, "its tags are hashed under the key '2025-01', not one of this gateway's") {
      $0.manifest["tag_kid"] = #""2025-01""#
    },
    Case("no revision", .malformed, "its manifest is malformed: revision is missing") { $0.manifest["revision"] = nil },
    Case("revision 0", .malformed, "revision is below 1") { $0.manifest["revision"] = "0" },
    Case("a revision in text", .malformed, "revision is of the wrong kind") { $0.manifest["revision"] = #""7""# },
    Case("a revision that is no whole number", .malformed, "a value is not known or not in range") {
      $0.manifest["revision"] = "7.5"
    },
    Case("a bad end", .malformed, "valid_until is no RFC 3339 time") { $0.manifest["valid_until"] = #""2027-03-31""# },
    Case("a bad beginning", .malformed, "issued is no RFC 3339 time") { $0.manifest["issued"] = #""now""# },
    Case("an end before its beginning", .malformed, "valid_until is not after issued") {
      $0.manifest["issued"] = #""2028-01-01T00:00:00+09:00""#
    },
    Case("parts that begin at 2", .malformed, "parts[0].n is not 1") {
      $0.manifest["parts"] = #"[{"n":2,"sha256":"\#(hash)","bytes":1}]"#
    },
    Case("a bad hash", .malformed, "parts[0].sha256 is not 64 hexadecimal digits in lower case") {
      $0.manifest["parts"] = #"[{"n":1,"sha256":"\#(hash.uppercased())","bytes":1}]"#
    },
    Case("an empty part", .malformed, "parts[0].bytes is below 1") {
      $0.manifest["parts"] = #"[{"n":1,"sha256":"\#(hash)","bytes":0}]"#
    },
    Case("a long part", .tooLong, "part 1 has 65537 bytes, more than 65536") {
      $0.manifest["parts"] = #"[{"n":1,"sha256":"\#(hash)","bytes":65537}]"#
    },
    Case("a missing part", .incomplete, "it has 0 of 2 parts") {
      let parts = $0.parts
      $0.manifest["parts"] = Self.names(parts)
      $0.parts = []
    },
    Case("a part too many", .incomplete, "something follows part 2, which is the last") {
      $0.manifest["parts"] = Self.names($0.parts)
      $0.parts.append("{}")
    },
    Case("a part of another length", .altered, "part 2 has ") {
      $0.manifest["parts"] = Self.names($0.parts)
      $0.parts[1] += " "
    },
    Case("another part", .altered, "part 1 is not the one that was signed") {
      $0.manifest["parts"] = Self.names($0.parts)
      $0.parts[0] = $0.parts[0].replacing("7f3a", with: "7f3b")
    },
  ]

  static let entries: [Case] = [
    Case("a part that is no JSON", .malformed, "part 1 is malformed: byte 1") { $0.parts[0] = "tags" },
    Case("a part without tags", .malformed, "part 2 is malformed: tags is missing") { $0.parts[1] = "{}" },
    Case("a member twice", .malformed, "a member is given twice") { $0.parts[0] = #"{"tags":[],"tags":[]}"# },
    Case("a tag in the clear", .malformed, "tags[0].tag is not 64 hexadecimal digits in lower case") {
      $0.parts[0] = Fixture.part(Fixture.entry(hash: Fixture.clearTag))
    },
    Case("neither tag nor resolver", .malformed, "tags[0].tag or resolver must be given, and not both") {
      $0.parts[0] = $0.parts[0].replacing("\"tag\"", with: "\"tagged\"")
    },
    Case("a name for a pseudonym", .malformed, "tags[0].subject is not 24 to 40 hexadecimal digits in lower case") {
      $0.parts[0] = Fixture.part(Fixture.entry(hash: hash, subject: "hanako"))
    },
    Case("a pseudonym that splits a topic", .malformed, "tags[0].subject is not") {
      $0.parts[0] = Fixture.part(Fixture.entry(hash: hash, subject: "7f3a9c52e1b84d0f9a61c2d/"))
    },
    Case("a person of no known kind", .malformed, "tags[0].person") {
      $0.parts[0] = Fixture.part(Fixture.entry(hash: hash, person: "adult"))
    },
    Case("a place that is no identifier", .malformed, "tags[0].at[0].place is not 1 to 40 of a-z, 0-9 and hyphens") {
      $0.parts[0] = Fixture.part(Fixture.entry(hash: hash, place: "School #7"))
    },
    Case("a gateway that is no identifier", .malformed, "tags[0].at[0].gateway is not") {
      $0.parts[0] = Fixture.part(Fixture.entry(hash: hash, gateway: "+"))
    },
    Case("a place twice", .malformed, "tags[0].at[1] names a place for the second time") {
      let place = #"{"gateway":"kakogawa-042","place":"school-7-gate"}"#
      $0.parts[0] = $0.parts[0].replacing(place, with: "\(place),\(place)")
    },
    Case("too many places", .malformed, "tags[0].at has more than 64 places") {
      let place = #"{"gateway":"kakogawa-042","place":"school-7-gate"}"#
      $0.parts[0] = $0.parts[0].replacing(place, with: Array(repeating: place, count: 65).joined(separator: ","))
    },
    Case("an unknown place", .unknownPlace, "names the place 'park-3', which this gateway does not have") {
      $0.parts[0] = Fixture.part(Fixture.entry(hash: hash, place: "park-3"))
    },
    Case("a tag twice in a part", .duplicateTag, "part 1, tags[1] has a tag that stands in the list before") {
      $0.parts[0] = Fixture.part(
        Fixture.entry(hash: hash), Fixture.entry(hash: hash, subject: "ffffffffffffffffffffffff"))
      $0.parts.removeLast()
    },
    Case("a tag twice, once elsewhere", .duplicateTag, "part 2, tags[0] has a tag that stands in the list before") {
      $0.parts[0] = Fixture.part(Fixture.entry(hash: hash))
    },
    Case("a child that is an elder", .contradiction, "part 2, tags[0] says that a person is a child") {
      $0.parts[1] = Fixture.part(Fixture.entry(hash: hash, person: "elder", gateway: "elsewhere-1"))
    },
    Case("two rules", .contradiction, "part 2, tags[0] has other rules for 'school-7-gate'") {
      $0.parts[1] = Fixture.part(Fixture.entry(hash: hash, rules: #"{"not_arrived_by":"08:30"}"#))
    },
  ]

  private static func names(_ parts: [String]) -> String {
    let names = parts.enumerated().map { index, part in
      #"{"n":\#(index + 1),"sha256":"\#(SHA256Hash.hex(of: Array(part.utf8)))","bytes":\#(part.utf8.count)}"#
    }
    return "[\(names.joined(separator: ","))]"
  }

  @Test(arguments: signatures + manifests + entries)
  func `says what is wrong and what to do`(spoilt: Case) throws {
    var city = try Fixture()
    #expect(try city.refusal() == nil)
    spoilt.spoil(&city)
    let refusal = try #require(try city.refusal())
    #expect(refusal.reason == spoilt.reason)
    #expect(refusal.description.hasPrefix("Failed to accept the watch list: "))
    #expect(refusal.description.contains(spoilt.problem), "\(refusal)")
    #expect(!refusal.description.contains(Fixture.clearTag))
  }

  @Test func `may be older than the accepted one`() throws {
    let refusal = try #require(try Fixture().refusal(revision: 8))
    #expect(refusal.reason == .older)
    #expect(refusal.description.contains("its revision 7 is older than 8, which was accepted"))
  }

  @Test func `may be unsigned, empty or no list at all`() throws {
    let city = try Fixture()
    let payload = Array("{}".utf8)
    let unsigned = Array("eyJhbGciOiJub25lIn0.".utf8) + Base64URL.encode(array: payload) + Array(".".utf8)
    #expect(city.refusal(of: unsigned)?.reason == .signature)
    #expect(city.refusal(of: [])?.reason == .malformed)
    #expect(city.refusal(of: [UInt8(ascii: "\n")])?.reason == .malformed)
    #expect(city.refusal(of: Array("hello\n".utf8))?.reason == .signature)
    #expect(city.refusal(of: Array(repeating: UInt8(ascii: "a"), count: 5000))?.reason == .tooLong)
    #expect(city.refusal(of: Array(repeating: 0, count: WatchListFile.maximumBytes + 1))?.reason == .tooLong)
  }

  @Test func `may be signed by somebody else under the right name`() throws {
    let city = try Fixture()
    let other = try Fixture()
    let refusal = try #require(city.refusal(of: try other.file()))
    #expect(refusal.reason == .signature)
    #expect(refusal.description.contains("the signature is not by the key of 'bousai-2026'"))
  }

  @Test func `may have more than 10,000 tags`() throws {
    var city = try Fixture()
    let subjects = (0..<10_001).map { SHA256Hash.hex(of: Array("\($0)".utf8)) }
    let entries = subjects.map { hash in
      #"{"tag":"\#(hash)","subject":"\#(hash.prefix(24))","person":"child","at":[]}"#
    }
    city.parts = stride(from: 0, to: entries.count, by: 450).map { start in
      #"{"tags":[\#(entries[start..<min(start + 450, entries.count)].joined(separator: ","))]}"#
    }
    let refusal = try #require(try city.refusal())
    #expect(refusal.reason == .tooLong)
    #expect(refusal.description.contains("it has more than 10000 tags"))
    city.parts[city.parts.count - 1] = #"{"tags":[]}"#
    #expect(try city.refusal() == nil)
  }
}
