import Alerts
import Gateway
import Observations
import SensorDrivers

/// A school gate with a receiver: every report goes the whole way that it goes in the gateway, from the UART's bytes
/// through the decoder and the tag matcher to the decision whether somebody has arrived.
struct SchoolGate {
  /// What one read of a serial port brings at most.
  private static let chunkBytes = 4096
  private static let sensor = SensorID("gate-north")
  private static let place = PlaceID("school-7-gate")

  private var receiver = BeaconReceiver(sensor: SchoolGate.sensor)
  private var matcher = TagMatcher()
  private var station: Station
  private var actions = DriverActions()
  private var effects = Effects()
  private var time = MonotonicTime(nanoseconds: 1_000_000_000)
  private let started = WallTime(milliseconds: 1_795_000_000_000)

  private(set) var sightings = 0
  private(set) var notices = 0

  /// - Parameter registered: the tags of so many persons are on the watch list.
  init(registered: Int) throws {
    let plan = StationPlan(
      gateway: "benchmark",
      sensors: [SensorPlan(id: Self.sensor, name: "gate", quantity: .beacon, staleAfter: .minutes(2))],
      places: [
        PlaceRule(
          id: Self.place, name: "gate", sensors: [Self.sensor], enter: -75, leave: -85, sightingsCount: 3,
          sightingsOf: 5, dwell: .seconds(10), goneAfter: .seconds(60))
      ])
    station = Station(plan: plan, identify: replayIdentifier)
    let list = try Self.watchList(registered)
    matcher.use(list)
    station.start(at: moment, into: &effects)
    station.handle(.watch(list.plan), at: moment, into: &effects)
    effects.removeAll()
    try startListening(&receiver, at: time)
  }

  private var moment: Moment {
    Moment(
      monotonic: time, wall: started + .milliseconds(time.nanoseconds / 1_000_000), clock: .synchronized)
  }

  /// A list as the city signs it and a gateway accepts it.
  private static func watchList(_ registered: Int) throws -> WatchList {
    let persons = (0..<registered).map { number in
      let tag = AdvertisingTraffic.identifier(of: UInt32(number)).map { byte in
        let digits = String(byte, radix: 16)
        return digits.utf8.count == 1 ? "0\(digits)" : digits
      }.joined()
      let digits = String(0x1000_0000 + number, radix: 16)
      return """
        {"subject":"5f0a3c9be1d24786\(digits)","person":"child","tags":[{"format":"ibeacon","id":"\(tag)"}],\
        "at":[{"gateway":"benchmark","place":"\(place.text)"}]}
        """
    }
    guard let tagKey = TagKey(bytes: (0..<32).map { UInt8($0) }) else { throw BenchmarkFailure("No tag key") }
    let key = try Ed25519.PrivateKey()
    let signer = WatchListSigner(key: key, keyIdentifier: "city", tagKey: tagKey, tagKeyIdentifier: "tags")
    let issued = WallTime(milliseconds: 1_794_000_000_000)
    let file = try signer.sign(
      draft: Array("{\"persons\":[\(persons.joined(separator: ","))]}".utf8),
      for: WatchListSigner.Scope(
        root: "mimamori/282103", group: "east", revision: 1, issued: issued, validUntil: issued + .hours(24 * 365)))
    let verifier = WatchListVerifier(
      root: "mimamori/282103", group: "east", gateway: "benchmark", places: [place],
      authorities: [
        SigningAuthority(keyIdentifier: "city", publicKey: key.publicKey, rights: ["watchlist"])
      ],
      tagKeys: ["tags": tagKey])
    return try verifier.accept(
      file, acceptedRevision: 0,
      at: Moment(monotonic: MonotonicTime(nanoseconds: 0), wall: issued, clock: .synchronized))
  }

  /// Hears `traffic` as fast as it can, in the traffic's own time.
  mutating func hear(_ traffic: AdvertisingTraffic) {
    var start = 0
    while start < traffic.bytes.count {
      let end = min(start + Self.chunkBytes, traffic.bytes.count)
      time = time + AdvertisingTraffic.interval * Int64((end - start) / AdvertisingTraffic.packetBytes)
      receiver.received(traffic.bytes.span.extracting(start..<end), at: time, into: &actions)
      let now = moment
      for timed in actions.observations {
        let input: StationInput?
        switch timed.observation {
        case .sighting(let sensor, let sighting):
          sightings += 1
          input = matcher.input(for: sighting, from: sensor, at: timed.time)
        case .alive(let sensor): input = .alive(sensor)
        default: input = nil
        }
        if let input { station.handle(input, at: now, into: &effects) }
      }
      actions.removeAll()
      notices += effects.notices.count
      effects.removeAll()
      start = end
    }
  }
}

/// Reports a second: of 2,000 tags, 300 of them registered and 150 of these near, that are heard again and again, and of tags that nobody has heard before.
func receiverFigures() throws {
  let passes = 5
  var generator = SeededGenerator(seed: 1)
  var gate = try SchoolGate(registered: 300)
  let known = AdvertisingTraffic(
    of: (0..<200_000).map { _ in UInt32.random(in: 0..<2_000, using: &generator) }, using: &generator)
  Rates.measure {
    for _ in 0..<passes { gate.hear(known) }
    return passes * known.reports
  }.report("reports-known")
  guard gate.sightings == 10 * passes * known.reports, gate.notices == 150 else {
    throw BenchmarkFailure(
      "Of \(10 * passes * known.reports) reports \(gate.sightings) were heard, \(gate.notices) notices made")
  }

  // More than the matcher remembers, so that each is new again in the next pass.
  let new = AdvertisingTraffic(of: (0..<200_000).map { UInt32(1_000_000 + $0) }, using: &generator)
  var street = try SchoolGate(registered: 300)
  Rates.measure {
    for _ in 0..<passes { street.hear(new) }
    return passes * new.reports
  }.report("reports-new")
  guard street.sightings == 10 * passes * new.reports, street.notices == 0 else {
    throw BenchmarkFailure("Of \(10 * passes * new.reports) strangers' reports \(street.sightings) were heard")
  }
}
