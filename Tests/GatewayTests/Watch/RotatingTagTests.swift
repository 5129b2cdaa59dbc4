import Alerts
import Foundation
import Observations
import TestData
import Testing

@testable import Gateway

@Suite struct `A rotating tag` {
  typealias Fixture = WatchListFixture

  private static let zero = WallTime(rfc3339: "2026-11-01T00:00:00+09:00")!
  private static let identityKey: [UInt8] = Array(0..<16)
  private static let childKey = "000102030405060708090a0b0c0d0e0f"
  private static let resolvingKey = "ec0234a357c8ad05341010a60a397d9b"

  private static func ephemeral(
    exponent: UInt8 = 10, tolerance: TimeSpan = .minutes(10), key: [UInt8] = identityKey
  ) throws -> ResolverKey {
    try #require(
      ResolverKey(scheme: .eddystoneEID(exponent: exponent, zero: zero, tolerance: tolerance), key: key))
  }

  private func identifier(_ number: UInt64) throws -> TagIdentifier {
    try tag(.eddystoneEID, (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) })
  }

  private func address(random: UInt32, hash: UInt32) throws -> TagIdentifier {
    let number = UInt64(random) << 24 | UInt64(hash)
    return try tag(.resolvableAddress, (0..<6).map { UInt8(truncatingIfNeeded: number >> (40 - 8 * $0)) })
  }

  // MARK: Vectors

  @Test(.needsSharedData) func `computes the published identifiers`() throws {
    var seen = 0
    for line in try SharedData.text("vectors/wire_vectors.txt").split(separator: "\n") where line.hasPrefix("K=") {
      for vector in line.split(separator: ";") {
        let words = vector.split(whereSeparator: { " =>-".contains($0) }).map(String.init)
        // "K 10 t 65280 3439…", the K only where it changes.
        let exponent = try #require(
          words.firstIndex(of: "K").map { UInt8(words[$0 + 1]) }
            ?? line.split(separator: " ").first.map { UInt8($0.dropFirst(2)) } ?? nil)
        let time = try #require(words.firstIndex(of: "t").flatMap { UInt32(words[$0 + 1]) })
        let expected = try #require(words.last.flatMap { UInt64($0, radix: 16) })
        let key = try Self.ephemeral(exponent: exponent, tolerance: .zero)
        #expect(key.ephemeralIdentifier(atSeconds: time) == expected, "\(vector)")
        seen += 1
      }
    }
    #expect(seen == 5)
  }

  @Test func `computes the specification's address hash`() throws {
    let key = try #require(ResolverKey(scheme: .address, key: try bytes(Self.resolvingKey)))
    #expect(key.addressHash(random: 0x708194) == 0x0DFBAA)
  }

  @Test func `encrypts as FIPS 197 does`() throws {
    let cipher = try #require(AES128(key: Array(0..<16)))
    let block = AES128.Block(first: 0x0011_2233_4455_6677, second: 0x8899_AABB_CCDD_EEFF)
    #expect(
      cipher.encrypted(block) == AES128.Block(first: 0x69C4_E0D8_6A7B_0430, second: 0xD8CD_B780_70B4_C55A))
    #expect(AES128(key: Array(0..<15)) == nil)
  }

  // MARK: The watch list

  /// A list with one tag by Eddystone-EID, one by its address, and one whose key nobody has.
  private func list(_ keys: [String: ResolverKey]) throws -> WatchList {
    var city = try Fixture()
    func entry(_ format: String, _ reference: String, _ subject: String) -> String {
      #"{"resolver":{"format":"\#(format)","key_ref":"\#(reference)"},"subject":"\#(subject)","person":"child","#
        + #""at":[{"gateway":"kakogawa-042","place":"school-7-gate"}]}"#
    }
    city.parts = [
      #"{"tags":[\#(entry("eddystone-eid", "child-1", String(repeating: "1", count: 24))),"#
        + #"\#(entry("rpa", "child-2", String(repeating: "2", count: 24))),"#
        + #"\#(entry("rpa", "child-3", String(repeating: "3", count: 24)))]}"#
    ]
    let verifier = WatchListVerifier(
      root: "mimamori/282103", group: "east", gateway: "kakogawa-042", places: ["school-7-gate"],
      authorities: [
        SigningAuthority(keyIdentifier: "bousai-2026", publicKey: city.key.publicKey, rights: ["watchlist"])
      ],
      tagKeys: ["2026-11": city.tagKey], resolverKeys: keys)
    return try verifier.accept(fileBytes: try city.file(), acceptedRevision: 0, at: Fixture.now)
  }

  private func keys() throws -> [String: ResolverKey] {
    [
      "child-1": try Self.ephemeral(),
      "child-2": try #require(ResolverKey(scheme: .address, key: try bytes(Self.resolvingKey))),
    ]
  }

  private let first = SubjectID(String(repeating: "1", count: 24))
  private let second = SubjectID(String(repeating: "2", count: 24))

  @Test func `is followed through its rotation, and its clock may be wrong within reason`() throws {
    var matcher = TagMatcher()
    let list = try list(keys())
    #expect(list.warnings.count == 1)
    #expect(list.warnings.first?.hasPrefix("1 rotating tags") == true)
    matcher.use(list)
    let key = try Self.ephemeral()
    let time = MonotonicTime(nanoseconds: 0)
    // Nothing is known before the time is.
    #expect(matcher.match(try identifier(try #require(key.ephemeralIdentifier(atSeconds: 0))), at: time) == nil)
    for minutes in stride(from: Int64(0), through: 6000, by: 7) {
      let now = Self.zero + .minutes(minutes)
      matcher.follow(now)
      for offset in [-600, -599, 0, 599, 600] as [Int64] {
        let seconds = minutes * 60 + offset
        guard seconds >= 0 else { continue }
        let sent = try identifier(try #require(key.ephemeralIdentifier(atSeconds: UInt32(seconds))))
        #expect(matcher.match(sent, at: time) == first, "\(minutes) min, off by \(offset) s")
      }
      let far = try identifier(try #require(key.ephemeralIdentifier(atSeconds: UInt32(minutes * 60 + 1024 + 601))))
      #expect(matcher.match(far, at: time) == nil)
    }
  }

  @Test func `is found again after the clock was set, forward and back`() throws {
    var matcher = TagMatcher()
    matcher.use(try list(keys()))
    let key = try Self.ephemeral()
    for seconds in [0, 86_400, 5_000_000, 3600, 4_000_000_000] as [Int64] {
      matcher.follow(Self.zero + .seconds(seconds))
      let sent = try identifier(try #require(key.ephemeralIdentifier(atSeconds: UInt32(seconds))))
      #expect(matcher.match(sent, at: MonotonicTime(nanoseconds: 0)) == first)
    }
    // Before the tag's clock ran, and after it would overflow, there is nobody.
    for seconds in [-601, Int64(UInt32.max) + 3600] as [Int64] {
      matcher.follow(Self.zero + .seconds(seconds))
      #expect(matcher.match(try identifier(0), at: MonotonicTime(nanoseconds: 0)) == nil)
    }
  }

  @Test func `is known by an address that its key explains`() throws {
    var matcher = TagMatcher()
    matcher.use(try list(keys()))
    let key = try #require(keys()["child-2"])
    for round in 0..<50 {
      let time = MonotonicTime(nanoseconds: Int64(round) * 1_000_000_000)
      let random = 0x400000 | UInt32(round * 7919) & 0x3FFFFF
      let own = try address(random: random, hash: key.addressHash(random: random))
      let strange = try address(random: random, hash: key.addressHash(random: random) ^ 1)
      #expect(matcher.match(own, at: time) == second)
      #expect(matcher.match(strange, at: time) == nil)
      #expect(matcher.match(own, at: time) == second)
    }
    #expect(matcher.rememberedCount == 100)
    #expect(matcher.postponedAddresses == 0)
  }

  @Test func `costs a bounded time among any number of strangers, and is heard all the same`() throws {
    let keys = try (0..<1000).map { number in
      RotatingTags.Tag(
        key: try #require(
          ResolverKey(
            scheme: .address, key: [UInt8(number >> 8), UInt8(number & 0xFF)] + Array(repeating: 7, count: 14))),
        member: number, hash: SHA256Hash(ofArray: [UInt8(number & 0xFF)]))
    }
    var tags = RotatingTags(keys)
    var later = 0
    for number in 0..<2000 {
      let strange = try address(random: 0x400000 | UInt32(number), hash: 0)
      if tags.resolve(address: strange, at: MonotonicTime(nanoseconds: 1)) == .later { later += 1 }
    }
    // Fifty thousand tries are fifty strangers.
    #expect(later == 1950)
    #expect(tags.postponed == 1950)
    let own = try address(random: 0x412345, hash: keys[999].key.addressHash(random: 0x412345))
    #expect(tags.resolve(address: own, at: MonotonicTime(nanoseconds: 1)) == .later)
    #expect(tags.resolve(address: own, at: MonotonicTime(nanoseconds: 100_000_000)) == .member(999))
  }

  @Test func `has a name in recordings that does not change`() throws {
    var matcher = TagMatcher()
    matcher.use(try list(keys()))
    let key = try Self.ephemeral()
    var hashes = Set<SHA256Hash>()
    for hour in 0..<24 {
      matcher.follow(Self.zero + .hours(Int64(hour)))
      let sent = try identifier(try #require(key.ephemeralIdentifier(atSeconds: UInt32(hour * 3600))))
      let hash = try #require(matcher.listedHash(of: sent))
      #expect(matcher.subject(forHash: hash) == first)
      hashes.insert(hash)
    }
    #expect(hashes.count == 1)
    #expect(matcher.listedHash(of: try identifier(99)) == nil)
    let irk = try #require(keys()["child-2"])
    let own = try address(random: 0x412345, hash: irk.addressHash(random: 0x412345))
    #expect(matcher.listedHash(of: own) == nil, "not before it was matched")
    _ = matcher.match(own, at: MonotonicTime(nanoseconds: 0))
    #expect(matcher.listedHash(of: own).flatMap { matcher.subject(forHash: $0) } == second)
  }

  @Test func `prints neither its key nor what it sends`() throws {
    var matcher = TagMatcher()
    matcher.use(try list(keys()))
    matcher.follow(Self.zero)
    var dumped = ""
    dump(matcher, to: &dumped)
    dump(try Self.ephemeral(), to: &dumped)
    let sent = try #require(try Self.ephemeral().ephemeralIdentifier(atSeconds: 0))
    #expect(!dumped.contains("\(sent)"))
    #expect(!dumped.contains("506097522914230528"))  // the key's first half as a number
    #expect(!dumped.contains("50462976"))
  }

  // MARK: The file of keys

  private func read(_ text: String) -> Result<[String: ResolverKey], ResolverKey.FileProblem> {
    do {
      return .success(try ResolverKey.keys(ofFile: Array(text.utf8)))
    } catch {
      return .failure(error)
    }
  }

  @Test func `has its key in a file`() throws {
    let text = """
      {"keys":[
        {"ref":"child-1","format":"eddystone-eid","key":"\(Self.childKey)","rotation_exponent":10,
         "clock_zero":"2026-11-01T00:00:00+09:00","clock_tolerance":"1h"},
        {"ref":"child-2","format":"rpa","key":"\(Self.resolvingKey.uppercased())"}]}
      """
    let keys = try read(text).get()
    #expect(keys.count == 2)
    #expect(keys["child-1"]?.scheme == .eddystoneEID(exponent: 10, zero: Self.zero, tolerance: .hours(1)))
    #expect(keys["child-2"]?.addressHash(random: 0x708194) == 0x0DFBAA)
  }

  @Test(arguments: [
    (#"{"keys":[{"ref":"a b","format":"rpa","key":"00"}]}"#, "ref"),
    (#"{"keys":[{"ref":"a","format":"rpa","key":"00"}]}"#, "key is not 32"),
    (#"{"keys":[{"ref":"a","format":"ibeacon","key":"000102030405060708090a0b0c0d0e0f"}]}"#, "neither"),
    (#"{"keys":[{"ref":"a","format":"rpa","key":"00000000000000000000000000000000"}]}"#, "equal bytes"),
    (
      #"{"keys":[{"ref":"a","format":"rpa","key":"000102030405060708090a0b0c0d0e0f"},"#
        + #"{"ref":"a","format":"rpa","key":"000102030405060708090a0b0c0d0e0f"}]}"#, "before"
    ),
    (
      #"{"keys":[{"ref":"a","format":"eddystone-eid","key":"000102030405060708090a0b0c0d0e0f","rotation_exponent":16,"#
        + #""clock_zero":"2026-11-01T00:00:00+09:00"}]}"#, "rotation_exponent"
    ),
    (
      #"{"keys":[{"ref":"a","format":"eddystone-eid","key":"000102030405060708090a0b0c0d0e0f","rotation_exponent":10}]}"#,
      "clock_zero"
    ),
    (
      #"{"keys":[{"ref":"a","format":"eddystone-eid","key":"000102030405060708090a0b0c0d0e0f","rotation_exponent":0,"#
        + #""clock_zero":"2026-11-01T00:00:00+09:00","clock_tolerance":"1h"}]}"#, "31 rotations"
    ),
    (#"{"keys":{}}"#, "wrong kind"),
  ])
  func `is refused by a file that is wrong, with its place and never its key`(text: String, reason: String) {
    guard case .failure(let problem) = read(text) else {
      Issue.record("accepted: \(text)")
      return
    }
    #expect(problem.reason.contains(reason))
    #expect(!problem.advice.isEmpty)
    #expect(!problem.reason.contains("0001020304"))
  }
}
