import Alerts
import Gateway
import Observations

/// The board of every life: a river's gauge and siren, an underpass, a rain gauge, a school's gate.
enum Site {
  static let gateway = "kakogawa-042"
  static let river: SensorID = "river-1"
  static let underpass: SensorID = "underpass-1"
  static let rain: SensorID = "rain-1"
  static let gate: SensorID = "gate-north"
  static let siren: OutputID = "siren"
  static let topics = Topics(root: "mimamori/282103", watchRoot: "mimamori-watch/282103", gateway: gateway)
  /// In millimetres.
  static let danger: Int64 = 4_000
  static let sirenOn = TimeSpan.minutes(3)
  static let sirenPause = TimeSpan.minutes(10)

  static let plan = StationPlan(
    gateway: gateway,
    sensors: [
      SensorPlan(
        id: river, name: "加古川 国包橋", quantity: .waterLevel,
        range: Measure(thousandths: -1_000)...Measure(thousandths: 10_000), staleAfter: .minutes(35)),
      SensorPlan(id: underpass, name: "国包アンダーパス", quantity: .floodContact),
      SensorPlan(id: rain, name: "国包雨量計", quantity: .rain, tip: Measure(thousandths: 500)),
      SensorPlan(id: gate, name: "正門 北", quantity: .beacon, staleAfter: .minutes(50)),
    ],
    floods: [
      FloodRule(
        sensor: river,
        levels: zip(LadderStep.allCases, [2_000, 3_000, 3_500, danger, 5_200]).map {
          .init(step: $0, threshold: Measure(thousandths: $1))
        },
        confirm: .readings(2), releaseMargin: Measure(thousandths: 100), releaseHold: .minutes(10),
        realertAfter: .minutes(5))
    ],
    contacts: [
      ContactRule(
        sensor: underpass, severity: .severe, wetAfter: .seconds(20), dryAfter: .minutes(10), realertAfter: .minutes(5))
    ],
    places: [
      PlaceRule(
        id: "school-7-gate", name: "国包小学校 正門", sensors: [gate], enter: -75, leave: -85, sightingsCount: 3,
        sightingsOf: 5, dwell: .seconds(10), goneAfter: .seconds(60))
    ],
    outputs: [
      OutputRule(
        id: siren, maxOn: sirenOn, coolDown: sirenPause,
        soundAt: SirenRule(severity: .severe, allOf: [river], whenOneIsFaulty: .otherDecides))
    ],
    rains: [
      RainRule(
        sensor: rain,
        amounts: [
          .init(amount: Measure(thousandths: 3_000), within: .minutes(10), severity: .moderate, suppress: .minutes(30))
        ])
    ], zone: .fixed(seconds: 9 * 3600))

  static func formats(boot: String, epoch: String, previousEpoch: String?, withCAP: Bool) -> Formats {
    Formats(
      FormatContext(
        plan: plan, name: "国包 水位・見守り局", municipality: "282103", contact: nil,
        position: Position(latitude: 34.7993, longitude: 134.8862), zone: plan.zone, zoneName: "Asia/Tokyo",
        languages: ["ja"],
        cap: withCAP ? CAPIdentity(sender: "kakogawa-042@example.jp", scope: .unrestricted, restriction: nil) : nil,
        topics: topics, version: "0.1.0", configurationSHA256: String(repeating: "0f", count: 32), boot: boot,
        epoch: epoch, previousEpoch: previousEpoch))
  }

  static let persons = 5

  /// The tag of a person on the list, or of a stranger.
  static func tag(_ number: Int) -> TagIdentifier? {
    let bytes = (0..<20).map { UInt8(truncatingIfNeeded: $0 < 16 ? 0x40 + $0 : number >> (8 * (19 - $0))) }
    return TagIdentifier(format: .iBeacon, bytes: bytes.span)
  }

  /// A signed list of five children, as a gateway accepts it.
  static func watchList() throws -> WatchList {
    guard let tagKey = TagKey(bytes: Array(0..<32)), let key = Ed25519.PrivateKey(bytes: Array(32..<64)) else {
      throw LifeError("The keys of the watch list cannot be made")
    }
    let entries = (0..<persons).map { number -> String in
      let bytes = (0..<20).map { $0 < 16 ? 0x40 + $0 : number >> (8 * (19 - $0)) & 0xFF }
      let identifier = bytes.map { String($0 + 0x100, radix: 16).dropFirst() }.joined()
      return #"{"subject":"7f3a9c52e1b84d0f9a61c2d\#(number)","person":"child","tags":[{"format":"ibeacon","id":"#
        + #""\#(identifier)"}],"at":[{"gateway":"\#(gateway)","place":"school-7-gate"}]}"#
    }
    let draft = #"{"persons":[\#(entries.joined(separator: ","))]}"#
    let signer = WatchListSigner(key: key, keyIdentifier: "city", tagKey: tagKey, tagKeyIdentifier: "2026")
    let file = try signer.sign(
      draft: Array(draft.utf8),
      for: WatchListSigner.Scope(
        root: topics.root, group: "east", revision: 1, issued: WallTime(milliseconds: 1_795_000_000_000),
        validUntil: WallTime(milliseconds: 1_895_000_000_000)))
    let verifier = WatchListVerifier(
      root: topics.root, group: "east", gateway: gateway, places: ["school-7-gate"],
      authorities: [SigningAuthority(keyIdentifier: "city", publicKey: key.publicKey, rights: ["watchlist"])],
      tagKeys: ["2026": tagKey])
    let now = Moment(
      monotonic: MonotonicTime(nanoseconds: 0), wall: WallTime(milliseconds: 1_795_219_200_000), clock: .synchronized)
    return try verifier.accept(file, acceptedRevision: 0, at: now)
  }
}

/// What keeps a life from being lived at all.
struct LifeError: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }
}
