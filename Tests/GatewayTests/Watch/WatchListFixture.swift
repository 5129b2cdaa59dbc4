import Alerts
import Foundation
import Gateway
import Observations
import Testing

/// A city that signs lists and a gateway that judges them, with every member of a list open to be spoilt.
struct WatchListFixture {
  static let subject = "7f3a9c52e1b84d0f9a61c2d3"
  static let clearTag = "e2c56db5dffb48d2b060d0f5a71096e003e90007"
  static let now = Moment(
    monotonic: MonotonicTime(nanoseconds: 0), wall: WallTime(rfc3339: "2026-11-21T09:00:00+09:00")!,
    clock: .synchronized)

  let key: Ed25519.PrivateKey
  let tagKey: TagKey
  var keyIdentifier = "bousai-2026"
  var type = "mimamori-watchlist"
  /// The manifest's members as JSON; `parts` is made from `parts` unless it is given here.
  var manifest: [String: String] = [
    "root": #""mimamori/282103""#, "group": #""east""#, "revision": "7", "issued": #""2026-11-20T00:00:00+09:00""#,
    "valid_until": #""2027-03-31T23:59:59+09:00""#, "tag_kid": #""2026-11""#,
  ]
  var parts: [String]
  var rights: Set<String> = ["watchlist"]

  init() throws {
    key = try Ed25519.PrivateKey()
    tagKey = try #require(TagKey(bytes: Array(0..<32)))
    parts = [
      Self.part(Self.entry(hash: tagKey.hash(of: try tag("ibeacon", Self.clearTag)).hex)),
      Self.part(Self.entry(hash: String(repeating: "a", count: 64), gateway: "elsewhere-1", place: "station")),
    ]
  }

  static func entry(
    hash: String, subject: String = subject, person: String = "child", gateway: String = "kakogawa-042",
    place: String = "school-7-gate", rules: String? = nil
  ) -> String {
    let rules = rules.map { #","rules":\#($0)"# } ?? ""
    return #"{"tag":"\#(hash)","subject":"\#(subject)","person":"\#(person)","#
      + #""at":[{"gateway":"\#(gateway)","place":"\#(place)"\#(rules)}]}"#
  }

  static func part(_ entries: String...) -> String {
    #"{"tags":[\#(entries.joined(separator: ","))]}"#
  }

  /// The list as a file, signed by the city.
  func file() throws -> [UInt8] {
    var members = manifest
    if members["parts"] == nil {
      let parts = parts.enumerated().map { index, part in
        #"{"n":\#(index + 1),"sha256":"\#(SHA256Hash.hex(of: Array(part.utf8)))","bytes":\#(part.utf8.count)}"#
      }
      members["parts"] = "[\(parts.joined(separator: ","))]"
    }
    let text = members.sorted { $0.key < $1.key }.map { #""\#($0.key)":\#($0.value)"# }.joined(separator: ",")
    return try file(payload: "{\(text)}")
  }

  func file(payload: String) throws -> [UInt8] {
    let manifest = try JSONWebSignature.sign(
      Array(payload.utf8), type: type, keyIdentifier: keyIdentifier, with: key)
    return WatchListFile(manifest: manifest, parts: parts.map { Array($0.utf8)[...] }).bytes
  }

  var verifier: WatchListVerifier {
    WatchListVerifier(
      root: "mimamori/282103", group: "east", gateway: "kakogawa-042", places: ["school-7-gate", "school-7-back"],
      authorities: [SigningAuthority(keyIdentifier: "bousai-2026", publicKey: key.publicKey, rights: rights)],
      tagKeys: ["2026-11": tagKey])
  }

  func accept(_ bytes: [UInt8], revision: Int = 0, at now: Moment = now) throws(WatchListRefusal) -> WatchList {
    try verifier.accept(fileBytes: bytes, acceptedRevision: revision, at: now)
  }

  /// Why the list is refused, or nil if it is accepted.
  func refusal(revision: Int = 0, at now: Moment = now) throws -> WatchListRefusal? {
    refusal(of: try file(), revision: revision, at: now)
  }

  func refusal(of bytes: [UInt8], revision: Int = 0, at now: Moment = now) -> WatchListRefusal? {
    do {
      _ = try accept(bytes, revision: revision, at: now)
      return nil
    } catch {
      return error
    }
  }
}
