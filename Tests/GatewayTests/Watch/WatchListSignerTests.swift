import Alerts
import Foundation
import Gateway
import Observations
import Testing

@Suite struct `Signing a watch list` {
  let key: Ed25519.PrivateKey
  let signer: WatchListSigner
  let tagKey: TagKey

  init() throws {
    key = try Ed25519.PrivateKey()
    tagKey = try #require(TagKey(bytes: Array(0..<32)))
    signer = WatchListSigner(
      key: key, keyIdentifier: "bousai-2026", tagKey: tagKey, tagKeyIdentifier: "2026-11")
  }

  private var scope: WatchListSigner.Scope {
    WatchListSigner.Scope(
      root: "mimamori/282103", group: "east", revision: 3, issued: WatchListFixture.now.wall,
      validUntil: WatchListFixture.now.wall + .hours(24))
  }

  private var verifier: WatchListVerifier {
    WatchListVerifier(
      root: "mimamori/282103", group: "east", gateway: "kakogawa-042", places: ["school-7-gate"],
      authorities: [
        SigningAuthority(keyIdentifier: "bousai-2026", publicKey: key.publicKey, rights: ["watchlist"])
      ], tagKeys: ["2026-11": tagKey])
  }

  private func person(_ number: Int, tags: String) -> String {
    let digits = "\(number)"
    let subject = String(repeating: "0", count: 24 - digits.count) + digits
    return #"{"subject":"\#(subject)","person":"child","tags":[\#(tags)],"#
      + #""at":[{"gateway":"kakogawa-042","place":"school-7-gate","rules":{"not_arrived_by":"08:30"}}]}"#
  }

  private func draft(_ persons: [String]) -> [UInt8] {
    Array(#"{"persons":[\#(persons.joined(separator: ","))]}"#.utf8)
  }

  @Test func `makes what a gateway accepts, without a tag in the clear`() throws {
    let clear = "E2C56DB5DFFB48D2B060D0F5A71096E003E90007"
    let file = try signer.sign(
      draft: draft([person(1, tags: #"{"format":"ibeacon","id":"\#(clear)"},{"format":"line","id":"0011223344"}"#)]),
      for: scope)
    let list = try verifier.accept(fileBytes: file.bytes, acceptedRevision: 0, at: WatchListFixture.now)
    #expect(list.plan.members.count == 1)
    #expect(list.expectations.count == 1)
    var matcher = TagMatcher()
    matcher.use(list)
    let time = MonotonicTime(nanoseconds: 0)
    #expect(matcher.match(try tag("ibeacon", clear.lowercased()), at: time) == list.plan.members.first?.subject)
    #expect(matcher.match(try tag("line", "0011223344"), at: time) == list.plan.members.first?.subject)
    let text = String(decoding: file.bytes, as: UTF8.self).lowercased()
    #expect(!text.contains(clear.lowercased()))
    #expect(!text.contains("0011223344"))
    let payload = try #require(Base64URL.decode(array: file.manifest.split(separator: UInt8(ascii: "."))[1]))
    #expect(!String(decoding: payload, as: UTF8.self).lowercased().contains(clear.lowercased()))
  }

  @Test func `divides a long list into parts that all fit`() throws {
    let persons = (1...2000).map { number in
      let digits = String(number, radix: 16)
      let id = String(repeating: "0", count: 40 - digits.count) + digits
      return person(number, tags: #"{"format":"ibeacon","id":"\#(id)"}"#)
    }
    let file = try signer.sign(draft: draft(persons), for: scope)
    #expect(file.parts.count > 1)
    #expect(file.parts.allSatisfy { $0.count <= WatchListManifest.maximumPartBytes })
    #expect(file.parts.dropLast().allSatisfy { $0.count > WatchListManifest.maximumPartBytes - 400 })
    let list = try verifier.accept(fileBytes: file.bytes, acceptedRevision: 0, at: WatchListFixture.now)
    #expect(list.plan.members.count == 2000)
  }

  @Test func `gives the same bytes for the same input`() throws {
    let persons = draft([person(1, tags: #"{"format":"line","id":"0011223344"}"#)])
    #expect(try signer.sign(draft: persons, for: scope).bytes == (try signer.sign(draft: persons, for: scope).bytes))
  }

  static let badDrafts: [(String, String)] = [
    ("{}", "persons is missing"), ("", "byte 1"),
    (
      #"{"persons":[{"subject":"hanako","person":"child","tags":[{"format":"line","id":"0011223344"}],"at":[]}]}"#,
      "persons[0].subject is not 24 to 40 hexadecimal digits"
    ),
    (
      #"{"persons":[{"subject":"000000000000000000000001","person":"child","tags":[],"at":[]}]}"#,
      "persons[0] has no tags"
    ),
    (
      #"{"persons":[{"subject":"000000000000000000000001","person":"adult","tags":[],"at":[]}]}"#,
      "persons[0].person has a value that is not known"
    ),
  ]

  @Test(arguments: badDrafts)
  func `refuses a bad draft with status 65`(draft: String, problem: String) throws {
    let error = #expect(throws: GatewayError.self) { try signer.sign(draft: Array(draft.utf8), for: scope) }
    #expect(error?.status == .badInputData)
    #expect(error?.description.contains(problem) == true, "\(error?.description ?? "")")
  }

  static let badTags: [(String, String)] = [
    (#"{"format":"bluetooth","id":"0011223344"}"#, "tags[0].format is not known"),
    (#"{"format":"ibeacon","id":"0011223344"}"#, "tags[0].id is not 40 hexadecimal digits"),
    (#"{"format":"line","id":"00-11-22"}"#, "tags[0].id is not 10 hexadecimal digits"),
    (#"{"format":"line","id":7}"#, "tags[0].id is of the wrong kind"),
    (
      #"{"format":"line","id":"00112233aa"},{"format":"line","id":"00112233AA"}"#,
      "tags[1] stands in the list before"
    ),
  ]

  @Test(arguments: badTags)
  func `names a bad tag by its place and never by its identifier`(tags: String, problem: String) throws {
    let good = person(1, tags: #"{"format":"line","id":"5555555555"}"#)
    let error = #expect(throws: GatewayError.self) {
      try signer.sign(draft: draft([good, person(2, tags: tags)]), for: scope)
    }
    #expect(error?.description.contains("persons[1].\(problem)") == true, "\(error?.description ?? "")")
    #expect(error?.description.lowercased().contains("00112233") == false)
  }

  @Test func `refuses one subject for two persons and a place that is no identifier`() throws {
    let first = person(1, tags: #"{"format":"line","id":"0000000001"}"#)
    let second = person(1, tags: #"{"format":"line","id":"0000000002"}"#)
    let twice = #expect(throws: GatewayError.self) { try signer.sign(draft: draft([first, second]), for: scope) }
    #expect(twice?.description.contains("persons[1].subject stands in the list before") == true)
    let place = first.replacing("school-7-gate", with: "正門")
    let unusable = #expect(throws: GatewayError.self) { try signer.sign(draft: draft([place]), for: scope) }
    #expect(unusable?.status == .badInputData)
    #expect(unusable?.description.contains("place is not 1 to 40 of a-z") == true)
  }

  @Test func `refuses more than one manifest can name`() throws {
    let rules = #""rules":{"except":[\#(Array(repeating: #""2026-11-23""#, count: 300).joined(separator: ","))]}"#
    let persons = (1...600).map { number in
      let digits = String(number, radix: 16)
      return person(
        number, tags: #"{"format":"line","id":"\#(String(repeating: "0", count: 10 - digits.count) + digits)"}"#
      ).replacing(#""rules":{"not_arrived_by":"08:30"}"#, with: rules)
    }
    let error = #expect(throws: GatewayError.self) { try signer.sign(draft: draft(persons), for: scope) }
    #expect(error?.status == .badInputData)
    #expect(error?.description.contains("parts are more than a manifest of 4096 bytes can name") == true)
  }
}
