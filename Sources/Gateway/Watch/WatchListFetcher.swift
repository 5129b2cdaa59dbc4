import Alerts
import Delivery
import Logging
import Observations
import SensorDrivers

/// Fetches the group's watch list from the broker: the manifest as it comes, its parts one by one and only for a newer
/// revision, each gateway at a moment of its own.
///
/// Nothing that comes changes the list in use before all of it is proved. Reading ten thousand tags takes a while: a
/// thread of its own does it, so that sensing waits for nothing.
final class WatchListFetcher: EventSource {
  /// A list that was proved, with the bytes that are kept over a restart.
  struct Accepted {
    let list: WatchList
    let record: StateRecord
  }

  /// A manifest whose signature is good, and what it was in.
  private struct Offer {
    let text: [UInt8]
    let manifest: WatchListManifest
    var parts: [ArraySlice<UInt8>] = []
    /// What is at the broker is not this list, or not all of it. It may yet be brought.
    var hasFailed = false

    /// The same, of which nothing is here.
    var failed: Offer { Offer(text: text, manifest: manifest, hasFailed: true) }
  }

  private enum Phase {
    case idle
    /// A newer list is there; it is fetched at this time.
    case waiting(Offer, until: MonotonicTime)
    /// The next part is asked for, and given up at this time.
    case fetching(Offer, until: MonotonicTime)
    case reading(Offer, WatchListReading)
  }

  /// How long a part may take; and how long is waited before all is tried again.
  private static let partTime = TimeSpan.minutes(1)
  private static let retryTime = TimeSpan.minutes(10)
  /// So many manifests are looked at in a second, and so many at once after a calm: whoever may write there could keep a
  /// small board busy with signatures.
  private static let mostPerSecond = 1
  private static let mostAtOnce = 10

  private let verifier: WatchListVerifier
  private let topics: Topics
  private let group: String
  private let within: TimeSpan
  private let listen: ([Subscription]) -> Void
  private let logger: Logger
  private let now: () -> Moment
  private let accepted: (Accepted) -> Void
  private var phase = Phase.idle
  private(set) var revision: Int
  /// Why the last list that was offered is not used, as a word for the heartbeat.
  private(set) var refusal: String?
  /// The manifest that was refused last, so that the same is not fetched and not logged again.
  private var refused: [UInt8] = []
  private var pace = Pace(perSecond: mostPerSecond, burst: mostAtOnce, now: 0)
  /// The last manifest that came too early to be looked at, or while a list was being read.
  private var postponed: [UInt8]?
  /// The last manifest that was refused as expired, and when it is judged again: the clock may have been wrong, and a
  /// broker passes on a retained message once.
  private var expired: (text: [UInt8], judgedAgainAt: MonotonicTime)?
  /// What was logged within the minute that began then: each reason once.
  private var logged: (since: MonotonicTime, reasons: Set<WatchListRefusal.Reason>)?
  private let random: (ClosedRange<Int64>) -> Int64

  /// - Parameters:
  ///   - revision: the highest that was accepted, over all restarts; 0 for none.
  ///   - within: each fetch begins at a random moment within this time.
  ///   - listen: listens to these parts, and to no other part.
  ///   - accepted: takes a list that is to be used from now on.
  init(
    verifier: WatchListVerifier, topics: Topics, group: String, revision: Int, within: TimeSpan,
    logger: Logger, now: @escaping () -> Moment,
    random: @escaping (ClosedRange<Int64>) -> Int64 = { Int64.random(in: $0) },
    listen: @escaping ([Subscription]) -> Void, accepted: @escaping (Accepted) -> Void
  ) {
    self.verifier = verifier
    self.topics = topics
    self.group = group
    self.revision = revision
    self.within = within
    self.listen = listen
    self.logger = logger
    self.now = now
    self.random = random
    self.accepted = accepted
  }

  var interest: EventInterest? {
    if case .reading(_, let reading) = phase { EventInterest(descriptor: reading.descriptor) } else { nil }
  }

  var nextDeadline: MonotonicTime? {
    let next: MonotonicTime? = postponed == nil ? nil : MonotonicTime(nanoseconds: pace.nextNanoseconds())
    let due = [next, expired?.judgedAgainAt].compactMap(\.self)
    switch phase {
    case .idle: return due.min()
    case .reading: return nil
    case .waiting(_, let time), .fetching(_, let time): return due.reduce(time) { min($0, $1) }
    }
  }

  /// Takes a message of the list's topics.
  func take(_ message: IncomingMessage) {
    if message.topic == topics.watchlist(group) { return receive(message.payload) }
    guard case .fetching(var offer, _) = phase, message.topic == partTopic(offer.manifest, offer.parts.count + 1)
    else { return }
    let expected = offer.manifest.parts[offer.parts.count]
    guard message.payload.count == expected.bytes, SHA256Hash.hex(of: message.payload) == expected.sha256 else {
      let error = WatchListRefusal(
        .altered, "part \(expected.number) is not the one that was signed",
        "publish the parts before the manifest, each as it was signed; all is tried again in some minutes, or when the "
          + "manifest is published again")
      say(error)
      return tryLater(offer, error.reason, at: now().monotonic)
    }
    offer.parts.append(message.payload[...])
    go(on: offer)
  }

  func ready(at time: MonotonicTime) {
    guard case .reading(let offer, let reading) = phase, let result = reading.take() else { return }
    switch result {
    case .success(let list):
      phase = .idle
      revision = list.revision
      refusal = nil
      for warning in list.warnings { logger.warning("\(warning)") }
      logger.info(
        "Watch list revision \(list.revision) holds; \(list.plan.members.count) persons are watched over here.")
      let bytes = WatchListFile(manifest: offer.text, parts: offer.parts).bytes
      accepted(Accepted(list: list, record: StateRecord(key: WatchListKeeper.recordKey, value: bytes)))
    case .failure(let error): refuse(offer, error)
    }
    takePostponed(at: time)
  }

  func wake(at time: MonotonicTime) {
    switch phase {
    case .waiting(let offer, let due) where due <= time: go(on: Offer(text: offer.text, manifest: offer.manifest))
    case .fetching(let offer, let end) where end <= time:
      logger.warning(
        """
        Part \(offer.parts.count + 1) of watch list revision \(offer.manifest.revision) is not at the broker: publish it \
        retained. The list in use stays, and all is tried again in some minutes.
        """)
      tryLater(offer, .incomplete, at: time)
    default: break
    }
    takePostponed(at: time)
    takeExpired(at: time)
  }

  private func takeExpired(at time: MonotonicTime) {
    guard let (text, due) = expired, due <= time else { return }
    expired = (text, time + Self.retryTime)
    // What came later goes first.
    if postponed == nil { receive(text) }
  }

  /// A broker passes on a retained message once.
  private func takePostponed(at time: MonotonicTime) {
    if case .reading = phase { return }
    guard let text = postponed, pace.available(now: time.nanoseconds) > 0 else { return }
    postponed = nil
    receive(text)
  }

  private func tryLater(_ offer: Offer, _ reason: WatchListRefusal.Reason, at time: MonotonicTime) {
    refusal = reason.rawValue
    listen([])
    phase = .waiting(offer.failed, until: time + Self.retryTime + jitter)
  }

  private func partTopic(_ manifest: WatchListManifest, _ number: Int) -> String {
    topics.watchlistPart(group, revision: manifest.revision, number: number)
  }

  private var jitter: TimeSpan { TimeSpan(nanoseconds: random(0...within.nanoseconds)) }

  private func receive(_ text: [UInt8]) {
    // An empty retained message is how a manifest is taken from the broker: it takes no list from a gateway.
    guard !text.isEmpty, text != refused else { return }
    let isReading = if case .reading = phase { true } else { false }
    let moment = now()
    guard !isReading, pace.available(now: moment.monotonic.nanoseconds) > 0 else {
      postponed = text
      return
    }
    pace.take(1)
    postponed = nil
    judge(text, at: moment)
  }

  private func judge(_ text: [UInt8], at moment: Moment) {
    let manifest: WatchListManifest
    do {
      manifest = try verifier.manifest(text, acceptedRevision: revision, at: moment)
    } catch {
      return refuse(text, error, at: moment.monotonic)
    }
    // It is the one at the broker now.
    expired = nil
    guard manifest.revision > revision else {
      refusal = nil
      return
    }
    switch phase {
    case .waiting(let offer, _), .fetching(let offer, _):
      guard manifest.revision > offer.manifest.revision - (offer.hasFailed ? 1 : 0) else { return }
      listen([])
    case .idle, .reading: break
    }
    phase = .waiting(Offer(text: text, manifest: manifest), until: moment.monotonic + jitter)
  }

  /// Asks for the next part, or reads the list when all are there.
  private func go(on offer: Offer) {
    let moment = now()
    guard offer.parts.count == offer.manifest.parts.count else {
      let next = offer.manifest.parts[offer.parts.count]
      listen([Subscription(topic: partTopic(offer.manifest, next.number), maximumBytes: next.bytes)])
      phase = .fetching(offer, until: moment.monotonic + Self.partTime)
      return
    }
    listen([])
    do throws(DeliveryError) {
      let file = WatchListFile(manifest: offer.text, parts: offer.parts)
      phase = .reading(
        offer, try WatchListReading(file, verifier: verifier, acceptedRevision: revision, at: moment))
    } catch {
      logger.error("Failed to read the watch list. It is tried again in some minutes. \(error)")
      phase = .waiting(
        Offer(text: offer.text, manifest: offer.manifest), until: moment.monotonic + Self.retryTime + jitter)
    }
  }

  private func refuse(_ offer: Offer, _ error: WatchListRefusal) {
    phase = .idle
    listen([])
    refuse(offer.text, error, at: now().monotonic)
  }

  /// A clock that is set later may judge the end differently: what has expired is kept, and said once.
  private func refuse(_ text: [UInt8], _ error: WatchListRefusal, at time: MonotonicTime) {
    refusal = error.reason.rawValue
    guard error.reason == .expired else {
      refused = text
      return say(error)
    }
    let isKnown = expired?.text == text
    expired = (text, time + Self.retryTime)
    if !isKnown { say(error) }
  }

  /// Each reason once a minute: whoever forges must not fill the log.
  private func say(_ error: WatchListRefusal) {
    let time = now().monotonic
    var reasons = logged.flatMap { time - $0.since < .minutes(1) ? $0.reasons : nil }
    let since = reasons == nil ? time : logged?.since ?? time
    let isNew = reasons?.insert(error.reason).inserted ?? true
    logged = (since, reasons ?? [error.reason])
    guard isNew else { return }
    logger.error("The watch list at the broker is refused, and the list in use stays. \(error)")
  }
}
